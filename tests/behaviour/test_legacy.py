# SPDX-License-Identifier: Apache-2.0
"""The parameters of before expressions: Expected, AttributeUpdates, KeyConditions, filters."""
import pytest

PREFIX = "One or more parameter values were invalid: "
FAILED = "ConditionalCheckFailedException"


@pytest.fixture
def put(client, hash_table, key):
    return lambda item, **more: client.put_item(TableName=hash_table, Item={**key, **item}, **more)


@pytest.fixture
def update(client, hash_table, key):
    def run(updates, **more):
        answer = client.update_item(TableName=hash_table, Key=key, AttributeUpdates=updates,
                                    ReturnValues="ALL_NEW", **more)["Attributes"]
        answer.pop("pk")
        return answer

    return run


def n(number):
    return {"N": str(number)}


# ---- Expected


def test_expected_absent(put, refused):
    put({}, Expected={"pk": {"Exists": False}})
    refused(lambda: put({}, Expected={"pk": {"Exists": False}}), FAILED)


def test_expected_value(put, refused):
    put({"v": n(1)})
    put({"v": n(2)}, Expected={"v": {"Value": n(1)}})
    refused(lambda: put({"v": n(3)}, Expected={"v": {"Value": n(1)}}), FAILED)


@pytest.mark.parametrize(
    "operator,values,holds",
    [
        ("EQ", [n(5)], True), ("NE", [n(5)], False), ("LT", [n(6)], True), ("LE", [n(5)], True),
        ("GT", [n(5)], False), ("GE", [n(5)], True), ("BETWEEN", [n(4), n(6)], True),
        ("IN", [n(4), n(5)], True), ("NOT_NULL", [], True), ("NULL", [], False),
    ],
)
def test_expected_comparison(put, refused, operator, values, holds):
    put({"v": n(5)})
    condition = {"ComparisonOperator": operator}
    if values:
        condition["AttributeValueList"] = values
    if holds:
        put({"v": n(5)}, Expected={"v": condition})
    else:
        refused(lambda: put({"v": n(5)}, Expected={"v": condition}), FAILED)


@pytest.mark.parametrize(
    "operator,value,holds",
    [("BEGINS_WITH", "he", True), ("CONTAINS", "ell", True), ("NOT_CONTAINS", "ell", False)],
)
def test_expected_string_comparison(put, refused, operator, value, holds):
    put({"v": {"S": "hello"}})
    expected = {"v": {"ComparisonOperator": operator, "AttributeValueList": [{"S": value}]}}
    if holds:
        put({"v": {"S": "hello"}}, Expected=expected)
    else:
        refused(lambda: put({"v": {"S": "hello"}}, Expected=expected), FAILED)


def test_expected_all_hold(put, refused):
    put({"a": n(1), "b": n(2)})
    both = {"a": {"Value": n(1)}, "b": {"Value": n(9)}}
    refused(lambda: put({}, Expected=both), FAILED)


def test_expected_any_holds(put):
    put({"a": n(1), "b": n(2)})
    put({}, Expected={"a": {"Value": n(1)}, "b": {"Value": n(9)}}, ConditionalOperator="OR")


@pytest.mark.parametrize(
    "condition,text",
    [
        ({}, "Value must be provided when Exists is null for Attribute: a"),
        ({"Exists": True}, "Value must be provided when Exists is true for Attribute: a"),
        ({"Exists": False, "Value": {"S": "a"}},
         "Value cannot be used when Exists is false for Attribute: a"),
        ({"ComparisonOperator": "LT"},
         "Value or AttributeValueList must be used with ComparisonOperator: LT for Attribute: a"),
        ({"Exists": True, "ComparisonOperator": "LT"},
         "Exists and ComparisonOperator cannot be used together for Attribute: a"),
        ({"AttributeValueList": [{"S": "a"}], "Value": {"S": "a"}, "ComparisonOperator": "LT"},
         "Value and AttributeValueList cannot be used together for Attribute: a"),
        ({"AttributeValueList": [{"S": "a"}]},
         "AttributeValueList can only be used with a ComparisonOperator for Attribute: a"),
        ({"AttributeValueList": [], "ComparisonOperator": "EQ"},
         "Invalid number of argument(s) for the EQ ComparisonOperator"),
    ],
)
def test_expected_that_makes_no_sense(put, invalid, condition, text):
    invalid(lambda: put({}, Expected={"a": condition}), PREFIX + text)


def test_conditional_operator_alone(put, invalid):
    message = invalid(lambda: put({}, ConditionalOperator="OR"))["Error"]["Message"]
    assert "ConditionalOperator cannot be used without Filter or Expected" in message


def test_conditional_operator_of_one(put, invalid):
    message = invalid(
        lambda: put({}, ConditionalOperator="OR", Expected={"a": {"Exists": False}})
    )["Error"]["Message"]
    assert "ConditionalOperator can only be used when Filter or Expected has two or more elements" \
        in message


# ---- AttributeUpdates


def test_update_put(put, update):
    put({"a": n(1)})
    assert update({"a": {"Action": "PUT", "Value": n(2)}}) == {"a": n(2)}


def test_put_is_the_default_action(put, update):
    put({"a": n(1)})
    assert update({"a": {"Value": n(2)}}) == {"a": n(2)}


def test_update_delete(put, update):
    put({"a": n(1), "b": n(2)})
    assert update({"a": {"Action": "DELETE"}}) == {"b": n(2)}


def test_update_delete_from_a_set(put, update):
    put({"s": {"SS": ["a", "b"]}})
    assert update({"s": {"Action": "DELETE", "Value": {"SS": ["a"]}}}) == {"s": {"SS": ["b"]}}


def test_update_add(put, update):
    put({"a": n(1)})
    assert update({"a": {"Action": "ADD", "Value": n(2)}}) == {"a": n(3)}


def test_update_add_to_nothing(put, update):
    put({})
    assert update({"a": {"Action": "ADD", "Value": n(2)}}) == {"a": n(2)}


@pytest.mark.parametrize("kind,value", [("S", "x"), ("NULL", True), ("BOOL", True), ("M", {})])
def test_add_of_a_wrong_type(update, invalid, kind, value):
    invalid(
        lambda: update({"a": {"Action": "ADD", "Value": {kind: value}}}),
        PREFIX + f"ADD action is not supported for the type {kind}",
    )


@pytest.mark.parametrize("kind,value", [("S", "x"), ("N", "1"), ("L", [])])
def test_delete_of_a_wrong_type(update, invalid, kind, value):
    invalid(
        lambda: update({"a": {"Action": "DELETE", "Value": {kind: value}}}),
        PREFIX + f"DELETE action with value is not supported for the type {kind}",
    )


def test_put_without_value(update, invalid):
    invalid(
        lambda: update({"a": {"Action": "PUT"}}),
        PREFIX + "Only DELETE action is allowed when no attribute value is specified",
    )


def test_attribute_updates_of_the_key(update, invalid):
    invalid(
        lambda: update({"pk": {"Action": "PUT", "Value": {"S": "x"}}}),
        PREFIX + "Cannot update attribute pk. This attribute is part of the key",
    )


# ---- AttributesToGet


def test_attributes_to_get(client, hash_table, key, put):
    put({"a": n(1), "b": n(2)})
    answer = client.get_item(TableName=hash_table, Key=key, AttributesToGet=["b", "none"])
    assert answer["Item"] == {"b": n(2)}


def test_attributes_to_get_twice(client, hash_table, key, invalid):
    invalid(
        lambda: client.get_item(TableName=hash_table, Key=key, AttributesToGet=["a", "a"]),
        PREFIX + "Duplicate value in attribute name: a",
    )


def test_attributes_to_get_of_none(client, hash_table, key, invalid):
    invalid(
        lambda: client.get_item(TableName=hash_table, Key=key, AttributesToGet=[]),
        "1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1",
    )


# ---- KeyConditions, QueryFilter, ScanFilter


@pytest.fixture
def query(client, range_table, key):
    for i in range(6):
        client.put_item(TableName=range_table, Item={**key, "sk": {"S": f"s{i}"}, "v": n(i)})

    def run(sort=None, **more):
        conditions = {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [key["pk"]]}}
        if sort:
            conditions["sk"] = sort
        answer = client.query(TableName=range_table, KeyConditions=conditions, **more)
        return [item["sk"]["S"] for item in answer["Items"]]

    return run


@pytest.mark.parametrize(
    "operator,values,expected",
    [
        ("EQ", ["s3"], ["s3"]), ("LT", ["s2"], ["s0", "s1"]), ("LE", ["s1"], ["s0", "s1"]),
        ("GT", ["s4"], ["s5"]), ("GE", ["s4"], ["s4", "s5"]),
        ("BETWEEN", ["s2", "s3"], ["s2", "s3"]), ("BEGINS_WITH", ["s5"], ["s5"]),
    ],
)
def test_key_conditions(query, operator, values, expected):
    values = [{"S": v} for v in values]
    assert query({"ComparisonOperator": operator, "AttributeValueList": values}) == expected


def test_query_filter(query):
    condition = {"ComparisonOperator": "GE", "AttributeValueList": [n(4)]}
    assert query(QueryFilter={"v": condition}) == ["s4", "s5"]


def test_query_filter_on_a_key(query, invalid):
    condition = {"ComparisonOperator": "NOT_NULL"}
    invalid(
        lambda: query(QueryFilter={"sk": condition}),
        "QueryFilter can only contain non-primary key attributes: Primary key attribute: sk",
    )


def test_key_conditions_without_the_key(client, range_table, invalid):
    condition = {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "x"}]}
    invalid(
        lambda: client.query(TableName=range_table, KeyConditions={"sk": condition}),
        "Query condition missed key schema element: pk",
    )


def test_unknown_comparison(client, range_table, invalid):
    message = invalid(
        lambda: client.query(TableName=range_table, KeyConditions={"pk": {"ComparisonOperator": ""}})
    )["Error"]["Message"]
    assert message == (
        "1 validation error detected: Value '' at 'keyConditions.pk.member.comparisonOperator' "
        "failed to satisfy constraint: Member must satisfy enum value set: [IN, NULL, BETWEEN, LT, "
        "NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]"
    )


def test_scan_filter(client, table):
    name = table()
    for i in range(4):
        client.put_item(TableName=name, Item={"pk": {"S": str(i)}, "v": n(i)})
    condition = {"ComparisonOperator": "LT", "AttributeValueList": [n(2)]}
    answer = client.scan(TableName=name, ScanFilter={"v": condition})
    assert (answer["Count"], answer["ScannedCount"]) == (2, 4)


def test_scan_filters_with_or(client, table):
    name = table()
    for i in range(4):
        client.put_item(TableName=name, Item={"pk": {"S": str(i)}, "v": n(i), "w": n(-i)})
    filters = {"v": {"ComparisonOperator": "EQ", "AttributeValueList": [n(0)]},
               "w": {"ComparisonOperator": "EQ", "AttributeValueList": [n(-3)]}}
    assert client.scan(TableName=name, ScanFilter=filters)["Count"] == 0
    answer = client.scan(TableName=name, ScanFilter=filters, ConditionalOperator="OR")
    assert answer["Count"] == 2
