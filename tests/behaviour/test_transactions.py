# SPDX-License-Identifier: Apache-2.0
"""TransactWriteItems and TransactGetItems."""
import uuid

import pytest
from botocore.exceptions import ClientError

CANCELED = "Transaction cancelled, please refer cancellation reasons for specific reasons "
TWICE = "Transaction request cannot include multiple operations on one item"


def pk(text):
    return {"pk": {"S": text}}


@pytest.fixture
def name(table):
    return table()


@pytest.fixture
def transact(client):
    return lambda *items, **more: client.transact_write_items(TransactItems=list(items), **more)


@pytest.fixture
def canceled(transact):
    """canceled(*items) -> the response; asserts that the transaction was."""

    def run(*items):
        with pytest.raises(ClientError) as caught:
            transact(*items)
        assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
        return caught.value.response

    return run


def put(name, item, **more):
    return {"Put": {"TableName": name, "Item": item, **more}}


def update(name, key, expression, **more):
    return {"Update": {"TableName": name, "Key": key, "UpdateExpression": expression, **more}}


def delete(name, key, **more):
    return {"Delete": {"TableName": name, "Key": key, **more}}


def check(name, key, condition, **more):
    return {"ConditionCheck": {"TableName": name, "Key": key, "ConditionExpression": condition,
                               **more}}


def items(client, name):
    return sorted(client.scan(TableName=name)["Items"], key=lambda item: item["pk"]["S"])


# ---- what they do


def test_all_four_actions(client, name, transact):
    for key in ("u", "d", "c"):
        client.put_item(TableName=name, Item=pk(key))
    transact(
        put(name, pk("p")),
        update(name, pk("u"), "SET a = :a", ExpressionAttributeValues={":a": {"S": "x"}}),
        delete(name, pk("d")),
        check(name, pk("c"), "attribute_exists(pk)"),
    )
    assert items(client, name) == [pk("c"), pk("p"), {**pk("u"), "a": {"S": "x"}}]


def test_over_several_tables(client, table, transact):
    one, two = table(), table()
    transact(put(one, pk("1")), put(two, pk("2")))
    assert items(client, one) == [pk("1")] and items(client, two) == [pk("2")]


def test_one_failed_condition_stops_all(client, name, canceled):
    canceled(put(name, pk("a")), check(name, pk("none"), "attribute_exists(pk)"))
    assert items(client, name) == []


def test_reasons_by_position(name, canceled):
    response = canceled(
        put(name, pk("a")),
        check(name, pk("none"), "attribute_exists(pk)"),
        put(name, pk("b")),
    )
    assert response["Error"]["Message"] == CANCELED + "[None, ConditionalCheckFailed, None]"
    assert response["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"},
        {"Code": "None"},
    ]


def test_all_failed_conditions_are_reasons(client, name, canceled):
    client.put_item(TableName=name, Item=pk("a"))
    response = canceled(
        put(name, pk("a"), ConditionExpression="attribute_not_exists(pk)"),
        delete(name, pk("b"), ConditionExpression="attribute_exists(pk)"),
    )
    assert response["Error"]["Message"] == (
        CANCELED + "[ConditionalCheckFailed, ConditionalCheckFailed]"
    )


def test_reason_shows_the_item_when_asked(client, name, canceled):
    client.put_item(TableName=name, Item={**pk("a"), "v": {"N": "1"}})
    response = canceled(
        put(name, pk("a"), ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD"),
    )
    assert response["CancellationReasons"][0]["Item"] == {**pk("a"), "v": {"N": "1"}}


def test_reason_shows_no_item_unasked(client, name, canceled):
    client.put_item(TableName=name, Item=pk("a"))
    response = canceled(put(name, pk("a"), ConditionExpression="attribute_not_exists(pk)"))
    assert "Item" not in response["CancellationReasons"][0]


def test_reason_for_a_bad_update(client, name, canceled):
    client.put_item(TableName=name, Item={**pk("a"), "s": {"S": "x"}})
    response = canceled(
        put(name, pk("b")),
        update(name, pk("a"), "SET s = s + :n", ExpressionAttributeValues={":n": {"N": "1"}}),
    )
    assert response["Error"]["Message"] == CANCELED + "[None, ValidationError]"
    assert response["CancellationReasons"][1]["Message"] == (
        "An operand in the update expression has an incorrect data type"
    )
    assert items(client, name) == [{**pk("a"), "s": {"S": "x"}}]


def test_operations_see_the_table_before(client, name, transact):
    client.put_item(TableName=name, Item={**pk("a"), "v": {"N": "1"}})
    transact(
        update(name, pk("a"), "SET v = :v", ExpressionAttributeValues={":v": {"N": "2"}}),
        check(name, pk("b"), "attribute_not_exists(pk)"),
    )
    assert items(client, name)[0]["v"] == {"N": "2"}


def test_100_items(client, name, transact):
    transact(*[put(name, pk(f"{i:03}")) for i in range(100)])
    assert len(items(client, name)) == 100


def test_reasons_of_100_items(name, canceled):
    actions = [put(name, pk(str(i))) for i in range(99)]
    response = canceled(*actions, check(name, pk("none"), "attribute_exists(pk)"))
    assert len(response["CancellationReasons"]) == 100
    assert response["Error"]["Message"].endswith("None, None, ConditionalCheckFailed]")


def test_answer_is_empty(name, transact):
    assert set(transact(put(name, pk("a")))) == {"ResponseMetadata"}


# ---- what is refused


def test_101_items(name, transact, invalid):
    actions = [put(name, pk(str(i))) for i in range(101)]
    message = invalid(lambda: transact(*actions))["Error"]["Message"]
    assert message.endswith(
        "at 'transactItems' failed to satisfy constraint: Member must have length less than or "
        "equal to 100"
    )


def test_no_items(transact, invalid):
    invalid(
        transact,
        "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
    )


def test_without_items(client, invalid):
    invalid(
        client.transact_write_items,
        "1 validation error detected: Value null at 'transactItems' failed to satisfy constraint: "
        "Member must not be null",
    )


@pytest.mark.parametrize(
    "pair",
    [
        lambda n: (put(n, pk("a")), delete(n, pk("a"))),
        lambda n: (delete(n, pk("a")), put(n, pk("a"))),
        lambda n: (put(n, pk("a")), put(n, pk("a"))),
        lambda n: (put(n, pk("a")), check(n, pk("a"), "attribute_exists(pk)")),
        lambda n: (put(n, pk("a")), update(n, pk("a"), "REMOVE x")),
    ],
)
def test_one_item_twice(client, name, transact, invalid, pair):
    invalid(lambda: transact(*pair(name)), TWICE)
    assert items(client, name) == []


def test_same_key_in_two_tables_is_fine(table, transact):
    transact(put(table(), pk("a")), put(table(), pk("a")))


def test_into_none(transact, refused):
    refused(
        lambda: transact(put("absent-table", pk("a"))),
        "ResourceNotFoundException",
        "Requested resource not found",
    )


@pytest.mark.parametrize(
    "action,member",
    [("Put", "item"), ("Delete", "key"), ("Update", "key"), ("ConditionCheck", "key")],
)
def test_action_without_its_members(client, invalid, action, member):
    message = invalid(
        lambda: client.transact_write_items(TransactItems=[{action: {}}])
    )["Error"]["Message"]
    name = action[0].lower() + action[1:]
    assert (
        f"Value null at 'transactItems.1.member.{name}.{member}' failed to satisfy constraint: "
        "Member must not be null" in message
    )


def test_check_without_condition(client, name, invalid):
    invalid(
        lambda: client.transact_write_items(
            TransactItems=[{"ConditionCheck": {"TableName": name, "Key": pk("a")}}]
        ),
        "1 validation error detected: Value null at 'transactItems.1.member.conditionCheck."
        "conditionExpression' failed to satisfy constraint: Member must not be null",
    )


def test_no_action(raw):
    answer = raw("TransactWriteItems", {"TransactItems": [{"Nonsense": {}}]})
    assert answer.message == (
        "The action or operation requested is invalid. Verify that the action is typed correctly."
    )


def test_two_actions_in_one(name, transact, invalid):
    invalid(
        lambda: transact({**put(name, pk("a")), **delete(name, pk("b"))}),
        "TransactItems can only contain one of Check, Put, Update or Delete",
    )


def test_key_cannot_be_updated(name, transact, invalid):
    invalid(
        lambda: transact(update(name, pk("a"), "SET pk = :a",
                                ExpressionAttributeValues={":a": {"S": "x"}}))
    )


def test_unused_placeholder(name, transact, invalid):
    invalid(
        lambda: transact(put(name, pk("a"), ConditionExpression="attribute_exists(pk)",
                             ExpressionAttributeValues={":a": {"S": "x"}})),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}",
    )


def test_more_than_four_megabytes(client, name, transact, invalid):
    actions = [put(name, {**pk(str(i)), "d": {"S": "x" * 390000}}) for i in range(11)]
    invalid(lambda: transact(*actions))
    assert items(client, name) == []


# ---- tokens


def test_repeat_with_a_token_has_no_effect(client, name, transact):
    token = uuid.uuid4().hex
    action = update(name, pk("a"), "ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})
    transact(action, ClientRequestToken=token)
    transact(action, ClientRequestToken=token)
    assert items(client, name) == [{**pk("a"), "n": {"N": "1"}}]


def test_repeat_after_a_change_is_still_one(client, name, transact):
    token = uuid.uuid4().hex
    action = put(name, pk("a"), ConditionExpression="attribute_not_exists(pk)")
    transact(action, ClientRequestToken=token)
    transact(action, ClientRequestToken=token)


def test_token_for_something_else(name, transact, refused):
    token = uuid.uuid4().hex
    transact(put(name, pk("a")), ClientRequestToken=token)
    refused(
        lambda: transact(put(name, pk("b")), ClientRequestToken=token),
        "IdempotentParameterMismatchException",
    )


def test_token_with_another_value(name, transact, refused):
    token = uuid.uuid4().hex
    one = {"ExpressionAttributeValues": {":v": {"N": "1"}}}
    two = {"ExpressionAttributeValues": {":v": {"N": "2"}}}
    transact(update(name, pk("a"), "SET v = :v", **one), ClientRequestToken=token)
    refused(
        lambda: transact(update(name, pk("a"), "SET v = :v", **two), ClientRequestToken=token),
        "IdempotentParameterMismatchException",
    )


def test_token_with_the_same_in_another_spelling(client, name, transact):
    token = uuid.uuid4().hex
    transact(put(name, {**pk("a"), "n": {"N": "1.0"}, "m": {"N": "2"}}), ClientRequestToken=token)
    transact(put(name, {"m": {"N": "2"}, "n": {"N": "1"}, **pk("a")}), ClientRequestToken=token)


def test_canceled_transaction_does_not_use_its_token(client, name, transact, refused):
    token = uuid.uuid4().hex
    action = check(name, pk("a"), "attribute_exists(pk)")
    refused(lambda: transact(action, ClientRequestToken=token), "TransactionCanceledException")
    client.put_item(TableName=name, Item=pk("a"))
    transact(action, ClientRequestToken=token)


def test_token_too_long(name, transact, invalid):
    message = invalid(
        lambda: transact(put(name, pk("a")), ClientRequestToken="x" * 37)
    )["Error"]["Message"]
    assert message == (
        f"1 validation error detected: Value '{'x' * 37}' at 'clientRequestToken' failed to satisfy "
        "constraint: Member must have length less than or equal to 36"
    )


# ---- TransactGetItems


@pytest.fixture
def transact_get(client):
    def run(*gets):
        wrapped = [{"Get": g} for g in gets]
        return client.transact_get_items(TransactItems=wrapped)["Responses"]

    return run


def test_get_by_position(client, name, transact_get):
    client.put_item(TableName=name, Item=pk("b"))
    responses = transact_get({"TableName": name, "Key": pk("a")},
                             {"TableName": name, "Key": pk("b")})
    assert responses == [{}, {"Item": pk("b")}]


def test_get_with_projection(client, name, transact_get):
    client.put_item(TableName=name, Item={**pk("a"), "x": {"S": "1"}})
    responses = transact_get({"TableName": name, "Key": pk("a"), "ProjectionExpression": "x"})
    assert responses == [{"Item": {"x": {"S": "1"}}}]


def test_get_one_item_twice(name, transact_get, invalid):
    one = {"TableName": name, "Key": pk("a")}
    invalid(lambda: transact_get(one, one), TWICE)


def test_get_from_none(transact_get, refused):
    refused(
        lambda: transact_get({"TableName": "absent-table", "Key": pk("a")}),
        "ResourceNotFoundException",
        "Requested resource not found",
    )


def test_get_101_items(name, transact_get, invalid):
    invalid(lambda: transact_get(*[{"TableName": name, "Key": pk(str(i))} for i in range(101)]))


def test_get_without_get(client, invalid):
    invalid(
        lambda: client.transact_get_items(TransactItems=[{}]),
        "1 validation error detected: Value null at 'transactItems.1.member.get' failed to satisfy "
        "constraint: Member must not be null",
    )


@pytest.fixture
def cancels(client, refused):
    """cancels(call, reason, ...): cancelled for these reasons, None or ValidationError's text."""

    def check(call, *reasons):
        response = refused(call, "TransactionCanceledException")
        codes = ["None" if reason is None else "ValidationError" for reason in reasons]
        assert response["Error"]["Message"] == CANCELED + f"[{', '.join(codes)}]"
        assert [r["Code"] for r in response["CancellationReasons"]] == codes
        assert [r.get("Message") for r in response["CancellationReasons"]] == list(reasons)

    return check


MISMATCH = "The provided key element does not match the schema"
WRONG = "One or more parameter values were invalid: "
EMPTY = ("One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
         "contain an empty string value. Key: pk")


def test_get_with_another_schema(name, transact_get, cancels):
    for key in ({"x": {"S": "a"}}, {"pk": {"N": "1"}}, {}):
        cancels(lambda: transact_get({"TableName": name, "Key": key},
                                     {"TableName": name, "Key": pk("a")}), MISMATCH, None)


def test_get_with_an_empty_key(name, transact_get, invalid):
    invalid(lambda: transact_get({"TableName": name, "Key": pk("")}), EMPTY)


def test_put_with_a_key_of_another_type_is_a_reason(client, name, transact, cancels):
    cancels(lambda: transact(put(name, pk("a")), put(name, {"pk": {"N": "5"}})),
            None, WRONG + "Type mismatch for key pk expected: S actual: N")
    cancels(lambda: transact(put(name, {"x": {"S": "a"}})),
            WRONG + "Missing the key pk in the item")
    assert items(client, name) == []


def test_lookup_with_a_key_of_another_type_is_a_reason(client, name, transact, cancels):
    for key in ({"pk": {"N": "5"}}, {"pk": {"L": [{"S": "x"}]}}, {**pk("a"), "x": {"S": "a"}}):
        cancels(lambda: transact(update(name, key, "SET a = pk")), MISMATCH)
        cancels(lambda: transact(check(name, key, "attribute_not_exists(pk)")), MISMATCH)
        cancels(lambda: transact(put(name, pk("b")),
                                 {"Delete": {"TableName": name, "Key": key}}), None, MISMATCH)
    assert items(client, name) == []


def test_write_with_an_empty_key(name, transact, invalid):
    invalid(lambda: transact(put(name, pk(""))), EMPTY)
    invalid(lambda: transact(update(name, pk(""), "SET a = pk")), EMPTY)


def test_put_of_too_large_an_item_is_no_reason(name, transact, invalid):
    invalid(lambda: transact(put(name, {**pk("a"), "d": {"S": "x" * 410000}})),
            "Item size has exceeded the maximum allowed size")


# ---- a transaction knows no legacy parameters: they are unknown members, and ignored


def test_legacy_condition_is_ignored(client, raw, name):
    action = put(name, pk("a"), Expected={"pk": {"Value": {"S": "none"}}})
    assert raw("TransactWriteItems", {"TransactItems": [action]}).status == 200
    assert items(client, name) == [pk("a")]


def test_values_without_condition(name, transact, invalid):
    invalid(
        lambda: transact(put(name, pk("a"), ExpressionAttributeValues={":a": {"S": "x"}})),
        "ExpressionAttributeValues can only be specified when using expressions: "
        "ConditionExpression is null",
    )
