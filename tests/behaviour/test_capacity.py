# SPDX-License-Identifier: Apache-2.0
"""Consumed capacity: what each operation costs."""
import pytest


def units(answer):
    return answer["ConsumedCapacity"]["CapacityUnits"]


@pytest.fixture
def put(client, hash_table, key):
    def run(size=0, **more):
        item = {**key, "a": {"S": "x" * size}}
        more.setdefault("ReturnConsumedCapacity", "TOTAL")
        return client.put_item(TableName=hash_table, Item=item, **more)

    return run


def test_none_is_the_default(client, hash_table, key):
    assert "ConsumedCapacity" not in client.put_item(TableName=hash_table, Item=key)


def test_none_by_name(put):
    assert "ConsumedCapacity" not in put(ReturnConsumedCapacity="NONE")


def test_total_names_the_table(put, hash_table):
    assert put()["ConsumedCapacity"] == {"TableName": hash_table, "CapacityUnits": 1.0}


def test_indexes_adds_the_table_by_itself(put, hash_table):
    assert put(ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"] == {
        "TableName": hash_table, "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0},
    }


@pytest.mark.parametrize("size,expected", [(1024 - 35, 1.0), (1024 - 34, 2.0), (10240 - 35, 10.0)])
def test_writes_are_charged_by_kilobyte(put, size, expected):
    assert units(put(size)) == expected


def test_write_is_charged_for_the_larger_item(put):
    put(3000)
    assert units(put(0)) == 3.0


def test_delete_is_charged_for_the_old_item(client, put, hash_table, key):
    put(3000)
    answer = client.delete_item(TableName=hash_table, Key=key, ReturnConsumedCapacity="TOTAL")
    assert units(answer) == 3.0


def test_delete_of_none_is_one_unit(client, hash_table, key):
    answer = client.delete_item(TableName=hash_table, Key=key, ReturnConsumedCapacity="TOTAL")
    assert units(answer) == 1.0


def test_update_is_charged_for_the_larger_item(client, put, hash_table, key):
    put(3000)
    answer = client.update_item(
        TableName=hash_table, Key=key, UpdateExpression="REMOVE a", ReturnConsumedCapacity="TOTAL"
    )
    assert units(answer) == 3.0


@pytest.mark.parametrize(
    "size,consistent,expected",
    [(4096 - 35, False, 0.5), (4096 - 35, True, 1.0), (4096, False, 1.0), (4096, True, 2.0)],
)
def test_reads_are_charged_by_four_kilobytes(client, put, hash_table, key, size, consistent,
                                             expected):
    put(size)
    answer = client.get_item(
        TableName=hash_table, Key=key, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL"
    )
    assert units(answer) == expected


def test_projection_does_not_make_it_cheaper(client, put, hash_table, key):
    put(8000)
    answer = client.get_item(
        TableName=hash_table, Key=key, ProjectionExpression="pk", ReturnConsumedCapacity="TOTAL"
    )
    assert units(answer) == 1.0


def test_read_of_none(client, hash_table, key):
    answer = client.get_item(
        TableName=hash_table, Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
    )
    assert units(answer) == 1.0


def test_query_sums_before_it_rounds(client, table):
    name = table(sort="N")
    for i in range(30):
        client.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"N": str(i + 1)},
                                              "d": {"S": "x" * 500}})
    answer = client.query(
        TableName=name, KeyConditionExpression="pk = :p", ConsistentRead=True,
        ExpressionAttributeValues={":p": {"S": "a"}}, ReturnConsumedCapacity="TOTAL",
    )
    assert units(answer) == 4.0


def test_filter_does_not_make_a_query_cheaper(client, table):
    name = table(sort="N")
    for i in range(10):
        client.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"N": str(i)},
                                              "d": {"S": "x" * 1000}})
    answer = client.query(
        TableName=name, KeyConditionExpression="pk = :p", FilterExpression="d = :p",
        Select="COUNT", ExpressionAttributeValues={":p": {"S": "a"}},
        ReturnConsumedCapacity="TOTAL",
    )
    assert (answer["Count"], units(answer)) == (0, 1.5)


def test_batch_get_rounds_each_item(client, table):
    name = table()
    for name_of, size in (("a", 1500), ("b", 6500)):
        client.put_item(TableName=name, Item={"pk": {"S": name_of}, "d": {"S": "x" * size}})
    answer = client.batch_get_item(
        RequestItems={name: {"Keys": [{"pk": {"S": "a"}}, {"pk": {"S": "b"}}],
                             "ConsistentRead": True}},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == [{"TableName": name, "CapacityUnits": 3.0}]


def test_batch_write_rounds_each_item(client, table):
    name = table()
    puts = [{"PutRequest": {"Item": {"pk": {"S": k}, "d": {"S": "x" * 1100}}}} for k in "abc"]
    answer = client.batch_write_item(RequestItems={name: puts}, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [{"TableName": name, "CapacityUnits": 6.0}]


def test_transaction_writes_cost_double(client, table):
    name = table()
    puts = [{"Put": {"TableName": name, "Item": {"pk": {"S": k}}}} for k in "ab"]
    answer = client.transact_write_items(TransactItems=puts, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [
        {"TableName": name, "CapacityUnits": 4.0, "WriteCapacityUnits": 4.0}
    ]


def test_transaction_reads_cost_double(client, table):
    name = table()
    client.put_item(TableName=name, Item={"pk": {"S": "a"}})
    gets = [{"Get": {"TableName": name, "Key": {"pk": {"S": k}}}} for k in "ab"]
    answer = client.transact_get_items(TransactItems=gets, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [
        {"TableName": name, "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}
    ]


def test_repeated_transaction_costs_reads(client, table):
    name = table()
    request = {
        "TransactItems": [{"Put": {"TableName": name, "Item": {"pk": {"S": "a"}}}}],
        "ClientRequestToken": "token-of-capacity",
        "ReturnConsumedCapacity": "TOTAL",
    }
    client.transact_write_items(**request)
    answer = client.transact_write_items(**request)
    assert answer["ConsumedCapacity"] == [
        {"TableName": name, "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}
    ]
