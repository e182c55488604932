# SPDX-License-Identifier: Apache-2.0
"""Streams: what is recorded for each view type and event, shards, iterators, paging."""
import re
import time

import pytest

IMAGES = {
    "KEYS_ONLY": (False, False),
    "NEW_IMAGE": (True, False),
    "OLD_IMAGE": (False, True),
    "NEW_AND_OLD_IMAGES": (True, True),
}


def pk(text):
    return {"pk": {"S": text}}


def arn_of(client, name):
    return client.describe_table(TableName=name)["Table"]["LatestStreamArn"]


@pytest.fixture
def stream(client, table):
    """stream(view) -> (table, arn)"""

    def create(view="NEW_AND_OLD_IMAGES", **more):
        name = table(view=view, **more)
        return name, arn_of(client, name)

    return create


@pytest.fixture
def shards(streams):
    return lambda arn: streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]


@pytest.fixture
def iterator(streams):
    def get(arn, shard, kind="TRIM_HORIZON", **more):
        return streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType=kind, **more
        )["ShardIterator"]

    return get


@pytest.fixture
def records(streams, shards, iterator):
    """All records of a stream, shard by shard, in the order of their sequence numbers."""

    def read(arn):
        found = []
        for shard in shards(arn):
            answer = streams.get_records(ShardIterator=iterator(arn, shard))
            found += answer["Records"]
        return sorted(found, key=lambda r: int(r["dynamodb"]["SequenceNumber"]))

    return read


@pytest.fixture
def shard_with_records(streams, shards, iterator):
    """The one shard that has records."""

    def find(arn):
        found = [s for s in shards(arn)
                 if streams.get_records(ShardIterator=iterator(arn, s), Limit=1)["Records"]]
        assert len(found) == 1
        return found[0]

    return find


# ---- K2: images


@pytest.mark.parametrize("view", IMAGES)
def test_K2_insert(client, stream, records, view):
    name, arn = stream(view)
    item = {**pk("a"), "v": {"N": "1"}}
    client.put_item(TableName=name, Item=item)
    (record,) = records(arn)
    change = record["dynamodb"]
    assert record["eventName"] == "INSERT"
    assert change["Keys"] == pk("a")
    assert change.get("NewImage") == (item if IMAGES[view][0] else None)
    assert "OldImage" not in change
    assert change["StreamViewType"] == view


@pytest.mark.parametrize("view", IMAGES)
def test_K2_modify(client, stream, records, view):
    name, arn = stream(view)
    old, new = {**pk("a"), "v": {"N": "1"}}, {**pk("a"), "v": {"N": "2"}}
    client.put_item(TableName=name, Item=old)
    client.put_item(TableName=name, Item=new)
    record = records(arn)[1]
    assert record["eventName"] == "MODIFY"
    assert record["dynamodb"]["Keys"] == pk("a")
    assert record["dynamodb"].get("NewImage") == (new if IMAGES[view][0] else None)
    assert record["dynamodb"].get("OldImage") == (old if IMAGES[view][1] else None)


@pytest.mark.parametrize("view", IMAGES)
def test_K2_remove(client, stream, records, view):
    name, arn = stream(view)
    item = {**pk("a"), "v": {"N": "1"}}
    client.put_item(TableName=name, Item=item)
    client.delete_item(TableName=name, Key=pk("a"))
    record = records(arn)[1]
    assert record["eventName"] == "REMOVE"
    assert record["dynamodb"]["Keys"] == pk("a")
    assert "NewImage" not in record["dynamodb"]
    assert record["dynamodb"].get("OldImage") == (item if IMAGES[view][1] else None)


def test_keys_of_a_table_with_a_sort_key(client, stream, records):
    name, arn = stream(sort="N")
    client.put_item(TableName=name, Item={**pk("a"), "sk": {"N": "5"}, "x": {"S": "y"}})
    assert records(arn)[0]["dynamodb"]["Keys"] == {**pk("a"), "sk": {"N": "5"}}


def test_images_of_all_types(client, stream, records):
    name, arn = stream()
    item = {
        **pk("a"), "n": {"N": "1.5"}, "b": {"B": b"\x00"}, "t": {"BOOL": True},
        "z": {"NULL": True}, "l": {"L": [{"S": "x"}]}, "m": {"M": {"k": {"N": "1"}}},
        "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": [b"x"]},
    }
    client.put_item(TableName=name, Item=item)
    assert records(arn)[0]["dynamodb"]["NewImage"] == item


# ---- K2: what gives a record


def test_K2_put_that_changes_nothing(client, stream, records):
    name, arn = stream()
    for _ in range(3):
        client.put_item(TableName=name, Item={**pk("a"), "v": {"N": "1"}})
    assert len(records(arn)) == 1


def test_K2_update_that_changes_nothing(client, stream, records):
    name, arn = stream()
    client.put_item(TableName=name, Item={**pk("a"), "v": {"N": "1"}})
    client.update_item(TableName=name, Key=pk("a"), UpdateExpression="SET v = :v",
                       ExpressionAttributeValues={":v": {"N": "1.0"}})
    client.update_item(TableName=name, Key=pk("a"), UpdateExpression="REMOVE absent")
    assert len(records(arn)) == 1


def test_K2_delete_of_none(client, stream, records):
    name, arn = stream()
    client.delete_item(TableName=name, Key=pk("a"))
    assert records(arn) == []


def test_failed_condition_gives_no_record(client, stream, records, refused):
    name, arn = stream()
    refused(
        lambda: client.put_item(TableName=name, Item=pk("a"),
                                ConditionExpression="attribute_exists(pk)"),
        "ConditionalCheckFailedException",
    )
    assert records(arn) == []


def test_update_gives_a_record(client, stream, records):
    name, arn = stream()
    client.update_item(TableName=name, Key=pk("a"), UpdateExpression="SET v = :v",
                       ExpressionAttributeValues={":v": {"N": "1"}})
    (record,) = records(arn)
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == {**pk("a"), "v": {"N": "1"}}


def test_batch_gives_records(client, stream, records):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("old"))
    client.batch_write_item(RequestItems={name: [
        {"PutRequest": {"Item": pk("a")}}, {"PutRequest": {"Item": pk("b")}},
        {"DeleteRequest": {"Key": pk("old")}},
    ]})
    assert sorted(r["eventName"] for r in records(arn)) == ["INSERT"] * 3 + ["REMOVE"]


def test_transaction_gives_records(client, stream, records):
    name, arn = stream()
    client.transact_write_items(TransactItems=[
        {"Put": {"TableName": name, "Item": pk("a")}},
        {"Put": {"TableName": name, "Item": pk("b")}},
        {"ConditionCheck": {"TableName": name, "Key": pk("c"),
                            "ConditionExpression": "attribute_not_exists(pk)"}},
    ])
    assert [r["dynamodb"]["Keys"] for r in records(arn)] == [pk("a"), pk("b")]


def test_canceled_transaction_gives_none(client, stream, records, refused):
    name, arn = stream()
    refused(
        lambda: client.transact_write_items(TransactItems=[
            {"Put": {"TableName": name, "Item": pk("a")}},
            {"ConditionCheck": {"TableName": name, "Key": pk("c"),
                                "ConditionExpression": "attribute_exists(pk)"}},
        ]),
        "TransactionCanceledException",
    )
    assert records(arn) == []


def test_changes_of_one_item_come_in_order(client, stream, records):
    name, arn = stream("NEW_IMAGE")
    for i in range(50):
        client.put_item(TableName=name, Item={**pk("a"), "v": {"N": str(i)}})
    values = [int(r["dynamodb"]["NewImage"]["v"]["N"]) for r in records(arn)]
    assert values == list(range(50))


def test_one_partition_is_in_one_shard(client, stream, streams, shards, iterator):
    name, arn = stream(sort="N")
    for i in range(40):
        client.put_item(TableName=name, Item={**pk(f"k{i % 4}"), "sk": {"N": str(i)}})
    places = {}
    for shard in shards(arn):
        for record in streams.get_records(ShardIterator=iterator(arn, shard))["Records"]:
            places.setdefault(record["dynamodb"]["Keys"]["pk"]["S"], set()).add(shard["ShardId"])
    assert len(places) == 4 and all(len(found) == 1 for found in places.values())


# ---- K7: the record itself


def test_K7_members_of_a_record(client, stream, records):
    name, arn = stream()
    before = int(time.time()) - 1
    client.put_item(TableName=name, Item={**pk("a"), "v": {"N": "1"}})
    (record,) = records(arn)
    assert set(record) == {"eventID", "eventName", "eventVersion", "eventSource", "awsRegion",
                           "dynamodb"}
    assert re.fullmatch(r"[0-9a-f]{32}", record["eventID"])
    assert record["eventVersion"] == "1.1"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["awsRegion"] == arn.split(":")[3]
    created = record["dynamodb"]["ApproximateCreationDateTime"]
    assert created.microsecond == 0 and before <= created.timestamp() <= time.time()


def test_K7_size_of_a_record(client, stream, records):
    name, arn = stream()
    client.put_item(TableName=name, Item={"pk": {"S": "abc"}, "v": {"S": "12345"}})
    client.put_item(TableName=name, Item={"pk": {"S": "abc"}, "v": {"S": "1"}})
    first, second = (r["dynamodb"]["SizeBytes"] for r in records(arn))
    assert (first, second) == (5 + 11, 5 + 11 + 7)


def test_K7_event_ids_are_unique(client, stream, records):
    ids = []
    for _ in range(2):
        name, arn = stream()
        for i in range(20):
            client.put_item(TableName=name, Item=pk(str(i)))
        ids += [r["eventID"] for r in records(arn)]
    assert len(ids) == len(set(ids)) == 40


def test_event_ids_are_the_same_at_every_reading(client, stream, records):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("a"))
    assert records(arn)[0]["eventID"] == records(arn)[0]["eventID"]


def test_K2_sequence_numbers(client, stream, streams, shards, iterator):
    name, arn = stream()
    for i in range(60):
        client.put_item(TableName=name, Item=pk(str(i)))
    for shard in shards(arn):
        numbers = [r["dynamodb"]["SequenceNumber"] for r in
                   streams.get_records(ShardIterator=iterator(arn, shard))["Records"]]
        assert all(re.fullmatch(r"\d{21,40}", number) for number in numbers)
        assert [int(n) for n in numbers] == sorted({int(n) for n in numbers})


# ---- ListStreams, DescribeStream


def test_list_of_a_table(stream, streams):
    name, arn = stream()
    (found,) = streams.list_streams(TableName=name)["Streams"]
    assert found["StreamArn"] == arn and found["TableName"] == name
    assert arn.endswith("/" + found["StreamLabel"])


def test_list_of_a_table_without_stream(table, streams):
    assert streams.list_streams(TableName=table())["Streams"] == []


def test_list_pages(stream, streams):
    arns = {stream()[1] for _ in range(3)}
    found, more = [], {}
    while True:
        page = streams.list_streams(Limit=1, **more)
        found += [s["StreamArn"] for s in page["Streams"]]
        if "LastEvaluatedStreamArn" not in page:
            break
        more = {"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"]}
    assert arns <= set(found) and len(found) == len(set(found))


def test_list_limit(streams, invalid):
    invalid(
        lambda: streams.list_streams(Limit=101),
        "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member "
        "must have value less than or equal to 100",
    )


def test_label_is_a_time(stream):
    _, arn = stream()
    assert re.search(r"/stream/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$", arn)


def test_describe(client, stream, streams):
    name, arn = stream("OLD_IMAGE", sort="N")
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert described["StreamArn"] == arn
    assert described["StreamStatus"] == "ENABLED"
    assert described["StreamViewType"] == "OLD_IMAGE"
    assert described["TableName"] == name
    assert described["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"},
                                      {"AttributeName": "sk", "KeyType": "RANGE"}]
    assert described["CreationRequestDateTime"].year >= 2020


def test_shards_of_a_new_stream_are_open_and_without_parents(stream, shards):
    for shard in shards(stream()[1]):
        assert "ParentShardId" not in shard
        assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        assert re.fullmatch(r"\d{21,40}", shard["SequenceNumberRange"]["StartingSequenceNumber"])


def test_shard_ids(stream, shards):
    ids = [shard["ShardId"] for shard in shards(stream()[1])]
    assert all(re.fullmatch(r"shardId-\d{20}-[0-9a-f]{8}", i) for i in ids)
    assert ids == sorted(ids) and all(28 <= len(i) <= 65 for i in ids)


def test_shards_page(stream, streams, shards):
    _, arn = stream()
    found, more = [], {}
    while True:
        page = streams.describe_stream(StreamArn=arn, Limit=1, **more)["StreamDescription"]
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            break
        more = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}
    assert found == shards(arn)


def test_child_shards_of_an_open_shard(raw, stream, shards):
    _, arn = stream()
    answer = raw(
        "DescribeStream",
        {"StreamArn": arn,
         "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": shards(arn)[0]["ShardId"]}},
        "DynamoDBStreams_20120810.",
    )
    assert answer.status == 200 and answer.body["StreamDescription"]["Shards"] == []


def test_shard_filter_of_unknown_type(raw, stream, shards):
    _, arn = stream()
    answer = raw(
        "DescribeStream",
        {"StreamArn": arn, "ShardFilter": {"Type": "X", "ShardId": shards(arn)[0]["ShardId"]}},
        "DynamoDBStreams_20120810.",
    )
    assert answer.message == (
        "1 validation error detected: Value 'X' at 'shardFilter.type' failed to satisfy constraint: "
        "Member must satisfy enum value set: [CHILD_SHARDS]"
    )


NO_ARN = "arn:aws:dynamodb:local:000000000000:table/none/stream/2020-01-01T00:00:00.000"


def test_describe_none(streams, refused):
    refused(
        lambda: streams.describe_stream(StreamArn=NO_ARN),
        "ResourceNotFoundException",
        f"Requested resource not found: Stream: {NO_ARN} not found",
    )


def test_describe_with_a_short_arn(streams, invalid):
    invalid(
        lambda: streams.describe_stream(StreamArn="arn"),
        "1 validation error detected: Value 'arn' at 'streamArn' failed to satisfy constraint: "
        "Member must have length greater than or equal to 37",
    )


# ---- a stream's life


def disable(client, name):
    client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})


def enable(client, name, view="NEW_IMAGE"):
    client.update_table(
        TableName=name, StreamSpecification={"StreamEnabled": True, "StreamViewType": view}
    )


def test_disabled_stream_is_readable_and_closed(client, stream, streams, records, shards):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("a"))
    disable(client, name)
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert described["StreamStatus"] == "DISABLED"
    assert all("EndingSequenceNumber" in s["SequenceNumberRange"] for s in shards(arn))
    assert len(records(arn)) == 1


def test_closed_shard_ends_without_an_iterator(client, stream, streams, shards, iterator):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("a"))
    disable(client, name)
    found = 0
    for shard in shards(arn):
        answer = streams.get_records(ShardIterator=iterator(arn, shard))
        found += len(answer["Records"])
        assert answer.get("NextShardIterator") is None
    assert found == 1


def test_iterator_of_before_reads_to_the_end(client, stream, streams, shards, iterator):
    name, arn = stream()
    open_iterators = [iterator(arn, shard, "LATEST") for shard in shards(arn)]
    client.put_item(TableName=name, Item=pk("a"))
    disable(client, name)
    answers = [streams.get_records(ShardIterator=i) for i in open_iterators]
    assert sum(len(a["Records"]) for a in answers) == 1
    assert all(a.get("NextShardIterator") is None for a in answers)


def test_changes_while_disabled_are_not_recorded(client, stream, records):
    name, arn = stream()
    disable(client, name)
    client.put_item(TableName=name, Item=pk("a"))
    assert records(arn) == []


def test_enabled_again_is_another_stream(client, stream, streams, records):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("a"))
    disable(client, name)
    enable(client, name)
    again = arn_of(client, name)
    client.put_item(TableName=name, Item=pk("b"))
    assert again != arn
    assert [r["dynamodb"]["Keys"] for r in records(arn)] == [pk("a")]
    assert [r["dynamodb"]["Keys"] for r in records(again)] == [pk("b")]
    assert {s["StreamArn"] for s in streams.list_streams(TableName=name)["Streams"]} == {arn, again}


def test_stream_of_a_deleted_table_is_readable(client, stream, records):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("a"))
    client.delete_table(TableName=name)
    assert [r["eventName"] for r in records(arn)][0] == "INSERT"


# ---- iterators


def test_latest_sees_only_what_comes(client, stream, streams, shards, iterator):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("a"))
    latest = [iterator(arn, shard, "LATEST") for shard in shards(arn)]
    client.put_item(TableName=name, Item=pk("b"))
    found = [r["dynamodb"]["Keys"] for i in latest
             for r in streams.get_records(ShardIterator=i)["Records"]]
    assert found == [pk("b")]


def test_latest_of_a_new_stream(stream, streams, shards, iterator):
    _, arn = stream()
    for shard in shards(arn):
        assert streams.get_records(ShardIterator=iterator(arn, shard, "LATEST"))["Records"] == []


@pytest.mark.parametrize("kind,first", [("AT_SEQUENCE_NUMBER", 2), ("AFTER_SEQUENCE_NUMBER", 3)])
def test_from_a_sequence_number(client, stream, streams, records, shard_with_records, iterator,
                                kind, first):
    name, arn = stream("NEW_IMAGE")
    for i in range(5):
        client.put_item(TableName=name, Item={**pk("a"), "v": {"N": str(i)}})
    number = records(arn)[2]["dynamodb"]["SequenceNumber"]
    start = iterator(arn, shard_with_records(arn), kind, SequenceNumber=number)
    found = streams.get_records(ShardIterator=start)["Records"]
    assert [int(r["dynamodb"]["NewImage"]["v"]["N"]) for r in found] == list(range(first, 5))


def test_records_page(client, stream, streams, shard_with_records, iterator):
    name, arn = stream("NEW_IMAGE")
    for i in range(5):
        client.put_item(TableName=name, Item={**pk("a"), "v": {"N": str(i)}})
    at, found = iterator(arn, shard_with_records(arn)), []
    for _ in range(3):
        answer = streams.get_records(ShardIterator=at, Limit=2)
        assert len(answer["Records"]) <= 2
        found += answer["Records"]
        at = answer["NextShardIterator"]
    assert [int(r["dynamodb"]["NewImage"]["v"]["N"]) for r in found] == list(range(5))
    assert streams.get_records(ShardIterator=at)["Records"] == []


def test_next_iterator_is_always_a_new_one(stream, streams, shards, iterator):
    _, arn = stream()
    at, seen = iterator(arn, shards(arn)[0]), set()
    for _ in range(10):
        seen.add(at)
        at = streams.get_records(ShardIterator=at)["NextShardIterator"]
    assert len(seen | {at}) == 11


def test_iterator_may_be_used_again(client, stream, streams, shard_with_records, iterator):
    name, arn = stream()
    client.put_item(TableName=name, Item=pk("a"))
    at = iterator(arn, shard_with_records(arn))
    assert (streams.get_records(ShardIterator=at)["Records"]
            == streams.get_records(ShardIterator=at)["Records"])


def test_iterator_begins_with_the_arn(stream, shards, iterator):
    _, arn = stream()
    at = iterator(arn, shards(arn)[0])
    assert at.startswith(arn + "|1|") and len(at) <= 2048


@pytest.mark.parametrize("text", ["x", "x|1|AAAA", NO_ARN + "|1|" + "A" * 40, "|1|" + "!" * 40])
def test_iterator_that_is_none(streams, invalid, text):
    invalid(lambda: streams.get_records(ShardIterator=text), "Invalid ShardIterator")


def test_get_records_without_iterator(streams, invalid):
    invalid(
        streams.get_records,
        "1 validation error detected: Value null at 'shardIterator' failed to satisfy constraint: "
        "Member must not be null",
    )


@pytest.mark.parametrize(
    "limit,text", [(0, "greater than or equal to 1"), (1001, "less than or equal to 1000")]
)
def test_get_records_limit(stream, streams, shards, iterator, invalid, limit, text):
    _, arn = stream()
    at = iterator(arn, shards(arn)[0])
    invalid(
        lambda: streams.get_records(ShardIterator=at, Limit=limit),
        f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
        f"Member must have value {text}",
    )


def test_iterator_of_an_unknown_shard(stream, streams, refused):
    _, arn = stream()
    refused(
        lambda: streams.get_shard_iterator(
            StreamArn=arn, ShardId="shardId-00000000000000000000-00000000",
            ShardIteratorType="LATEST",
        ),
        "ResourceNotFoundException",
        "Requested resource not found: Shard does not exist",
    )


def test_iterator_of_an_unknown_stream(streams, refused):
    refused(
        lambda: streams.get_shard_iterator(
            StreamArn=NO_ARN, ShardId="shardId-00000000000000000000-00000000",
            ShardIteratorType="LATEST",
        ),
        "ResourceNotFoundException",
    )


def test_iterator_of_unknown_type(stream, shards, iterator, invalid):
    _, arn = stream()
    message = invalid(lambda: iterator(arn, shards(arn)[0], "FIRST"))["Error"]["Message"]
    assert "Value 'FIRST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy " \
        "enum value set: [" in message


def test_sequence_number_is_required(stream, shards, iterator, invalid):
    _, arn = stream()
    invalid(lambda: iterator(arn, shards(arn)[0], "AT_SEQUENCE_NUMBER"))


@pytest.mark.parametrize("number", ["x" * 21, "9" * 40])
def test_sequence_number_that_is_none(stream, shards, iterator, invalid, number):
    _, arn = stream()
    invalid(
        lambda: iterator(arn, shards(arn)[0], "AFTER_SEQUENCE_NUMBER", SequenceNumber=number)
    )


def test_waiting_at_the_tip_ends_with_its_time(raw, stream, shards, iterator):
    _, arn = stream()
    answer = raw("GetRecords", {"ShardIterator": iterator(arn, shards(arn)[0], "LATEST")},
                 "DynamoDBStreams_20120810.", {"X-Weir-Wait-Ms": "50"})
    assert answer.body["Records"] == [] and answer.body["NextShardIterator"]
