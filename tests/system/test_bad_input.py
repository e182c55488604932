# SPDX-License-Identifier: Apache-2.0
"""Bad input over HTTP: the exact error, and a server that goes on."""
import json
import socket

import pytest

import support


@pytest.fixture(scope="module")
def table(shared):
    support.create_table(support.Api(shared.port), "table")
    return "table"


@pytest.fixture
def refused(api, table):
    """refused(operation, body, status, name): and the server answers afterwards."""
    def check(operation, body, status, name):
        got, answer = api.send(operation, body)
        assert (got, answer["__type"].split("#")[-1]) == (status, name), answer
        assert support.Api(api.port).call("DescribeTable", TableName=table)["Table"]
        return answer.get("message", answer.get("Message", ""))
    return check


def put(**item):
    return {"TableName": "table", "Item": dict({"pk": {"S": "key"}}, **item)}


@pytest.mark.parametrize("body", [
    b"", b"{", b'{"TableName":"table","Item":{"pk":{"S":"a"}', b'{"TableName":"table"',
    b'{"TableName":"tab', b'{} {}', b"\xff\xfe", b'{"TableName":"\xc3"}', b"[]", b"7", b'"text"',
    b'{"TableName":7}', b'{"TableName":["table"],"Item":{}}', b'{"TableName":"table","Item":[]}',
    b'{"TableName":"table","Item":{"pk":"a"}}', b'{"TableName":"table","Item":{"pk":{"S":1}}}',
    b'{"TableName":"table","TableName":"table"}',
], ids=lambda body: body.decode("latin-1")[:40] or "nothing")
def test_what_is_no_request_is_a_serialization_error(refused, body):
    refused("PutItem", body, 400, "SerializationException")


def test_null_for_what_is_required_is_a_validation_error(refused):
    refused("PutItem", b'{"TableName":null,"Item":null}', 400, "ValidationException")


def test_null_instead_of_a_request_is_refused(api, refused):
    status, answer = api.send("PutItem", b"null")
    assert status == 400
    assert answer["__type"].split("#")[-1] in ("SerializationException", "ValidationException")


@pytest.mark.parametrize("opening", [b"[", b'{"M":', b'{"pk":{"L":['], ids=["[", "{", "L"])
def test_100000_nested_brackets_are_refused(refused, opening):
    refused("PutItem", opening * 100000, 400, "SerializationException")


def test_33_levels_of_an_item_are_refused(refused):
    value = {"S": "deep"}
    for _ in range(33):
        value = {"L": [value]}
    message = refused("PutItem", put(deep=value), 400, "ValidationException")
    assert "Nesting Levels have exceeded supported limits" in message


def test_a_body_of_20_megabytes_is_refused(shared, table):
    text = json.dumps(put(filler={"S": "x" * (20 * 1024 * 1024)})).encode()
    with socket.create_connection(("127.0.0.1", shared.port), 30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: "
                           b"DynamoDB_20120810.PutItem\r\nContent-Length: %d\r\n\r\n" % len(text))
        try:
            connection.sendall(text)
        except OSError:
            pass  # the server may answer and close before it has all
        answer = connection.makefile("rb").readline()
    assert answer.startswith(b"HTTP/1.1 413")
    assert support.Api(shared.port).call("DescribeTable", TableName=table)


def test_an_unknown_operation_is_refused(refused):
    refused("MakeCoffee", {}, 400, "UnknownOperationException")


def test_an_unknown_table_is_refused(refused):
    refused("PutItem", {"TableName": "nowhere", "Item": {"pk": {"S": "a"}}}, 400,
            "ResourceNotFoundException")


def test_a_key_of_the_wrong_type_is_refused(refused):
    message = refused("PutItem", {"TableName": "table", "Item": {"pk": {"N": "1"}}}, 400,
                      "ValidationException")
    assert "Type mismatch for key pk expected: S actual: N" in message


def test_a_missing_key_is_refused(refused):
    message = refused("PutItem", {"TableName": "table", "Item": {"a": {"S": "b"}}}, 400,
                      "ValidationException")
    assert "Missing the key pk in the item" in message


def test_an_empty_key_is_refused(refused):
    message = refused("PutItem", {"TableName": "table", "Item": {"pk": {"S": ""}}}, 400,
                      "ValidationException")
    assert "The AttributeValue for a key attribute cannot contain an empty string" in message


def test_an_item_of_401_kilobytes_is_refused(refused):
    message = refused("PutItem", put(filler={"S": "x" * 401 * 1024}), 400, "ValidationException")
    assert message == "Item size has exceeded the maximum allowed size"


@pytest.mark.parametrize("number", ["1" * 39, "-" + "1" * 39, "0." + "1" * 39, "1e126", "1e-131"])
def test_a_number_beyond_38_digits_or_the_exponent_is_refused(refused, number):
    refused("PutItem", put(n={"N": number}), 400, "ValidationException")


@pytest.mark.parametrize("number", ["", " ", "x", "0x1", "1 2", "NaN", "Infinity", "1e", "--1"])
def test_what_is_no_number_is_refused(refused, number):
    refused("PutItem", put(n={"N": number}), 400, "ValidationException")


@pytest.mark.parametrize("parameters", [
    {"ConditionExpression": "#name = :value"},
    {"ConditionExpression": "attribute_exists(#name)"},
    {"ConditionExpression": "pk = :value", "ExpressionAttributeValues": {":other": {"S": "a"}}},
    {"ConditionExpression": "pk = "},
    {"ConditionExpression": "(" * 1000},
    {"ConditionExpression": ""},
], ids=lambda parameters: parameters["ConditionExpression"][:20] or "empty")
def test_expressions_that_do_not_hold_are_refused(refused, parameters):
    refused("PutItem", dict(put(), **parameters), 400, "ValidationException")


def test_101_transaction_items_are_refused(refused):
    items = [{"Put": {"TableName": "table", "Item": {"pk": {"S": str(n)}}}} for n in range(101)]
    refused("TransactWriteItems", {"TransactItems": items}, 400, "ValidationException")


def test_a_made_up_shard_iterator_is_refused(refused):
    refused("GetRecords", {"ShardIterator": "made up"}, 400, "ValidationException")


def test_every_truncation_of_a_request_is_refused(shared, api, table):
    whole = json.dumps(put(n={"N": "1.5"}, b={"B": "AAEC"}, l={"L": [{"NULL": True}]})).encode()
    for end in range(len(whole)):
        status, answer = api.send("PutItem", whole[:end])
        assert (status, answer["__type"].split("#")[-1]) == (400, "SerializationException"), end
    assert api.send("PutItem", whole)[0] == 200


def test_garbage_instead_of_http_is_survived(shared, api, table):
    chance = support.chance("garbage")
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", shared.port), 10) as connection:
            connection.sendall(bytes(chance.randrange(256) for _ in range(200)) + b"\r\n\r\n")
    assert api.call("DescribeTable", TableName=table)
