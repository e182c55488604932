# SPDX-License-Identifier: Apache-2.0
"""BatchWriteItem and BatchGetItem."""
import pytest

GONE = "Requested resource not found"
DUPLICATES = "Provided list of item keys contains duplicates"


def put(item):
    return {"PutRequest": {"Item": item}}


def delete(key):
    return {"DeleteRequest": {"Key": key}}


def pk(text):
    return {"pk": {"S": text}}


def write(client, requests, **more):
    return client.batch_write_item(RequestItems=requests, **more)


def get(client, requests, **more):
    return client.batch_get_item(RequestItems=requests, **more)


# ---- BatchWriteItem


def test_write_puts(client, table):
    name = table()
    answer = write(client, {name: [put(pk(str(i))) for i in range(25)]})
    assert answer["UnprocessedItems"] == {}
    assert client.scan(TableName=name)["Count"] == 25


def test_write_puts_and_deletes(client, table):
    name = table()
    client.put_item(TableName=name, Item=pk("old"))
    write(client, {name: [put(pk("new")), delete(pk("old"))]})
    assert client.scan(TableName=name)["Items"] == [pk("new")]


def test_write_to_several_tables(client, table):
    one, two = table(), table()
    write(client, {one: [put(pk("1"))], two: [put(pk("2"))]})
    assert client.scan(TableName=one)["Items"] == [pk("1")]
    assert client.scan(TableName=two)["Items"] == [pk("2")]


def test_write_replaces(client, table):
    name = table()
    client.put_item(TableName=name, Item={**pk("a"), "x": {"S": "old"}})
    write(client, {name: [put({**pk("a"), "y": {"S": "new"}})]})
    assert client.scan(TableName=name)["Items"] == [{**pk("a"), "y": {"S": "new"}}]


def test_delete_of_none_is_fine(client, table):
    assert write(client, {table(): [delete(pk("none"))]})["UnprocessedItems"] == {}


def test_write_more_than_25(client, table, invalid):
    name = table()
    message = invalid(
        lambda: write(client, {name: [put(pk(str(i))) for i in range(26)]})
    )["Error"]["Message"]
    assert message.endswith(
        "at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member "
        "must have length less than or equal to 25, Member must have length greater than or equal "
        "to 1]"
    )


def test_write_more_than_25_over_tables(client, table, invalid):
    requests = {table(): [put(pk(str(i))) for i in range(13)] for _ in range(2)}
    invalid(
        lambda: write(client, requests), "Too many items requested for the BatchWriteItem call"
    )


def test_write_of_nothing(client, invalid):
    invalid(
        lambda: write(client, {}),
        "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    )


def test_write_without_requests(client, invalid):
    invalid(
        client.batch_write_item,
        "1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: "
        "Member must not be null",
    )


def test_write_of_an_empty_list(client, table, invalid):
    name = table()
    message = invalid(lambda: write(client, {name: []}))["Error"]["Message"]
    assert "Map value must satisfy constraint" in message


def test_write_to_a_short_name(client, invalid):
    message = invalid(lambda: write(client, {"a": [put(pk("1"))]}))["Error"]["Message"]
    assert (
        "Map keys must satisfy constraint: [Member must have length less than or equal to 255, "
        "Member must have length greater than or equal to 3, Member must satisfy regular "
        "expression pattern: [a-zA-Z0-9_.-]+]" in message
    )


@pytest.mark.parametrize(
    "requests",
    [[put(pk("a")), delete(pk("a"))], [delete(pk("a")), put(pk("a"))],
     [put(pk("a")), put({**pk("a"), "x": {"S": "y"}})]],
)
def test_write_one_item_twice(client, table, invalid, requests):
    name = table()
    invalid(lambda: write(client, {name: requests}), DUPLICATES)
    assert client.scan(TableName=name)["Count"] == 0


def test_write_to_none(client, refused):
    refused(
        lambda: write(client, {"absent-table": [put(pk("a"))]}), "ResourceNotFoundException", GONE
    )


def test_table_is_looked_for_before_duplicates(client, refused):
    refused(
        lambda: write(client, {"absent-table": [put(pk("a")), delete(pk("a"))]}),
        "ResourceNotFoundException",
        GONE,
    )


def test_write_to_one_table_and_none(client, table, refused):
    name = table()
    refused(
        lambda: write(client, {name: [put(pk("a"))], "absent-table": [put(pk("a"))]}),
        "ResourceNotFoundException",
    )
    assert client.scan(TableName=name)["Count"] == 0


def test_request_that_is_empty(client, table, invalid):
    name = table()
    invalid(
        lambda: write(client, {name: [{}]}),
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
        "supported datatypes",
    )


def test_put_without_item(client, table, invalid):
    name = table()
    invalid(
        lambda: write(client, {name: [{"PutRequest": {}}]}),
        f"1 validation error detected: Value null at 'requestItems.{name}.member.1.member."
        "putRequest.item' failed to satisfy constraint: Member must not be null",
    )


def test_one_bad_item_stops_the_batch(client, table, invalid):
    name = table()
    invalid(lambda: write(client, {name: [put(pk("a")), put({"x": {"S": "y"}})]}))
    assert client.scan(TableName=name)["Count"] == 0


@pytest.mark.parametrize("value", [{"N": "5"}, {"L": [{"S": "x"}]}])
def test_write_with_a_key_of_another_type(client, table, invalid, value):
    name = table()
    for request in (put({"pk": value}), delete({"pk": value})):
        invalid(lambda: write(client, {name: [put(pk("a")), request]}),
                "The provided key element does not match the schema")
    assert client.scan(TableName=name)["Count"] == 0


def test_write_of_an_item_too_large(client, table, invalid):
    name = table()
    invalid(
        lambda: write(client, {name: [put({**pk("a"), "x": {"S": "x" * 410000}})]}),
        "Item size has exceeded the maximum allowed size",
    )


# ---- BatchGetItem


def test_get_what_is_there(client, table):
    name = table()
    write(client, {name: [put(pk("a")), put(pk("b"))]})
    answer = get(client, {name: {"Keys": [pk("a"), pk("b"), pk("c")]}})
    found = sorted(item["pk"]["S"] for item in answer["Responses"][name])
    assert found == ["a", "b"] and answer["UnprocessedKeys"] == {}


def test_get_none_has_an_empty_list(client, table):
    name = table()
    assert get(client, {name: {"Keys": [pk("a")]}})["Responses"] == {name: []}


def test_get_from_several_tables(client, table):
    one, two = table(), table()
    write(client, {one: [put(pk("1"))], two: [put(pk("2"))]})
    answer = get(client, {one: {"Keys": [pk("1")]}, two: {"Keys": [pk("2")]}})
    assert answer["Responses"] == {one: [pk("1")], two: [pk("2")]}


def test_get_with_a_projection(client, table):
    name = table()
    client.put_item(TableName=name, Item={**pk("a"), "x": {"S": "1"}, "y": {"S": "2"}})
    answer = get(client, {name: {"Keys": [pk("a")], "ProjectionExpression": "#x",
                                 "ExpressionAttributeNames": {"#x": "x"}}})
    assert answer["Responses"][name] == [{"x": {"S": "1"}}]


def test_get_with_attributes_to_get(client, table):
    name = table()
    client.put_item(TableName=name, Item={**pk("a"), "x": {"S": "1"}, "y": {"S": "2"}})
    answer = get(client, {name: {"Keys": [pk("a")], "AttributesToGet": ["y", "none"]}})
    assert answer["Responses"][name] == [{"y": {"S": "2"}}]


def test_get_100_keys(client, table):
    name = table()
    for start in range(0, 100, 25):
        write(client, {name: [put(pk(str(i))) for i in range(start, start + 25)]})
    answer = get(client, {name: {"Keys": [pk(str(i)) for i in range(100)]}})
    assert len(answer["Responses"][name]) == 100


def test_get_more_than_100_keys(client, table, invalid):
    name = table()
    message = invalid(
        lambda: get(client, {name: {"Keys": [pk(str(i)) for i in range(101)]}})
    )["Error"]["Message"]
    assert message.endswith(
        f"at 'requestItems.{name}.member.keys' failed to satisfy constraint: Member must have "
        "length less than or equal to 100"
    )


def test_get_more_than_100_keys_over_tables(client, table, invalid):
    requests = {table(): {"Keys": [pk(str(i)) for i in range(51)]} for _ in range(2)}
    invalid(lambda: get(client, requests), "Too many items requested for the BatchGetItem call")


def test_get_more_than_16_mb(client, table):
    name = table()
    for i in range(50):
        client.put_item(TableName=name, Item={**pk(str(i)), "d": {"S": "x" * 390000}})
    requests, found, rounds = {name: {"Keys": [pk(str(i)) for i in range(50)],
                                      "ConsistentRead": True}}, set(), 0
    while requests:
        answer = get(client, requests)
        found |= {item["pk"]["S"] for item in answer["Responses"].get(name, [])}
        requests = answer["UnprocessedKeys"]
        rounds += 1
        if requests:
            assert requests[name]["ConsistentRead"] is True
    assert len(found) == 50 and rounds == 2


def test_get_one_key_twice(client, table, invalid):
    name = table()
    invalid(lambda: get(client, {name: {"Keys": [pk("a"), pk("b"), pk("a")]}}), DUPLICATES)


def test_get_with_a_key_of_another_schema(client, table, invalid):
    name = table()
    invalid(
        lambda: get(client, {name: {"Keys": [{"x": {"S": "a"}}]}}),
        "The provided key element does not match the schema",
    )


def test_get_from_none(client, refused):
    refused(
        lambda: get(client, {"absent-table": {"Keys": [pk("a")]}}),
        "ResourceNotFoundException",
        GONE,
    )


def test_get_without_keys(client, table, invalid):
    name = table()
    invalid(
        lambda: get(client, {name: {}}),
        f"1 validation error detected: Value null at 'requestItems.{name}.member.keys' failed to "
        "satisfy constraint: Member must not be null",
    )


def test_get_of_no_keys(client, table, invalid):
    name = table()
    invalid(
        lambda: get(client, {name: {"Keys": []}}),
        f"1 validation error detected: Value '[]' at 'requestItems.{name}.member.keys' failed to "
        "satisfy constraint: Member must have length greater than or equal to 1",
    )


def test_get_with_expression_and_legacy(client, table, invalid):
    name = table()
    invalid(
        lambda: get(client, {name: {"Keys": [pk("a")], "AttributesToGet": ["a"],
                                    "ProjectionExpression": "a"}}),
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributesToGet} Expression parameters: "
        "{ProjectionExpression}",
    )


def test_get_with_an_attribute_twice(client, table, invalid):
    name = table()
    invalid(
        lambda: get(client, {name: {"Keys": [pk("a")], "AttributesToGet": ["a", "a"]}}),
        "One or more parameter values were invalid: Duplicate value in attribute name: a",
    )
