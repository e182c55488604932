# SPDX-License-Identifier: Apache-2.0
"""Secondary indexes: declared, described, kept by every kind of write, queried and scanned."""
import uuid

import pytest

PREFIX = "One or more parameter values were invalid: "


def s(text):
    return {"S": text}


def n(number):
    return {"N": str(number)}


def schema(partition, sort=None):
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return keys + ([{"AttributeName": sort, "KeyType": "RANGE"}] if sort else [])


def index(name, partition, sort=None, projection="ALL", included=None, **more):
    shown = {"ProjectionType": projection}
    if included is not None:
        shown["NonKeyAttributes"] = included
    return {"IndexName": name, "KeySchema": schema(partition, sort), "Projection": shown, **more}


TYPES = {"pk": "S", "sk": "S", "g": "S", "r": "N", "b": "B"}


def create(client, used=("pk", "sk", "g", "r"), key=("pk", "sk"), glob=None, local=None, **more):
    more.setdefault("BillingMode", "PAY_PER_REQUEST")
    if glob is not None:
        more["GlobalSecondaryIndexes"] = glob
    if local is not None:
        more["LocalSecondaryIndexes"] = local
    name = f"i-{uuid.uuid4().hex[:12]}"
    client.create_table(
        TableName=name,
        KeySchema=schema(*key),
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": TYPES[a]} for a in used],
        **more,
    )
    return name


@pytest.fixture
def made(client):
    """made(...) creates a table with indexes that goes with the test."""
    names = []

    def make(**arguments):
        names.append(create(client, **arguments))
        return names[-1]

    yield make
    for name in names:
        client.delete_table(TableName=name)


@pytest.fixture
def indexed(made):
    """Global indexes of each projection on (g, r), and one on g alone."""
    return made(glob=[
        index("all", "g", "r"),
        index("keys", "g", "r", "KEYS_ONLY"),
        index("some", "g", "r", "INCLUDE", ["x"]),
        index("alone", "g", projection="KEYS_ONLY"),
    ])


def put(client, name, pk, sk, **attributes):
    item = {"pk": s(pk), "sk": s(sk), **attributes}
    client.put_item(TableName=name, Item=item)
    return item


def query(client, name, of, group="a", condition="g = :g", values=None, **more):
    return client.query(
        TableName=name, IndexName=of, KeyConditionExpression=condition,
        ExpressionAttributeValues={":g": s(group), **(values or {})}, **more,
    )


def sorts(answer):
    return [item["sk"]["S"] for item in answer["Items"]]


# ---- CreateTable and DescribeTable


def test_description(client, made):
    name = made(glob=[index("by-g", "g", "r", "INCLUDE", ["x", "y"])])
    table = client.describe_table(TableName=name)["Table"]
    (described,) = table["GlobalSecondaryIndexes"]
    assert described == {
        "IndexName": "by-g",
        "KeySchema": schema("g", "r"),
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"]},
        "IndexStatus": "ACTIVE",
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0,
        },
        "IndexSizeBytes": 0,
        "ItemCount": 0,
        "IndexArn": table["TableArn"] + "/index/by-g",
    }
    assert {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]} == {
        "pk": "S", "sk": "S", "g": "S", "r": "N",
    }


def test_table_without_indexes_describes_none(client, hash_table):
    table = client.describe_table(TableName=hash_table)["Table"]
    assert "GlobalSecondaryIndexes" not in table and "LocalSecondaryIndexes" not in table


def test_provisioned_index(client, made):
    units = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}
    name = made(
        glob=[index("by-g", "g", "r", ProvisionedThroughput=units)],
        BillingMode="PROVISIONED", ProvisionedThroughput=units,
    )
    (described,) = client.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 4


def test_counts_and_sizes(client, indexed):
    put(client, indexed, "p", "1", g=s("a"), r=n(1), x=s("xx"))
    put(client, indexed, "p", "2", g=s("a"))
    found = client.describe_table(TableName=indexed)["Table"]["GlobalSecondaryIndexes"]
    by_name = {i["IndexName"]: (i["ItemCount"], i["IndexSizeBytes"]) for i in found}
    # pk 3, sk 3, g 2, r 3, x 3 bytes
    assert by_name == {"all": (1, 14), "keys": (1, 11), "some": (1, 14), "alone": (2, 16)}


@pytest.mark.parametrize("count,refused_text", [
    (20, None), (21, PREFIX + "GlobalSecondaryIndex count exceeds the per-table limit of 20"),
])
def test_number_of_global_indexes(client, made, invalid, count, refused_text):
    glob = [index(f"i-{i}", "g", "r", "KEYS_ONLY") for i in range(count)]
    if refused_text is None:
        described = client.describe_table(TableName=made(glob=glob))["Table"]
        assert [i["IndexName"] for i in described["GlobalSecondaryIndexes"]] == [
            f"i-{i}" for i in range(20)
        ]
    else:
        invalid(lambda: create(client, glob=glob), refused_text)


@pytest.mark.parametrize("glob,used,text", [
    ([index("one", "g", "r"), index("one", "g")], ("pk", "sk", "g", "r"),
     "Duplicate index name: one"),
    ([index("one", "g", "r", "KEYS_ONLY", ["x"])], ("pk", "sk", "g", "r"),
     "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified"),
    ([index("one", "g", "r", "ALL", ["x"])], ("pk", "sk", "g", "r"),
     "ProjectionType is ALL, but NonKeyAttributes is specified"),
    ([index("one", "g", "r", "INCLUDE")], ("pk", "sk", "g", "r"),
     "ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
    ([{"IndexName": "one", "KeySchema": schema("g"), "Projection": {}}], ("pk", "sk", "g"),
     "Unknown ProjectionType: null"),
    ([index("one", "z")], ("pk", "sk", "g"),
     "Some index key attributes are not defined in AttributeDefinitions. Keys: [z], "
     "AttributeDefinitions: [pk, sk, g]"),
    ([index("one", "g")], ("pk", "sk", "g", "r"),
     "Some AttributeDefinitions are not used. AttributeDefinitions: [pk, sk, g, r], keys used: "
     "[pk, sk, g]"),
    ([index("one", "g", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})],
     ("pk", "sk", "g"),
     "ProvisionedThroughput should not be specified for index: one when BillingMode is "
     "PAY_PER_REQUEST"),
])
def test_bad_global_index(client, invalid, glob, used, text):
    invalid(lambda: create(client, used=used, glob=glob), PREFIX + text)


def test_provisioned_table_needs_throughput_of_its_indexes(client, invalid):
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    invalid(
        lambda: create(client, glob=[index("one", "g", "r")], BillingMode="PROVISIONED",
                       ProvisionedThroughput=units),
        PREFIX + "ProvisionedThroughput must be specified for index: one",
    )


def test_index_keys_in_the_wrong_order(client, invalid):
    bad = {"IndexName": "one", "KeySchema": schema("g", "r")[::-1],
           "Projection": {"ProjectionType": "ALL"}}
    invalid(lambda: create(client, glob=[bad]),
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type")


def test_index_with_one_attribute_for_both_keys(client, invalid):
    invalid(lambda: create(client, used=("pk", "sk", "g"), glob=[index("one", "g", "g")]),
            "Both the Hash Key and the Range Key element in the KeySchema have the same name")


def test_keys_of_several_attributes_are_refused_by_name(client, invalid):
    keys = schema("g", "r") + [{"AttributeName": "pk", "KeyType": "RANGE"}]
    bad = {"IndexName": "one", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
    invalid(lambda: create(client, glob=[bad]),
            "weir does not support index keys of several attributes yet: one")


def test_index_name_is_checked(client, invalid):
    text = invalid(lambda: create(client, glob=[index("a;", "g", "r")]))["Error"]["Message"]
    assert "globalSecondaryIndexes.1.member.indexName" in text


# ---- what is in an index


def test_item_is_found_by_its_index_keys(client, indexed):
    item = put(client, indexed, "p", "1", g=s("a"), r=n(5), x=s("x"), y=s("y"))
    assert query(client, indexed, "all")["Items"] == [item]


def test_keys_only_projection(client, indexed):
    put(client, indexed, "p", "1", g=s("a"), r=n(5), x=s("x"))
    assert query(client, indexed, "keys")["Items"] == [
        {"pk": s("p"), "sk": s("1"), "g": s("a"), "r": n(5)}
    ]


def test_included_attributes(client, indexed):
    put(client, indexed, "p", "1", g=s("a"), r=n(5), x=s("x"), y=s("y"))
    assert query(client, indexed, "some")["Items"] == [
        {"pk": s("p"), "sk": s("1"), "g": s("a"), "r": n(5), "x": s("x")}
    ]


@pytest.mark.parametrize("attributes,in_all,in_alone", [
    ({}, 0, 0), ({"r": n(1)}, 0, 0), ({"g": s("a")}, 0, 1), ({"g": s("a"), "r": n(1)}, 1, 1),
])
def test_index_is_sparse(client, indexed, attributes, in_all, in_alone):
    put(client, indexed, "p", "1", **attributes)
    assert query(client, indexed, "all")["Count"] == in_all
    assert query(client, indexed, "alone")["Count"] == in_alone


def test_items_come_in_the_order_of_the_index_s_sort_key(client, indexed):
    for i, number in enumerate([10, -3, 2.5, 100, 0]):
        put(client, indexed, "p", str(i), g=s("a"), r=n(number))
    assert sorts(query(client, indexed, "all")) == ["1", "4", "2", "0", "3"]
    assert sorts(query(client, indexed, "all", ScanIndexForward=False)) == list("30241")


def test_items_with_equal_index_keys_are_all_there(client, indexed):
    for i in range(5):
        put(client, indexed, f"p{i}", "1", g=s("a"), r=n(7))
    answer = query(client, indexed, "all")
    assert {item["pk"]["S"] for item in answer["Items"]} == {f"p{i}" for i in range(5)}


def test_update_moves_the_entry(client, indexed, key):
    put(client, indexed, "p", "1", g=s("a"), r=n(1))
    client.update_item(
        TableName=indexed, Key={"pk": s("p"), "sk": s("1")}, UpdateExpression="SET g = :b",
        ExpressionAttributeValues={":b": s("b")},
    )
    assert query(client, indexed, "all", "a")["Count"] == 0
    assert sorts(query(client, indexed, "all", "b")) == ["1"]


def test_removing_an_index_key_removes_the_entry(client, indexed):
    put(client, indexed, "p", "1", g=s("a"), r=n(1))
    client.update_item(TableName=indexed, Key={"pk": s("p"), "sk": s("1")},
                       UpdateExpression="REMOVE r")
    assert query(client, indexed, "all")["Count"] == 0
    assert query(client, indexed, "alone")["Count"] == 1


def test_update_that_adds_the_key_adds_the_entry(client, indexed):
    client.update_item(
        TableName=indexed, Key={"pk": s("p"), "sk": s("1")}, UpdateExpression="SET g = :a ADD r :r",
        ExpressionAttributeValues={":a": s("a"), ":r": n(3)},
    )
    assert query(client, indexed, "all")["Items"][0]["r"] == n(3)


def test_update_of_a_projected_attribute_shows_in_the_index(client, indexed):
    put(client, indexed, "p", "1", g=s("a"), r=n(1), x=s("old"))
    client.update_item(
        TableName=indexed, Key={"pk": s("p"), "sk": s("1")}, UpdateExpression="SET x = :x",
        ExpressionAttributeValues={":x": s("new")},
    )
    assert query(client, indexed, "some")["Items"][0]["x"] == s("new")


def test_delete_removes_the_entries(client, indexed):
    put(client, indexed, "p", "1", g=s("a"), r=n(1))
    client.delete_item(TableName=indexed, Key={"pk": s("p"), "sk": s("1")})
    for of in ("all", "keys", "some", "alone"):
        assert query(client, indexed, of)["Count"] == 0
    for found in client.describe_table(TableName=indexed)["Table"]["GlobalSecondaryIndexes"]:
        assert (found["ItemCount"], found["IndexSizeBytes"]) == (0, 0)


def test_failed_condition_leaves_the_index(client, indexed, refused):
    item = put(client, indexed, "p", "1", g=s("a"), r=n(1))
    refused(
        lambda: client.put_item(
            TableName=indexed, Item={**item, "g": s("b")},
            ConditionExpression="attribute_not_exists(pk)",
        ),
        "ConditionalCheckFailedException",
    )
    assert query(client, indexed, "all")["Items"] == [item]


def test_batch_writes_keep_the_index(client, indexed):
    def write(i):
        item = {"pk": s("p"), "sk": s(str(i)), "g": s("a"), "r": n(i)}
        return {"PutRequest": {"Item": item}}

    client.batch_write_item(RequestItems={indexed: [write(i) for i in range(9)]})
    delete = {"DeleteRequest": {"Key": {"pk": s("p"), "sk": s("4")}}}
    client.batch_write_item(RequestItems={indexed: [delete]})
    assert sorts(query(client, indexed, "all")) == list("01235678")


def test_transactions_keep_the_index(client, indexed):
    put(client, indexed, "p", "1", g=s("a"), r=n(1))
    client.transact_write_items(TransactItems=[
        {"Put": {"TableName": indexed,
                 "Item": {"pk": s("p"), "sk": s("2"), "g": s("a"), "r": n(2)}}},
        {"Delete": {"TableName": indexed, "Key": {"pk": s("p"), "sk": s("1")}}},
        {"Update": {"TableName": indexed, "Key": {"pk": s("p"), "sk": s("3")},
                    "UpdateExpression": "SET g = :a, r = :r",
                    "ExpressionAttributeValues": {":a": s("a"), ":r": n(0)}}},
    ])
    assert sorts(query(client, indexed, "all")) == ["3", "2"]


def test_cancelled_transaction_leaves_the_index(client, indexed, refused):
    put(client, indexed, "p", "1", g=s("a"), r=n(1))
    refused(
        lambda: client.transact_write_items(TransactItems=[
            {"Delete": {"TableName": indexed, "Key": {"pk": s("p"), "sk": s("1")}}},
            {"ConditionCheck": {"TableName": indexed, "Key": {"pk": s("no"), "sk": s("1")},
                                "ConditionExpression": "attribute_exists(pk)"}},
        ]),
        "TransactionCanceledException",
    )
    assert sorts(query(client, indexed, "all")) == ["1"]


def test_pending_messages_are_a_sparse_index(client, made):
    TYPES.update({"PK": "S", "NotDispatched": "S", "CreatedAt": "S"})
    name = made(
        used=("PK", "NotDispatched", "CreatedAt"), key=("PK",),
        glob=[index("NotDispatchedMessagesIndex", "NotDispatched", "CreatedAt")],
    )
    for i in (3, 1, 2):
        client.put_item(TableName=name, Item={
            "PK": s(f"MESSAGE#{i}"), "NotDispatched": s("x"), "CreatedAt": s(f"2026-11-20T0{i}"),
        })

    def pending():
        answer = client.query(
            TableName=name, IndexName="NotDispatchedMessagesIndex",
            KeyConditionExpression="NotDispatched = :x", ExpressionAttributeValues={":x": s("x")},
        )
        return [item["PK"]["S"] for item in answer["Items"]]

    assert pending() == ["MESSAGE#1", "MESSAGE#2", "MESSAGE#3"]
    client.update_item(TableName=name, Key={"PK": s("MESSAGE#2")},
                       UpdateExpression="REMOVE NotDispatched SET IsDispatched = :t",
                       ExpressionAttributeValues={":t": {"BOOL": True}})
    assert pending() == ["MESSAGE#1", "MESSAGE#3"]


# ---- refused items


@pytest.mark.parametrize("attribute,value,expected,actual", [
    ("g", n(1), "S", "N"), ("r", s("1"), "N", "S"), ("g", {"NULL": True}, "S", "NULL"),
    ("r", {"L": []}, "N", "L"), ("g", {"B": b"a"}, "S", "B"),
])
def test_index_key_of_the_wrong_type(client, made, invalid, attribute, value, expected, actual):
    name = made(glob=[index("one", "g", "r")])
    invalid(
        lambda: put(client, name, "p", "1", **{attribute: value}),
        f"{PREFIX}Type mismatch for Index Key {attribute} Expected: {expected} Actual: {actual} "
        "IndexName: one",
    )
    assert client.scan(TableName=name)["Count"] == 0


def test_index_key_of_the_wrong_type_in_a_transaction_is_a_reason(client, made, refused):
    name = made(glob=[index("one", "g", "r")])
    item = {"pk": s("p"), "sk": s("1"), "g": n(1), "r": n(1)}
    response = refused(
        lambda: client.transact_write_items(TransactItems=[
            {"Put": {"TableName": name, "Item": {**item, "sk": s("2"), "g": s("a")}}},
            {"Put": {"TableName": name, "Item": item}},
        ]),
        "TransactionCanceledException",
    )
    none, reason = response["CancellationReasons"]
    assert none == {"Code": "None"} and reason["Code"] == "ValidationError"
    assert reason["Message"] == (
        f"{PREFIX}Type mismatch for Index Key g Expected: S Actual: N IndexName: one")
    assert client.scan(TableName=name)["Count"] == 0


def test_update_to_the_wrong_type(client, made, invalid):
    name = made(glob=[index("one", "g", "r")])
    put(client, name, "p", "1", g=s("a"), r=n(1))
    invalid(
        lambda: client.update_item(
            TableName=name, Key={"pk": s("p"), "sk": s("1")}, UpdateExpression="SET r = g"),
        f"{PREFIX}Type mismatch for Index Key r Expected: N Actual: S IndexName: one",
    )
    assert query(client, name, "one")["Count"] == 1


def test_empty_index_key(client, made, invalid):
    name = made(glob=[index("one", "g", "r")])
    invalid(
        lambda: put(client, name, "p", "1", g=s(""), r=n(1)),
        "One or more parameter values are not valid. A value specified for a secondary index key "
        "is not supported. The AttributeValue for a key attribute cannot contain an empty string "
        "value. IndexName: one, IndexKey: g",
    )


def test_batch_with_a_wrong_index_key_writes_nothing(client, made, invalid):
    name = made(glob=[index("one", "g", "r")])
    items = [{"pk": s("p"), "sk": s("1")}, {"pk": s("p"), "sk": s("2"), "g": n(1)}]
    puts = [{"PutRequest": {"Item": item}} for item in items]
    invalid(
        lambda: client.batch_write_item(RequestItems={name: puts}),
        f"{PREFIX}Type mismatch for Index Key g Expected: S Actual: N IndexName: one",
    )
    assert client.scan(TableName=name)["Count"] == 0


@pytest.mark.parametrize("size,good", [(2048, True), (2049, False)])
def test_size_of_an_index_s_partition_key(client, made, invalid, size, good):
    name = made(glob=[index("one", "g", "r")])
    if good:
        put(client, name, "p", "1", g=s("a" * size), r=n(1))
        assert query(client, name, "one", "a" * size)["Count"] == 1
    else:
        invalid(
            lambda: put(client, name, "p", "1", g=s("a" * size), r=n(1)),
            PREFIX + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        )


# ---- Query


@pytest.fixture(scope="module")
def numbered(client):
    """Index `all` on (g, r): group a has r 0..9, group b has r 0..2; `x` is not in `keys`."""
    name = create(client, glob=[index("all", "g", "r"), index("keys", "g", "r", "KEYS_ONLY")])
    for group, count in (("a", 10), ("b", 3)):
        for i in range(count):
            put(client, name, f"{group}{i % 3}", str(i), g=s(group), r=n(i), x=n(i % 2))
    put(client, name, "none", "0")
    yield name
    client.delete_table(TableName=name)


@pytest.mark.parametrize("condition,values,expected", [
    ("g = :g AND r = :x", {":x": n(4)}, "4"),
    ("g = :g AND r < :x", {":x": n(3)}, "012"),
    ("g = :g AND r <= :x", {":x": n(3)}, "0123"),
    ("g = :g AND r > :x", {":x": n(7)}, "89"),
    ("g = :g AND r >= :x", {":x": n(7)}, "789"),
    ("g = :g AND r BETWEEN :x AND :y", {":x": n(2), ":y": n(4)}, "234"),
])
def test_sort_key_conditions(client, numbered, condition, values, expected):
    answer = query(client, numbered, "all", "a", condition, values)
    assert sorts(answer) == list(expected)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 4, 10])
def test_pages_of_a_query(client, numbered, limit, forward):
    seen = []
    more = {}
    while True:
        page = query(client, numbered, "all", Limit=limit, ScanIndexForward=forward, **more)
        seen += sorts(page)
        if "LastEvaluatedKey" not in page:
            break
        assert set(page["LastEvaluatedKey"]) == {"g", "r", "pk", "sk"}
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert "".join(seen) == ("0123456789" if forward else "9876543210")


def test_pages_over_equal_index_keys(client, made):
    name = made(used=("pk", "sk", "g"), glob=[index("one", "g")])
    for i in range(7):
        put(client, name, f"p{i}", "1", g=s("a"))
    pages = client.get_paginator("query").paginate(
        TableName=name, IndexName="one", KeyConditionExpression="g = :g",
        ExpressionAttributeValues={":g": s("a")}, PaginationConfig={"PageSize": 2},
    )
    seen = [item["pk"]["S"] for page in pages for item in page["Items"]]
    assert sorted(seen) == [f"p{i}" for i in range(7)]


def test_filter_on_an_index(client, numbered):
    answer = query(client, numbered, "all", values={":one": n(1)}, FilterExpression="x = :one")
    assert sorts(answer) == list("13579")
    assert answer["ScannedCount"] == 10


def test_table_keys_may_be_filtered(client, numbered):
    answer = query(client, numbered, "all", values={":p": s("a0")}, FilterExpression="pk = :p")
    assert sorts(answer) == list("0369")


def test_index_keys_may_not_be_filtered(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, "all", values={":x": n(1)}, FilterExpression="r = :x"),
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: r",
    )


def test_count_of_an_index(client, numbered):
    answer = query(client, numbered, "keys", Select="COUNT")
    assert answer["Count"] == 10 and "Items" not in answer


def test_projection_of_an_index(client, numbered):
    answer = query(client, numbered, "keys", Limit=1, ProjectionExpression="sk, r")
    assert answer["Items"] == [{"sk": s("0"), "r": n(0)}]


def test_projection_that_the_index_does_not_have(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, "keys", ProjectionExpression="sk, x"),
        PREFIX + "Global secondary index keys does not project [x]",
    )


def test_all_projected_attributes(client, numbered):
    answer = query(client, numbered, "keys", Select="ALL_PROJECTED_ATTRIBUTES", Limit=1)
    assert set(answer["Items"][0]) == {"pk", "sk", "g", "r"}


def test_all_attributes_of_an_index_that_has_them(client, numbered):
    answer = query(client, numbered, "all", Select="ALL_ATTRIBUTES", Limit=1)
    assert set(answer["Items"][0]) == {"pk", "sk", "g", "r", "x"}


def test_all_attributes_of_an_index_that_has_not(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, "keys", Select="ALL_ATTRIBUTES"),
        PREFIX + "Select type ALL_ATTRIBUTES is not supported for global secondary index keys "
        "because its projection type is not ALL",
    )


def test_consistent_read_of_a_global_index(client, numbered, invalid):
    text = "Consistent reads are not supported on global secondary indexes"
    invalid(lambda: query(client, numbered, "all", ConsistentRead=True), text)
    invalid(lambda: client.scan(TableName=numbered, IndexName="all", ConsistentRead=True), text)


def test_condition_on_the_table_s_keys(client, numbered, invalid):
    invalid(
        lambda: client.query(
            TableName=numbered, IndexName="all", KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": s("a0")},
        ),
        "Query condition missed key schema element: g",
    )


def test_legacy_key_conditions(client, numbered):
    answer = client.query(TableName=numbered, IndexName="all", KeyConditions={
        "g": {"ComparisonOperator": "EQ", "AttributeValueList": [s("b")]},
        "r": {"ComparisonOperator": "GE", "AttributeValueList": [n(1)]},
    })
    assert sorts(answer) == ["1", "2"]


START = {"pk": s("a0"), "sk": s("0"), "g": s("a"), "r": n(0)}


@pytest.mark.parametrize("start", [
    {"pk": s("a0"), "sk": s("0")},
    {"g": s("a"), "r": n(0)},
    {**START, "x": n(1)},
    {"pk": s("a0"), "sk": s("0"), "g": s("a"), "x": n(0)},
])
def test_start_key_with_other_attributes(client, numbered, invalid, start):
    invalid(lambda: query(client, numbered, "all", ExclusiveStartKey=start),
            "The provided starting key is invalid")


def test_start_key_of_the_wrong_type(client, numbered, invalid):
    invalid(lambda: query(client, numbered, "all", ExclusiveStartKey={**START, "r": s("0")}))


def test_start_key_of_another_partition(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, "all", "b", ExclusiveStartKey=START),
        "The provided starting key is outside query boundaries based on provided conditions",
    )


def test_start_key_of_an_item_that_is_not_there(client, numbered):
    start = {**START, "pk": s("nobody"), "r": n(4.5)}
    assert sorts(query(client, numbered, "all", ExclusiveStartKey=start)) == list("56789")


# ---- Scan


def test_scan_of_an_index_has_its_items_only(client, numbered):
    answer = client.scan(TableName=numbered, IndexName="keys")
    assert answer["Count"] == 13 and client.scan(TableName=numbered)["Count"] == 14
    assert all(set(item) == {"pk", "sk", "g", "r"} for item in answer["Items"])


def test_pages_of_a_scan(client, numbered):
    pages = client.get_paginator("scan").paginate(
        TableName=numbered, IndexName="all", PaginationConfig={"PageSize": 4})
    seen = [(item["g"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"]]
    assert len(seen) == len(set(seen)) == 13


def test_segments_of_a_scan(client, numbered):
    seen = []
    for segment in range(4):
        page = client.scan(TableName=numbered, IndexName="all", Segment=segment, TotalSegments=4)
        seen += [(item["g"]["S"], item["sk"]["S"]) for item in page["Items"]]
    assert len(seen) == len(set(seen)) == 13


def test_scan_with_a_start_key_of_the_table(client, numbered, invalid):
    invalid(lambda: client.scan(TableName=numbered, IndexName="all",
                                ExclusiveStartKey={"pk": s("a0"), "sk": s("0")}))


# ---- capacity


def write_units(answer):
    consumed = answer["ConsumedCapacity"]
    found = {k: v["CapacityUnits"] for k, v in consumed.get("GlobalSecondaryIndexes", {}).items()}
    return consumed["CapacityUnits"], consumed["Table"]["CapacityUnits"], found


def consumed_by_put(client, name, **attributes):
    return write_units(client.put_item(
        TableName=name, Item={"pk": s("p"), "sk": s("1"), **attributes},
        ReturnConsumedCapacity="INDEXES",
    ))


@pytest.fixture
def counted(made):
    return made(glob=[index("all", "g", "r"), index("keys", "g", "r", "KEYS_ONLY")])


def test_new_entries_cost_one_unit_each(client, counted):
    found = consumed_by_put(client, counted, g=s("a"), r=n(1))
    assert found == (3, 1, {"all": 1, "keys": 1})


def test_item_without_entries_costs_the_table_only(client, counted):
    assert consumed_by_put(client, counted, x=n(1)) == (1, 1, {})


def test_moved_entries_cost_two_units_each(client, counted):
    consumed_by_put(client, counted, g=s("a"), r=n(1))
    assert consumed_by_put(client, counted, g=s("a"), r=n(2)) == (5, 1, {"all": 2, "keys": 2})


def test_untouched_entries_cost_nothing(client, counted):
    consumed_by_put(client, counted, g=s("a"), r=n(1), x=n(1))
    assert consumed_by_put(client, counted, g=s("a"), r=n(1), x=n(2)) == (2, 1, {"all": 1})


def test_deleted_entries_cost_one_unit_each(client, counted):
    consumed_by_put(client, counted, g=s("a"), r=n(1))
    answer = client.delete_item(TableName=counted, Key={"pk": s("p"), "sk": s("1")},
                                ReturnConsumedCapacity="INDEXES")
    assert write_units(answer) == (3, 1, {"all": 1, "keys": 1})


def test_entries_cost_by_their_own_size(client, counted):
    found = consumed_by_put(client, counted, g=s("a"), r=n(1), x=s("x" * 3000))
    assert found == (7, 3, {"all": 3, "keys": 1})


def test_total_has_no_parts(client, counted):
    answer = client.put_item(
        TableName=counted, Item={"pk": s("p"), "sk": s("1"), "g": s("a"), "r": n(1)},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == {"TableName": counted, "CapacityUnits": 3.0}


def test_transactions_cost_twice(client, counted):
    item = {"pk": s("p"), "sk": s("1"), "g": s("a"), "r": n(1)}
    answer = client.transact_write_items(
        TransactItems=[{"Put": {"TableName": counted, "Item": item}}],
        ReturnConsumedCapacity="INDEXES",
    )
    (consumed,) = answer["ConsumedCapacity"]
    assert consumed["CapacityUnits"] == consumed["WriteCapacityUnits"] == 6
    assert consumed["GlobalSecondaryIndexes"]["all"]["WriteCapacityUnits"] == 2


def test_batch_sums_by_index(client, counted):
    items = [{"pk": s("p"), "sk": s(str(i)), "g": s("a"), "r": n(i)} for i in range(3)]
    answer = client.batch_write_item(
        RequestItems={counted: [{"PutRequest": {"Item": item}} for item in items]},
        ReturnConsumedCapacity="INDEXES",
    )
    (consumed,) = answer["ConsumedCapacity"]
    assert consumed["CapacityUnits"] == 9
    assert consumed["GlobalSecondaryIndexes"] == {
        "all": {"CapacityUnits": 3.0}, "keys": {"CapacityUnits": 3.0},
    }


def test_query_costs_the_index(client, counted):
    for i in range(9):
        put(client, counted, "p", str(i), g=s("a"), r=n(i), x=s("x" * 1000))
    answer = query(client, counted, "all", ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"] == {
        "TableName": counted, "CapacityUnits": 1.5, "Table": {"CapacityUnits": 0.0},
        "GlobalSecondaryIndexes": {"all": {"CapacityUnits": 1.5}},
    }
    answer = query(client, counted, "keys", ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 0.5


# ---- local indexes


@pytest.fixture
def local(made):
    return made(used=("pk", "sk", "r"), local=[index("loc", "pk", "r", "KEYS_ONLY")])


def in_partition(client, name, **more):
    return client.query(TableName=name, IndexName="loc", KeyConditionExpression="pk = :p",
                        ExpressionAttributeValues={":p": s("p")}, **more)


def test_description_of_a_local_index(client, local):
    table = client.describe_table(TableName=local)["Table"]
    (described,) = table["LocalSecondaryIndexes"]
    assert described == {
        "IndexName": "loc", "KeySchema": schema("pk", "r"),
        "Projection": {"ProjectionType": "KEYS_ONLY"}, "IndexSizeBytes": 0, "ItemCount": 0,
        "IndexArn": table["TableArn"] + "/index/loc",
    }


def test_local_index_has_another_order(client, local):
    for i in range(4):
        put(client, local, "p", str(i), r=n(-i), x=n(i))
    put(client, local, "p", "sparse")
    answer = in_partition(client, local, ConsistentRead=True)
    assert sorts(answer) == ["3", "2", "1", "0"]
    assert set(answer["Items"][0]) == {"pk", "sk", "r"}


def test_local_index_pages(client, local):
    for i in range(5):
        put(client, local, "p", str(i), r=n(1))
    first = in_partition(client, local, Limit=3)
    assert set(first["LastEvaluatedKey"]) == {"pk", "sk", "r"}
    second = in_partition(client, local, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert sorts(first) + sorts(second) == list("01234")


def test_local_index_fetches_what_it_does_not_have(client, local):
    items = [put(client, local, "p", str(i), r=n(i), x=s("x" * 5000)) for i in range(2)]
    answer = in_partition(client, local, Select="ALL_ATTRIBUTES", ReturnConsumedCapacity="INDEXES")
    assert answer["Items"] == items
    consumed = answer["ConsumedCapacity"]
    assert consumed["LocalSecondaryIndexes"] == {"loc": {"CapacityUnits": 0.5}}
    assert consumed["Table"] == {"CapacityUnits": 2.0} and consumed["CapacityUnits"] == 2.5
    answer = in_partition(client, local, ProjectionExpression="sk, x")
    assert answer["Items"] == [{"sk": item["sk"], "x": item["x"]} for item in items]


def test_write_units_of_a_local_index(client, local):
    answer = client.put_item(TableName=local, Item={"pk": s("p"), "sk": s("1"), "r": n(1)},
                             ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"] == {
        "TableName": local, "CapacityUnits": 2.0, "Table": {"CapacityUnits": 1.0},
        "LocalSecondaryIndexes": {"loc": {"CapacityUnits": 1.0}},
    }


@pytest.mark.parametrize("arguments,text", [
    ({"used": ("pk", "r"), "key": ("pk",), "local": [index("loc", "pk", "r")]},
     "Table KeySchema does not have a range key, which is required when specifying a "
     "LocalSecondaryIndex"),
    ({"used": ("pk", "sk"), "local": [index("loc", "pk")]},
     "Index KeySchema does not have a range key for index: loc"),
    ({"used": ("pk", "sk", "g", "r"), "local": [index("loc", "g", "r")]},
     "Index KeySchema does not have the same leading hash key as table KeySchema for index: loc. "
     "index hash key: g, table hash key: pk"),
    ({"used": ("pk", "sk", "r"), "local": [index(f"l-{i}", "pk", "r") for i in range(6)]},
     "Number of LocalSecondaryIndexes exceeds per-table limit of 5"),
    ({"used": ("pk", "sk", "r"), "local": [index("one", "pk", "r")], "glob": [index("one", "r")]},
     "Duplicate index name: one"),
])
def test_bad_local_index(client, invalid, arguments, text):
    invalid(lambda: create(client, **arguments), PREFIX + text)


# ---- UpdateTable


def test_billing_changes_and_back(client, made):
    name = made(glob=[index("one", "g", "r")])
    units = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
    update = {"Update": {"IndexName": "one", "ProvisionedThroughput": units}}
    client.update_table(TableName=name, BillingMode="PROVISIONED", ProvisionedThroughput=units,
                        GlobalSecondaryIndexUpdates=[update])
    table = client.describe_table(TableName=name)["Table"]
    assert "BillingModeSummary" not in table
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 7
    found = table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]
    assert (found["ReadCapacityUnits"], found["WriteCapacityUnits"]) == (7, 8)
    client.update_table(TableName=name, BillingMode="PAY_PER_REQUEST")
    table = client.describe_table(TableName=name)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def test_provisioning_says_so_for_each_index(client, made, invalid):
    name = made(glob=[index("one", "g", "r")])
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    invalid(
        lambda: client.update_table(TableName=name, BillingMode="PROVISIONED",
                                    ProvisionedThroughput=units),
        PREFIX + "ProvisionedThroughput must be specified for index: one",
    )


def test_deletion_protection_is_switched(raw, made, client, invalid):
    name = made(glob=[index("one", "g", "r")])

    def protect(on):
        body = {"TableName": name, "DeletionProtectionEnabled": on}
        return raw("UpdateTable", body).body["TableDescription"]["DeletionProtectionEnabled"]

    assert protect(True) is True
    assert raw("DescribeTable", {"TableName": name}).body["Table"]["DeletionProtectionEnabled"]
    invalid(lambda: client.delete_table(TableName=name))
    assert protect(False) is False


def test_other_tables_indexes_are_apart(client, made):
    one, two = made(glob=[index("all", "g", "r")]), made(glob=[index("all", "g", "r")])
    put(client, one, "p", "1", g=s("a"), r=n(1))
    assert query(client, two, "all")["Count"] == 0
