# SPDX-License-Identifier: Apache-2.0
"""The current SDKs for Python and JavaScript, unmodified and with their own settings, against
`weir serve --require-signature`. What boto3 does here, sdk.mjs does in JavaScript.
"""
import os
import pathlib
import shutil
import subprocess
import zlib

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError
from decimal import Decimal

from conftest import KEY, SECRET, client, environment

PROGRAM = pathlib.Path(__file__).with_name("sdk.mjs")
# The first two batches are answered with their latter half unprocessed.
HALF = "BatchWriteItem:half@1-2,BatchGetItem:half@1"


def resource(url):
    return boto3.resource("dynamodb", endpoint_url=url, region_name="us-east-1",
                          aws_access_key_id=KEY, aws_secret_access_key=SECRET)


def make_table(url, name="things"):
    """Through the resource, its waiter included."""
    table = resource(url).create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"},
                              {"AttributeName": "sk", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"},
                   {"AttributeName": "sk", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    table.wait_until_exists()
    return table


def test_K5_boto3_writes_and_reads_every_type(serve):
    table = make_table(serve())
    item = {"pk": "Grüße ☃", "sk": Decimal("-12345678901234567890.123456789"), "s": "", "b": b"\0\1",
            "n": Decimal("1E-100"), "t": True, "f": None, "l": [1, "two", {"three": [3]}],
            "m": {"a": {"b": {}}}, "ss": {"x", "y"}, "ns": {1, Decimal("2.5")}, "bs": {b"1", b"2"}}
    table.put_item(Item=item)
    read = table.get_item(Key={"pk": item["pk"], "sk": item["sk"]}, ConsistentRead=True)["Item"]
    assert read.pop("b") == Binary(item.pop("b"))
    assert read == item


def test_K5_boto3_puts_with_a_condition(serve):
    table = make_table(serve())
    table.put_item(Item={"pk": "a", "sk": 1, "v": 1}, ConditionExpression=Attr("pk").not_exists())
    with pytest.raises(table.meta.client.exceptions.ConditionalCheckFailedException) as caught:
        table.put_item(Item={"pk": "a", "sk": 1, "v": 2},
                       ConditionExpression=Attr("pk").not_exists(),
                       ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Item"]["v"] == {"N": "1"}
    changed = table.update_item(
        Key={"pk": "a", "sk": 1}, UpdateExpression="SET v = v + :one REMOVE w",
        ConditionExpression=Attr("v").eq(1), ExpressionAttributeValues={":one": 1},
        ReturnValues="ALL_NEW")
    assert changed["Attributes"]["v"] == 2


def test_K5_boto3_transactions(serve):
    url = serve()
    make_table(url)
    dynamodb = client("dynamodb", url)

    def put(number, **more):
        return {"Put": dict(TableName="things", Item={"pk": {"S": "t"}, "sk": {"N": str(number)}},
                            **more)}

    write = {"TransactItems": [put(1), put(2)], "ClientRequestToken": "once"}
    dynamodb.transact_write_items(**write)
    dynamodb.transact_write_items(**write)
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=[
            put(3), put(1, ConditionExpression="attribute_not_exists(pk)")])
    reasons = caught.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    read = dynamodb.transact_get_items(TransactItems=[
        {"Get": {"TableName": "things", "Key": {"pk": {"S": "t"}, "sk": {"N": str(number)}}}}
        for number in (1, 2, 3)])["Responses"]
    assert [bool(answer.get("Item")) for answer in read] == [True, True, False]


def test_K5_boto3_reads_pages(serve):
    url = serve()
    table = make_table(url)
    with table.batch_writer() as batch:
        for number in range(60):
            batch.put_item(Item={"pk": "q", "sk": number, "filler": "x" * 40000})
    dynamodb = client("dynamodb", url)
    pages = list(dynamodb.get_paginator("query").paginate(
        TableName="things", KeyConditionExpression="pk = :p AND sk >= :from",
        ExpressionAttributeValues={":p": {"S": "q"}, ":from": {"N": "5"}}, ScanIndexForward=False))
    assert len(pages) == 3
    assert [int(item["sk"]["N"]) for page in pages for item in page["Items"]] == \
        list(range(59, 4, -1))
    last = table.query(KeyConditionExpression=Key("pk").eq("q"), Limit=7)["LastEvaluatedKey"]
    assert last == {"pk": "q", "sk": 6}
    seen = [int(item["sk"]["N"]) for segment in (0, 1)
            for page in dynamodb.get_paginator("scan").paginate(
                TableName="things", Segment=segment, TotalSegments=2, PaginationConfig={
                    "PageSize": 9}) for item in page["Items"]]
    assert sorted(seen) == list(range(60))


def test_K5_boto3_sends_what_was_unprocessed_again(serve):
    url = serve("--faults", HALF)
    table = make_table(url)
    dynamodb = client("dynamodb", url)
    first = dynamodb.batch_write_item(RequestItems={"things": [
        {"PutRequest": {"Item": {"pk": {"S": "u"}, "sk": {"N": str(number)}}}}
        for number in range(10)]})["UnprocessedItems"]
    assert len(first["things"]) == 5
    with table.batch_writer() as batch:
        for number in range(40):
            batch.put_item(Item={"pk": "b", "sk": number})
    assert table.query(KeyConditionExpression=Key("pk").eq("b"), Select="COUNT")["Count"] == 40
    asked = {"things": {"Keys": [{"pk": {"S": "b"}, "sk": {"N": str(n)}} for n in range(40)]}}
    read = []
    while asked:
        answer = dynamodb.batch_get_item(RequestItems=asked)
        read += answer["Responses"]["things"]
        asked = answer["UnprocessedKeys"]
    assert sorted(int(item["sk"]["N"]) for item in read) == list(range(40))


def test_K5_boto3_reads_a_stream(serve):
    url = serve()
    table = make_table(url)
    for number in range(3):
        table.put_item(Item={"pk": "s", "sk": number})
    table.delete_item(Key={"pk": "s", "sk": 1})
    streams = client("dynamodbstreams", url)
    assert [stream["TableName"] for stream in streams.list_streams()["Streams"]] == ["things"]
    arn = table.latest_stream_arn
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"],
                                              ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    assert [(record["eventName"], record["dynamodb"]["Keys"]["sk"]["N"]) for record in records] == \
        [("INSERT", "0"), ("INSERT", "1"), ("INSERT", "2"), ("REMOVE", "1")]


def test_K5_boto3_finds_the_checksum_of_every_answer_right(serve):
    url = serve()
    table = make_table(url)
    found = []

    def check(http_response, **unused):
        del unused
        found.append(int(http_response.headers["x-amz-crc32"]) == zlib.crc32(http_response.content))

    table.meta.client.meta.events.register("after-call.dynamodb", check)
    table.put_item(Item={"pk": "c", "sk": 1, "v": "☃" * 50000})
    assert table.get_item(Key={"pk": "c", "sk": 1})["Item"]["v"] == "☃" * 50000
    with pytest.raises(ClientError):
        table.get_item(Key={"pk": "c"})
    table.scan()
    assert found == [True] * 4


@pytest.fixture(scope="session")
def javascript():
    """Beside the installed SDK: that is where node looks for it."""
    folder = pathlib.Path(os.environ["WEIR_NODE_FOLDER"])
    return shutil.copy(PROGRAM, folder / PROGRAM.name)


@pytest.mark.parametrize("what, options", [
    ("types", ()), ("conditions", ()), ("transactions", ()), ("pages", ()),
    ("unprocessed", ("--faults", HALF)), ("stream", ()), ("checksums", ())])
def test_K5_javascript_sdk(serve, javascript, what, options):
    done = subprocess.run(["node", javascript, serve(*options), what], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, env=environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout == what + " done\n"
