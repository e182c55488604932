# SPDX-License-Identifier: Apache-2.0
"""PutItem, GetItem, DeleteItem and UpdateItem: what they do, answer and refuse."""
import pytest

PREFIX = "One or more parameter values were invalid: "
SCHEMA = "The provided key element does not match the schema"
GONE = "Requested resource not found"
CONDITION = "The conditional request failed"


def put(client, table, item, **more):
    return client.put_item(TableName=table, Item=item, **more)


def get(client, table, key, **more):
    return client.get_item(TableName=table, Key=key, **more)


# ---- PutItem


def test_put_answers_nothing(client, hash_table, key):
    answer = put(client, hash_table, key)
    assert set(answer) == {"ResponseMetadata"}


def test_put_replaces_the_whole_item(client, hash_table, key):
    put(client, hash_table, {**key, "a": {"S": "x"}, "b": {"S": "y"}})
    put(client, hash_table, {**key, "c": {"S": "z"}})
    assert get(client, hash_table, key)["Item"] == {**key, "c": {"S": "z"}}


def test_put_returns_the_old_item(client, hash_table, key):
    put(client, hash_table, {**key, "a": {"S": "x"}})
    answer = put(client, hash_table, key, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == {**key, "a": {"S": "x"}}


def test_put_of_a_new_item_returns_no_old_one(client, hash_table, key):
    assert "Attributes" not in put(client, hash_table, key, ReturnValues="ALL_OLD")


@pytest.mark.parametrize("returns", ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
def test_put_returns_old_only(client, hash_table, key, invalid, returns):
    invalid(
        lambda: put(client, hash_table, key, ReturnValues=returns),
        "ReturnValues can only be ALL_OLD or NONE",
    )


def test_put_without_the_key(client, hash_table, invalid):
    invalid(
        lambda: put(client, hash_table, {"a": {"S": "x"}}),
        PREFIX + "Missing the key pk in the item",
    )


def test_put_without_the_sort_key(client, range_table, key, invalid):
    invalid(lambda: put(client, range_table, key), PREFIX + "Missing the key sk in the item")


def test_put_with_a_key_of_wrong_type(client, hash_table, invalid):
    invalid(
        lambda: put(client, hash_table, {"pk": {"N": "1"}}),
        PREFIX + "Type mismatch for key pk expected: S actual: N",
    )


def test_put_into_none(client, refused, key):
    refused(lambda: put(client, "absent-table", key), "ResourceNotFoundException", GONE)


def test_put_without_anything(client, invalid):
    error = invalid(client.put_item)["Error"]["Message"]
    assert error.startswith("2 validation errors detected: ")
    assert "Value null at 'tableName' failed to satisfy constraint: Member must not be null" in error
    assert "Value null at 'item' failed to satisfy constraint: Member must not be null" in error


def test_put_with_all_enums_wrong(client, invalid):
    error = invalid(
        lambda: client.put_item(
            TableName="abc;", ReturnConsumedCapacity="hi", ReturnItemCollectionMetrics="hi",
            ReturnValues="hi",
        )
    )["Error"]["Message"]
    assert error.startswith("5 validation errors detected: ")
    for part in (
        "Value 'hi' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy "
        "enum value set: [INDEXES, TOTAL, NONE]",
        "Value 'abc;' at 'tableName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [a-zA-Z0-9_.-]+",
        "Value 'hi' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value "
        "set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]",
        "Value 'hi' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must "
        "satisfy enum value set: [SIZE, NONE]",
    ):
        assert part in error


@pytest.mark.parametrize("name", ["", "a;"])
def test_put_with_a_short_table_name(client, key, invalid, name):
    error = invalid(lambda: put(client, name, key))["Error"]["Message"]
    assert f"Value '{name}' at 'tableName' failed to satisfy constraint: Member must have length " \
        "greater than or equal to 3" in error


def test_value_error_comes_before_the_table(client, invalid):
    invalid(
        lambda: put(client, "absent-table", {"a": {"N": "b"}}),
        "The parameter cannot be converted to a numeric value: b",
    )


# ---- GetItem


def test_get_of_none_is_empty(client, hash_table, key):
    assert "Item" not in get(client, hash_table, key)


@pytest.mark.parametrize("consistent", [True, False])
def test_get_sees_what_was_put(client, hash_table, key, consistent):
    put(client, hash_table, {**key, "a": {"N": "5"}})
    assert get(client, hash_table, key, ConsistentRead=consistent)["Item"]["a"] == {"N": "5"}


@pytest.mark.parametrize(
    "key", [{}, {"b": {"S": "a"}}, {"pk": {"S": "a"}, "b": {"S": "a"}}, {"pk": {"N": "1"}},
            {"pk": {"BOOL": True}}, {"pk": {"M": {}}}, {"pk": {"SS": ["a"]}}],
)
def test_get_with_a_key_of_another_schema(client, hash_table, invalid, key):
    invalid(lambda: get(client, hash_table, key), SCHEMA)


def test_get_without_the_sort_key(client, range_table, key, invalid):
    invalid(lambda: get(client, range_table, key), SCHEMA)


def test_get_from_none(client, refused):
    refused(lambda: get(client, "absent-table", {}), "ResourceNotFoundException", GONE)


def test_get_without_anything(client, invalid):
    error = invalid(client.get_item)["Error"]["Message"]
    assert error.startswith("2 validation errors detected: ")


# ---- DeleteItem


def test_delete_takes_the_item(client, hash_table, key):
    put(client, hash_table, key)
    client.delete_item(TableName=hash_table, Key=key)
    assert "Item" not in get(client, hash_table, key)


def test_delete_of_none_is_fine(client, hash_table, key):
    answer = client.delete_item(TableName=hash_table, Key=key, ReturnValues="ALL_OLD")
    assert "Attributes" not in answer


def test_delete_returns_the_old_item(client, hash_table, key):
    put(client, hash_table, {**key, "a": {"S": "x"}})
    answer = client.delete_item(TableName=hash_table, Key=key, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == {**key, "a": {"S": "x"}}


def test_delete_returns_old_only(client, hash_table, key, invalid):
    invalid(
        lambda: client.delete_item(TableName=hash_table, Key=key, ReturnValues="ALL_NEW"),
        "ReturnValues can only be ALL_OLD or NONE",
    )


def test_delete_with_another_schema(client, hash_table, invalid):
    invalid(lambda: client.delete_item(TableName=hash_table, Key={"b": {"S": "a"}}), SCHEMA)


def test_delete_from_none(client, refused, key):
    refused(
        lambda: client.delete_item(TableName="absent-table", Key=key),
        "ResourceNotFoundException",
        GONE,
    )


# ---- conditions of single writes


def test_put_if_absent_once(client, hash_table, key, refused):
    put(client, hash_table, key, ConditionExpression="attribute_not_exists(pk)")
    refused(
        lambda: put(client, hash_table, key, ConditionExpression="attribute_not_exists(pk)"),
        "ConditionalCheckFailedException",
        CONDITION,
    )


def test_failed_condition_changes_nothing(client, hash_table, key, refused):
    put(client, hash_table, {**key, "a": {"S": "x"}})
    refused(
        lambda: put(client, hash_table, key, ConditionExpression="attribute_not_exists(pk)"),
        "ConditionalCheckFailedException",
    )
    assert get(client, hash_table, key)["Item"]["a"] == {"S": "x"}


def test_condition_sees_the_item_before(client, hash_table, key):
    put(client, hash_table, {**key, "v": {"N": "1"}})
    put(
        client, hash_table, {**key, "v": {"N": "2"}},
        ConditionExpression="v = :v", ExpressionAttributeValues={":v": {"N": "1"}},
    )
    assert get(client, hash_table, key)["Item"]["v"] == {"N": "2"}


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
def test_failed_condition_shows_the_item_when_asked(raw, client, hash_table, key, operation):
    put(client, hash_table, {**key, "a": {"S": "x"}})
    body = {
        "TableName": hash_table,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "Item" if operation == "PutItem" else "Key": key,
    }
    answer = raw(operation, body)
    assert answer.type == "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    assert answer.body["Item"] == {**key, "a": {"S": "x"}}
    assert answer.message == CONDITION


def test_failed_condition_shows_no_item_unasked(raw, client, hash_table, key):
    put(client, hash_table, key)
    body = {"TableName": hash_table, "ConditionExpression": "attribute_not_exists(pk)", "Key": key}
    assert set(raw("DeleteItem", body).body) == {"__type", "message"}


def test_failed_condition_on_none_shows_no_item(raw, hash_table, key):
    body = {
        "TableName": hash_table, "ConditionExpression": "attribute_exists(pk)", "Key": key,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    assert "Item" not in raw("DeleteItem", body).body


def test_delete_on_condition(client, hash_table, key, refused):
    put(client, hash_table, {**key, "v": {"N": "1"}})
    refused(
        lambda: client.delete_item(
            TableName=hash_table, Key=key, ConditionExpression="v > :v",
            ExpressionAttributeValues={":v": {"N": "1"}},
        ),
        "ConditionalCheckFailedException",
        CONDITION,
    )
    client.delete_item(
        TableName=hash_table, Key=key, ConditionExpression="v >= :v",
        ExpressionAttributeValues={":v": {"N": "1"}},
    )
    assert "Item" not in get(client, hash_table, key)


# ---- UpdateItem


def update(client, table, key, expression=None, values=None, names=None, **more):
    if expression is not None:
        more["UpdateExpression"] = expression
    if values is not None:
        more["ExpressionAttributeValues"] = values
    if names is not None:
        more["ExpressionAttributeNames"] = names
    return client.update_item(TableName=table, Key=key, **more)


def test_update_creates_the_item(client, hash_table, key):
    update(client, hash_table, key, "SET a = :a", {":a": {"S": "x"}})
    assert get(client, hash_table, key)["Item"] == {**key, "a": {"S": "x"}}


def test_update_without_expression_creates_the_key(client, hash_table, key):
    update(client, hash_table, key)
    assert get(client, hash_table, key)["Item"] == key


def test_update_keeps_the_rest(client, hash_table, key):
    put(client, hash_table, {**key, "a": {"S": "x"}, "b": {"S": "y"}})
    update(client, hash_table, key, "SET a = :a", {":a": {"S": "z"}})
    assert get(client, hash_table, key)["Item"] == {**key, "a": {"S": "z"}, "b": {"S": "y"}}


@pytest.mark.parametrize(
    "returns,expected",
    [
        ("NONE", None),
        ("ALL_OLD", {"a": {"N": "1"}, "b": {"S": "y"}}),
        ("ALL_NEW", {"a": {"N": "2"}, "b": {"S": "y"}, "c": {"S": "z"}}),
        ("UPDATED_OLD", {"a": {"N": "1"}}),
        ("UPDATED_NEW", {"a": {"N": "2"}, "c": {"S": "z"}}),
    ],
)
def test_update_return_values(client, hash_table, key, returns, expected):
    put(client, hash_table, {**key, "a": {"N": "1"}, "b": {"S": "y"}})
    answer = update(
        client, hash_table, key, "SET a = a + :one, c = :c",
        {":one": {"N": "1"}, ":c": {"S": "z"}}, ReturnValues=returns,
    )
    if expected is not None and returns.startswith("ALL"):
        expected = {**key, **expected}
    assert answer.get("Attributes") == expected


def test_update_of_none_returns_no_old_values(client, hash_table, key):
    answer = update(
        client, hash_table, key, "SET a = :a", {":a": {"S": "x"}}, ReturnValues="ALL_OLD"
    )
    assert "Attributes" not in answer


def test_updated_part_of_a_document(client, hash_table, key):
    put(client, hash_table, {**key, "m": {"M": {"a": {"N": "1"}, "b": {"N": "2"}}}})
    answer = update(
        client, hash_table, key, "SET m.a = :v", {":v": {"N": "9"}}, ReturnValues="UPDATED_NEW"
    )
    assert answer["Attributes"] == {"m": {"M": {"a": {"N": "9"}}}}


def test_update_of_the_key(client, hash_table, key, invalid):
    invalid(
        lambda: update(client, hash_table, key, "SET pk = :a", {":a": {"S": "x"}}),
        PREFIX + "Cannot update attribute pk. This attribute is part of the key",
    )


def test_update_that_removes_the_sort_key(client, range_table, key, invalid):
    invalid(
        lambda: update(client, range_table, {**key, "sk": {"S": "a"}}, "REMOVE sk"),
        PREFIX + "Cannot update attribute sk. This attribute is part of the key",
    )


def test_update_with_another_schema(client, hash_table, invalid):
    invalid(lambda: update(client, hash_table, {"b": {"S": "a"}}), SCHEMA)


def test_update_into_none(client, refused, key):
    refused(lambda: update(client, "absent-table", key), "ResourceNotFoundException", GONE)


def test_update_that_makes_the_item_too_large(client, hash_table, key, invalid):
    put(client, hash_table, {**key, "a": {"S": "x" * 300000}})
    invalid(
        lambda: update(client, hash_table, key, "SET b = :b", {":b": {"S": "x" * 200000}}),
        "Item size to update has exceeded the maximum allowed size",
    )


def test_update_on_condition(client, hash_table, key, refused):
    refused(
        lambda: update(
            client, hash_table, key, "SET a = :a", {":a": {"S": "x"}},
            ConditionExpression="attribute_exists(pk)",
        ),
        "ConditionalCheckFailedException",
        CONDITION,
    )
    assert "Item" not in get(client, hash_table, key)


# ---- what goes together in a request


def test_expression_and_legacy_condition(client, hash_table, key, invalid):
    invalid(
        lambda: put(
            client, hash_table, key, Expected={"a": {"Exists": False}},
            ConditionExpression="attribute_not_exists(a)",
        ),
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}",
    )


def test_both_kinds_in_an_update(client, hash_table, key, invalid):
    invalid(
        lambda: update(
            client, hash_table, key, "SET a = :a", AttributeUpdates={}, Expected={},
            ConditionExpression="a = a",
        ),
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: "
        "{UpdateExpression, ConditionExpression}",
    )


def test_names_without_expression(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ExpressionAttributeNames={"#a": "a"}),
        "ExpressionAttributeNames can only be specified when using expressions",
    )


def test_values_without_expression(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ExpressionAttributeValues={":a": {"S": "a"}}),
        "ExpressionAttributeValues can only be specified when using expressions: "
        "ConditionExpression is null",
    )


def test_values_of_an_update_without_expression(client, hash_table, key, invalid):
    invalid(
        lambda: update(client, hash_table, key, values={":a": {"S": "a"}}),
        "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression "
        "and ConditionExpression are null",
    )


def test_empty_names(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ConditionExpression="a = a",
                    ExpressionAttributeNames={}),
        "ExpressionAttributeNames must not be empty",
    )


def test_empty_values(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ConditionExpression="a = a",
                    ExpressionAttributeValues={}),
        "ExpressionAttributeValues must not be empty",
    )


def test_name_that_is_no_placeholder(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ConditionExpression="a = a",
                    ExpressionAttributeNames={"a": "a"}),
        'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"',
    )


def test_value_that_is_no_placeholder(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ConditionExpression="a = a",
                    ExpressionAttributeValues={"a": {"S": "b"}}),
        'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"',
    )


@pytest.mark.parametrize(
    "value,text",
    [
        ({}, "Supplied AttributeValue is empty, must contain exactly one of the supported "
             "datatypes"),
        ({"N": "b"}, "The parameter cannot be converted to a numeric value: b"),
        ({"SS": []}, PREFIX + "An string set  may not be empty"),
    ],
)
def test_bad_value_is_named(client, hash_table, key, invalid, value, text):
    invalid(
        lambda: put(client, hash_table, key, ConditionExpression="a = :b",
                    ExpressionAttributeValues={":b": value}),
        f"ExpressionAttributeValues contains invalid value: {text} for key :b",
    )


def test_unused_name(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ConditionExpression="attribute_not_exists(#a)",
                    ExpressionAttributeNames={"#a": "a", "#b": "b"}),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}",
    )


def test_unused_value(client, hash_table, key, invalid):
    invalid(
        lambda: put(client, hash_table, key, ConditionExpression="attribute_not_exists(a)",
                    ExpressionAttributeValues={":a": {"S": "a"}}),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}",
    )


def test_placeholders_are_shared_by_expressions(client, hash_table, key):
    update(
        client, hash_table, key, "SET #a = :v", {":v": {"S": "x"}}, {"#a": "a", "#b": "b"},
        ConditionExpression="attribute_not_exists(#b)",
    )
    assert get(client, hash_table, key)["Item"]["a"] == {"S": "x"}
