# SPDX-License-Identifier: Apache-2.0
"""The protocol itself: targets, bodies, JSON types, forms of errors."""
import pytest

SERIALIZATION = "com.amazon.coral.service#SerializationException"
VALIDATION = "com.amazon.coral.validate#ValidationException"
UNKNOWN = "com.amazon.coral.service#UnknownOperationException"


@pytest.mark.parametrize("body", ["null", "[]", "1", '"x"', "true"])
def test_body_that_is_no_object(raw, body):
    answer = raw("ListTables", body)
    assert (answer.status, answer.type) == (400, SERIALIZATION)


@pytest.mark.parametrize("body", ["", "{", "{]", '{"a":1,}', "{} x", '{"a":"\\ud800"}', "{'a':1}",
                                  b"\xff\xfe", '{"a":1,"a":2}'])
def test_body_that_is_no_json(raw, body):
    answer = raw("ListTables", body)
    assert (answer.status, answer.type) == (400, SERIALIZATION)


def test_deep_nesting_is_refused(raw):
    answer = raw("ListTables", '{"a":' + "[" * 5000 + "]" * 5000 + "}")
    assert (answer.status, answer.type) == (400, SERIALIZATION)


def test_unknown_members_are_ignored(raw):
    assert raw("ListTables", {"hi": "yo", "stuff": {"a": [1]}}).status == 200


def test_null_members_are_absent(raw):
    assert raw("ListTables", {"ExclusiveStartTableName": None, "Limit": None}).status == 200


@pytest.mark.parametrize(
    "operation,prefix",
    [
        ("ListTable", "DynamoDB_20120810."),
        ("", "DynamoDB_20120810."),
        ("ListTables", "DynamoDB_20111205."),
        ("ListTables", "DynamoDBStreams_20120810."),
        ("GetRecords", "DynamoDB_20120810."),
        ("ListTables", ""),
    ],
)
def test_unknown_target(raw, operation, prefix):
    answer = raw(operation, {}, prefix)
    assert (answer.status, answer.type) == (400, UNKNOWN)


def test_streams_have_a_target_of_their_own(raw):
    assert raw("ListStreams", {}, "DynamoDBStreams_20120810.").body["Streams"] is not None


def test_answer_has_type_and_request_id(raw):
    answer = raw("ListTables", {})
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert answer.headers["x-amzn-RequestId"]


def test_serialization_error_spells_message_with_a_capital(raw):
    answer = raw("ListTables", {"Limit": "1"})
    assert answer.body == {
        "__type": SERIALIZATION,
        "Message": "STRING_VALUE cannot be converted to Integer",
    }


def test_validation_error_spells_message_small(raw):
    answer = raw("GetItem", {"TableName": "abc"})
    assert answer.type == VALIDATION and set(answer.body) == {"__type", "message"}


def test_service_error_has_the_service_namespace(raw):
    answer = raw("DescribeTable", {"TableName": "absent-table"})
    assert answer.type == "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"


STRING = [
    (True, "TRUE_VALUE cannot be converted to String"),
    (False, "FALSE_VALUE cannot be converted to String"),
    (23, "NUMBER_VALUE cannot be converted to String"),
    (-2147483648, "NUMBER_VALUE cannot be converted to String"),
    (34.56, "DECIMAL_VALUE cannot be converted to String"),
    ([], "Unrecognized collection type class java.lang.String"),
    ({}, "Start of structure or map found where not expected"),
]


@pytest.mark.parametrize("value,text", STRING)
def test_no_string(raw, value, text):
    answer = raw("GetItem", {"TableName": value})
    assert (answer.type, answer.message) == (SERIALIZATION, text)


@pytest.mark.parametrize(
    "value,text",
    [
        ("23", "Unexpected token received from parser"),
        (23, "NUMBER_VALUE cannot be converted to Boolean"),
        (34.56, "DECIMAL_VALUE cannot be converted to Boolean"),
        ([], "Unrecognized collection type class java.lang.Boolean"),
        ({}, "Start of structure or map found where not expected"),
    ],
)
def test_no_boolean(raw, value, text):
    answer = raw("GetItem", {"ConsistentRead": value})
    assert (answer.type, answer.message) == (SERIALIZATION, text)


@pytest.mark.parametrize(
    "value,text",
    [
        ("23", "STRING_VALUE cannot be converted to Integer"),
        (True, "TRUE_VALUE cannot be converted to Integer"),
        (False, "FALSE_VALUE cannot be converted to Integer"),
        ([], "Unrecognized collection type class java.lang.Integer"),
        ({}, "Start of structure or map found where not expected"),
    ],
)
def test_no_integer(raw, value, text):
    answer = raw("Scan", {"Limit": value})
    assert (answer.type, answer.message) == (SERIALIZATION, text)


@pytest.mark.parametrize("value", ["23", True, 23, 34.56])
def test_no_list(raw, value):
    answer = raw("GetItem", {"AttributesToGet": value})
    assert (answer.type, answer.message) == (SERIALIZATION, "Unexpected field type")


def test_map_for_a_list(raw):
    answer = raw("GetItem", {"AttributesToGet": {}})
    assert answer.message == "Start of structure or map found where not expected"


@pytest.mark.parametrize("value", ["23", True, 23, 34.56])
def test_no_map(raw, value):
    answer = raw("GetItem", {"Key": value})
    assert (answer.type, answer.message) == (SERIALIZATION, "Unexpected field type")


def test_list_for_a_map(raw):
    answer = raw("GetItem", {"Key": []})
    assert answer.message == (
        "Unrecognized collection type java.util.Map<java.lang.String, "
        "com.amazonaws.dynamodb.v20120810.AttributeValue>"
    )


@pytest.mark.parametrize("value", ["23", True, 23])
def test_no_structure(raw, value):
    answer = raw("CreateTable", {"ProvisionedThroughput": value})
    assert (answer.type, answer.message) == (SERIALIZATION, "Unexpected field type")


def test_list_for_a_structure(raw):
    answer = raw("CreateTable", {"ProvisionedThroughput": []})
    assert answer.message == (
        "Unrecognized collection type class "
        "com.amazonaws.dynamodb.v20120810.ProvisionedThroughput"
    )


@pytest.mark.parametrize("value", ["23", True, 23])
def test_no_structure_in_a_list(raw, value):
    answer = raw("CreateTable", {"KeySchema": [value]})
    assert (answer.type, answer.message) == (SERIALIZATION, "Unexpected value type in payload")


@pytest.mark.parametrize(
    "value", [{"S": 1}, {"S": []}, {"N": 5}, {"BOOL": "x"}, {"SS": "a"}, {"L": {}}, {"M": []},
              {"B": 7}, {"NS": [1]}, "x", [], 5]
)
def test_attribute_value_of_wrong_json(raw, hash_table, value):
    answer = raw("PutItem", {"TableName": hash_table, "Item": {"pk": {"S": "a"}, "a": value}})
    assert (answer.status, answer.type) == (400, SERIALIZATION)


def test_wrong_type_wins_over_broken_constraint(raw):
    answer = raw("PutItem", {"TableName": "a", "Item": {"pk": {"S": 1}}})
    assert answer.type == SERIALIZATION


def test_null_elements_do_not_harm(raw):
    for operation, body in [
        ("CreateTable", {"TableName": "abc", "AttributeDefinitions": [None], "KeySchema": [None]}),
        ("TransactWriteItems", {"TransactItems": [None]}),
        ("TransactGetItems", {"TransactItems": [None]}),
        ("BatchGetItem", {"RequestItems": {"abc": None}}),
        ("BatchGetItem", {"RequestItems": {"abc": {"Keys": [None]}}}),
        ("BatchWriteItem", {"RequestItems": {"abc": None}}),
        ("BatchWriteItem", {"RequestItems": {"abc": [None]}}),
        ("GetItem", {"TableName": "abc", "Key": {"a": None}}),
        ("GetItem", {"TableName": "abc", "Key": {}, "AttributesToGet": [None]}),
        ("Query", {"TableName": "abc", "KeyConditions": {"a": None}}),
        ("PutItem", {"TableName": "abc", "Item": {}, "Expected": {"a": None}}),
        ("UpdateItem", {"TableName": "abc", "Key": {}, "AttributeUpdates": {"a": None}}),
        ("PutItem", {"TableName": "abc", "Item": {}, "ConditionExpression": "a = :a",
                     "ExpressionAttributeValues": {":a": None}}),
        ("GetItem", {"TableName": "abc", "Key": {}, "ProjectionExpression": "#a",
                     "ExpressionAttributeNames": {"#a": None}}),
    ]:
        answer = raw(operation, body)
        assert answer.status == 400, (operation, body)
        assert answer.type in (SERIALIZATION, VALIDATION) or "NotFound" in answer.type


def test_long_texts_are_not_cut(raw):
    name = "a" * 600
    answer = raw("GetItem", {"TableName": name, "Key": {}})
    assert answer.message == (
        f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy "
        "constraint: Member must have length less than or equal to 255"
    )


def test_at_most_ten_errors_are_listed(raw):
    answer = raw("CreateTable", {"TableName": "abc", "AttributeDefinitions": [{}] * 20})
    assert answer.message.startswith("10 validation errors detected: ")


@pytest.mark.parametrize(
    "operation,member,element",
    [
        ("GetItem", "ExpressionAttributeNames", "java.lang.String"),
        ("PutItem", "Expected", "com.amazonaws.dynamodb.v20120810.ExpectedAttributeValue"),
        ("Query", "KeyConditions", "com.amazonaws.dynamodb.v20120810.Condition"),
        ("BatchGetItem", "RequestItems", "com.amazonaws.dynamodb.v20120810.KeysAndAttributes"),
        ("BatchWriteItem", "RequestItems",
         "java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>"),
    ],
)
def test_list_for_a_map_names_what_the_map_holds(raw, operation, member, element):
    assert raw(operation, {member: []}).message == (
        f"Unrecognized collection type java.util.Map<java.lang.String, {element}>"
    )
