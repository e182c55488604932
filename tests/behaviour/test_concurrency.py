# SPDX-License-Identifier: Apache-2.0
"""Many clients at once: increments, claims, transfers, and a reader that waits at the tip."""
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

WORKERS = 8


@pytest.fixture
def together():
    """Runs a function for 0..count-1 on several threads; returns the results."""

    def run(function, count):
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(function, range(count)))

    return run


def pk(text):
    return {"pk": {"S": text}}


def test_increments_add_up(client, table, together):
    name = table()

    def increment(_):
        client.update_item(TableName=name, Key=pk("a"), UpdateExpression="ADD n :one",
                           ExpressionAttributeValues={":one": {"N": "1"}})

    together(increment, 200)
    assert client.get_item(TableName=name, Key=pk("a"))["Item"]["n"] == {"N": "200"}


def test_exactly_one_claim_wins(client, table, together):
    name = table()

    def claim(who):
        try:
            client.put_item(TableName=name, Item={**pk("a"), "who": {"N": str(who)}},
                            ConditionExpression="attribute_not_exists(pk)")
        except client.exceptions.ConditionalCheckFailedException:
            return None
        return str(who)

    winners = [who for who in together(claim, 40) if who is not None]
    assert len(winners) == 1
    assert client.get_item(TableName=name, Key=pk("a"))["Item"]["who"] == {"N": winners[0]}


def test_transfers_keep_the_sum(client, table, together):
    name = table()
    for account in "ab":
        client.put_item(TableName=name, Item={**pk(account), "n": {"N": "50"}})

    def change(account, amount):
        return {"Update": {
            "TableName": name, "Key": pk(account), "UpdateExpression": "SET n = n + :d",
            "ConditionExpression": "n >= :least",
            "ExpressionAttributeValues": {":d": {"N": str(amount)},
                                          ":least": {"N": str(max(0, -amount))}},
        }}

    def transfer(i):
        source, target = ("a", "b") if i % 2 else ("b", "a")
        try:
            client.transact_write_items(
                TransactItems=[change(source, -(i % 7)), change(target, i % 7)]
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "TransactionCanceledException"
        both = client.transact_get_items(
            TransactItems=[{"Get": {"TableName": name, "Key": pk(a)}} for a in "ab"]
        )["Responses"]
        return sum(int(r["Item"]["n"]["N"]) for r in both)

    assert set(together(transfer, 100)) == {100}


def test_every_change_is_in_the_stream_once(client, streams, table, together):
    name = table(view="NEW_IMAGE")
    together(lambda i: client.put_item(TableName=name, Item=pk(str(i))), 200)
    arn = client.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    found = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"],
                                        ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        found += streams.get_records(ShardIterator=at)["Records"]
    assert sorted(int(r["dynamodb"]["Keys"]["pk"]["S"]) for r in found) == list(range(200))


def test_waiting_reader_gets_the_next_record(client, streams, raw, table):
    name = table(view="NEW_IMAGE")
    arn = client.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    found, got = [], threading.Event()

    def follow(shard):
        at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"],
                                        ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while not got.is_set():
            answer = raw("GetRecords", {"ShardIterator": at}, "DynamoDBStreams_20120810.",
                         {"X-Weir-Wait-Ms": "300"})
            if answer.body["Records"]:
                found.extend(answer.body["Records"])
                got.set()
            at = answer.body["NextShardIterator"]

    threads = [threading.Thread(target=follow, args=(shard,)) for shard in shards]
    for thread in threads:
        thread.start()
    client.put_item(TableName=name, Item=pk("a"))
    for thread in threads:
        thread.join(20)
    assert [r["dynamodb"]["Keys"] for r in found] == [pk("a")]
