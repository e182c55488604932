# SPDX-License-Identifier: Apache-2.0
"""Time to live: expired items are deleted by the service, soon; everything else stays.

The server's clock is the real one, so an item expires by being given a time in the past. A test
waits for a deletion that it can see, with a deadline; that something stays is only held against a
deletion that happened later.
"""
import time
import uuid

import pytest

DEADLINE_SECONDS = 20
YEAR = 365 * 24 * 3600


def s(text):
    return {"S": text}


def now():
    return int(time.time())


def enable(client, name, attribute="ttl", on=True):
    spec = {"Enabled": on, "AttributeName": attribute}
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=spec)


def put(client, name, pk, ttl=None, **attributes):
    item = {"pk": s(pk), **attributes}
    if ttl is not None:
        item["ttl"] = {"N": str(ttl)} if isinstance(ttl, (int, float)) else ttl
    client.put_item(TableName=name, Item=item)


def wait_until(what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not what():
        assert time.monotonic() < deadline, "nothing was deleted in time"
        time.sleep(0.05)


def names(client, name):
    pages = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return {item["pk"]["S"] for page in pages for item in page["Items"]}


def wait_gone(client, name, *gone):
    wait_until(lambda: not names(client, name) & set(gone))


@pytest.fixture
def swept(client, table):
    """A table whose attribute `ttl` is its time of expiry."""
    name = table()
    enable(client, name)
    return name


def witness(client, name):
    """Goes after everything that expired earlier: what is there afterwards was to stay."""
    pk = f"witness-{uuid.uuid4().hex}"
    put(client, name, pk, now() - 2)
    wait_gone(client, name, pk)


def records(client, streams, name):
    arn = client.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    found = []
    for shard in shards:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        found += streams.get_records(ShardIterator=iterator)["Records"]
    return found


def test_expired_item_is_deleted(client, swept):
    put(client, swept, "old", now() - 60)
    wait_gone(client, swept, "old")


def test_item_that_expires_later_stays(client, swept):
    put(client, swept, "later", now() + 3600)
    witness(client, swept)
    assert names(client, swept) == {"later"}


def test_item_that_expires_while_we_wait(client, swept):
    put(client, swept, "soon", now() + 1)
    assert names(client, swept) == {"soon"}
    wait_gone(client, swept, "soon")


@pytest.mark.parametrize("ttl", [
    None, {"S": "1"}, {"NULL": True}, {"L": [{"N": "1"}]}, {"NS": ["1"]}, {"BOOL": True},
])
def test_item_without_a_number_stays(client, swept, ttl):
    put(client, swept, "kept", ttl)
    witness(client, swept)
    assert names(client, swept) == {"kept"}


@pytest.mark.parametrize("age,stays", [(6 * YEAR, True), (4 * YEAR, False)])
def test_items_older_than_five_years_stay(client, swept, age, stays):
    put(client, swept, "old", now() - age)
    if stays:
        witness(client, swept)
        assert names(client, swept) == {"old"}
    else:
        wait_gone(client, swept, "old")


@pytest.mark.parametrize("ttl", [0, -5, 10**30])
def test_odd_numbers_stay(client, swept, ttl):
    put(client, swept, "kept", ttl)
    witness(client, swept)
    assert names(client, swept) == {"kept"}


def test_fraction_of_a_second(client, swept):
    put(client, swept, "old", {"N": f"{now() - 60}.75"})
    wait_gone(client, swept, "old")


def test_milliseconds_are_far_in_the_future(client, swept):
    put(client, swept, "kept", (now() - 60) * 1000)
    witness(client, swept)
    assert names(client, swept) == {"kept"}


def test_updated_item_is_judged_by_its_new_time(client, swept):
    put(client, swept, "kept", now() + 2)
    client.update_item(
        TableName=swept, Key={"pk": s("kept")}, UpdateExpression="SET #t = :t",
        ExpressionAttributeNames={"#t": "ttl"},
        ExpressionAttributeValues={":t": {"N": str(now() + 3600)}},
    )
    put(client, swept, "later", now() + 3)
    wait_gone(client, swept, "later")
    assert names(client, swept) == {"kept"}


def test_removing_the_attribute_keeps_the_item(client, swept):
    put(client, swept, "kept", now() + 2)
    client.update_item(TableName=swept, Key={"pk": s("kept")}, UpdateExpression="REMOVE #t",
                       ExpressionAttributeNames={"#t": "ttl"})
    put(client, swept, "later", now() + 3)
    wait_gone(client, swept, "later")
    assert names(client, swept) == {"kept"}


def test_batches_and_transactions_expire(client, swept):
    old = {"N": str(now() - 60)}
    client.batch_write_item(RequestItems={swept: [
        {"PutRequest": {"Item": {"pk": s(f"b{i}"), "ttl": old}}} for i in range(5)]})
    client.transact_write_items(TransactItems=[
        {"Put": {"TableName": swept, "Item": {"pk": s("t"), "ttl": old}}}])
    wait_until(lambda: not names(client, swept))


def test_more_items_than_one_run_takes(client, swept):
    old = {"N": str(now() - 60)}
    for batch in range(24):
        client.batch_write_item(RequestItems={swept: [
            {"PutRequest": {"Item": {"pk": s(f"{batch}-{i}"), "ttl": old}}} for i in range(25)]})
    wait_until(lambda: not names(client, swept))
    assert client.describe_table(TableName=swept)["Table"]["ItemCount"] == 0


def test_enabling_finds_the_items_that_are_there(client, table):
    name = table(sort="N")
    for i in range(600):
        client.put_item(TableName=name, Item={
            "pk": s(f"p{i % 7}"), "sk": {"N": str(i)},
            "ttl": {"N": str(now() - 60 if i % 2 else now() + 3600)},
        })
    enable(client, name)
    wait_until(lambda: client.scan(TableName=name, Select="COUNT")["Count"] == 300)
    left = client.scan(TableName=name)["Items"]
    assert {int(item["sk"]["N"]) % 2 for item in left} == {0}


def test_disabled_again_nothing_expires(client, table):
    name, other = table(), table()
    enable(client, name)
    put(client, name, "kept", now() + 2)
    enable(client, name, on=False)
    enable(client, other)
    put(client, other, "later", now() + 3)
    wait_gone(client, other, "later")
    assert names(client, name) == {"kept"}


def test_another_attribute_after_disabling(client, table):
    name = table()
    enable(client, name)
    enable(client, name, on=False)
    put(client, name, "kept", now() - 60)
    put(client, name, "old", expires={"N": str(now() - 60)})
    enable(client, name, "expires")
    wait_gone(client, name, "old")
    assert names(client, name) == {"kept"}


def test_table_without_ttl_keeps_everything(client, table, swept):
    name = table()
    put(client, name, "kept", now() - 60)
    witness(client, swept)
    assert names(client, name) == {"kept"}


def test_K2_record_of_an_expired_item_names_the_service(client, streams, table):
    name = table(view="NEW_AND_OLD_IMAGES")
    enable(client, name)
    expiry = now() - 60
    put(client, name, "old", expiry, x=s("x"))
    wait_gone(client, name, "old")
    insert, remove = records(client, streams, name)
    assert insert["eventName"] == "INSERT" and "userIdentity" not in insert
    assert remove["eventName"] == "REMOVE"
    assert remove["userIdentity"] == {
        "PrincipalId": "dynamodb.amazonaws.com", "Type": "Service",
    }
    assert remove["dynamodb"]["Keys"] == {"pk": s("old")}
    assert remove["dynamodb"]["OldImage"] == {
        "pk": s("old"), "ttl": {"N": str(expiry)}, "x": s("x"),
    }
    assert "NewImage" not in remove["dynamodb"]


def test_a_delete_by_a_client_has_no_identity(client, streams, table):
    name = table(view="KEYS_ONLY")
    enable(client, name)
    put(client, name, "old", now() + 3600)
    client.delete_item(TableName=name, Key={"pk": s("old")})
    assert all("userIdentity" not in record for record in records(client, streams, name))


def test_expired_item_leaves_its_indexes(client):
    name = f"t-{uuid.uuid4().hex[:12]}"
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in ("pk", "g")],
        GlobalSecondaryIndexes=[{
            "IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
    )
    enable(client, name)
    put(client, name, "old", now() - 60, g=s("a"))
    put(client, name, "kept", now() + 3600, g=s("a"))
    wait_gone(client, name, "old")
    found = client.scan(TableName=name, IndexName="by-g")["Items"]
    assert [item["pk"]["S"] for item in found] == ["kept"]
    client.delete_table(TableName=name)
