# SPDX-License-Identifier: Apache-2.0
"""Update expressions: SET, REMOVE, ADD, DELETE, and what is refused."""
import pytest


@pytest.fixture
def update(client, hash_table, key):
    """update(before, expression, values) -> the item afterwards, without its key."""

    def run(before, expression, values=None, names=None):
        client.put_item(TableName=hash_table, Item={**key, **before})
        more = {}
        if values:
            more["ExpressionAttributeValues"] = values
        if names:
            more["ExpressionAttributeNames"] = names
        after = client.update_item(
            TableName=hash_table, Key=key, UpdateExpression=expression, ReturnValues="ALL_NEW",
            **more,
        )["Attributes"]
        assert after == client.get_item(TableName=hash_table, Key=key)["Item"]
        del after["pk"]
        return after

    return run


@pytest.fixture
def update_fails(update, invalid):
    def run(before, expression, text=None, values=None, names=None):
        message = invalid(lambda: update(before, expression, values, names))["Error"]["Message"]
        if text is not None:
            assert message == text
        return message

    return run


ONE = {"N": "1"}
TWO = {"N": "2"}
X = {"S": "x"}
Y = {"S": "y"}


# ---- SET


def test_set_new(update):
    assert update({}, "SET a = :x", {":x": X}) == {"a": X}


def test_set_over(update):
    assert update({"a": Y}, "SET a = :x", {":x": X}) == {"a": X}


def test_set_several(update):
    assert update({}, "SET a = :x, b = :y", {":x": X, ":y": Y}) == {"a": X, "b": Y}


def test_set_from_another_attribute(update):
    assert update({"a": X}, "SET b = a") == {"a": X, "b": X}


def test_operands_see_the_item_before(update):
    assert update({"a": X, "b": Y}, "SET a = b, b = a") == {"a": Y, "b": X}


def test_set_by_name(update):
    assert update({}, "SET #n = :x", {":x": X}, {"#n": "name"}) == {"name": X}


def test_set_sum(update):
    assert update({"n": ONE}, "SET n = n + :two", {":two": TWO}) == {"n": {"N": "3"}}


def test_set_difference(update):
    assert update({"n": ONE}, "SET n = n - :two", {":two": TWO}) == {"n": {"N": "-1"}}


def test_sums_are_exact(update):
    before = {"n": {"N": "0.1"}}
    after = update(before, "SET n = n + :x", {":x": {"N": "0.2"}})
    assert after == {"n": {"N": "0.3"}}


def test_sum_of_38_digits(update):
    before = {"n": {"N": "99999999999999999999999999999999999998"}}
    after = update(before, "SET n = n + :one", {":one": ONE})
    assert after["n"]["N"] == "99999999999999999999999999999999999999"


def test_if_not_exists_takes_the_attribute(update):
    assert update({"a": X}, "SET a = if_not_exists(a, :y)", {":y": Y}) == {"a": X}


def test_if_not_exists_takes_the_other(update):
    assert update({}, "SET a = if_not_exists(a, :y)", {":y": Y}) == {"a": Y}


def test_counter_from_nothing(update):
    after = update({}, "SET n = if_not_exists(n, :zero) + :one", {":zero": {"N": "0"}, ":one": ONE})
    assert after == {"n": ONE}


def test_list_append(update):
    after = update({"l": {"L": [X]}}, "SET l = list_append(l, :y)", {":y": {"L": [Y]}})
    assert after == {"l": {"L": [X, Y]}}


def test_list_prepend(update):
    after = update({"l": {"L": [X]}}, "SET l = list_append(:y, l)", {":y": {"L": [Y]}})
    assert after == {"l": {"L": [Y, X]}}


def test_list_append_to_nothing(update):
    after = update(
        {}, "SET l = list_append(if_not_exists(l, :e), :y)", {":e": {"L": []}, ":y": {"L": [Y]}}
    )
    assert after == {"l": {"L": [Y]}}


def test_set_list_element(update):
    after = update({"l": {"L": [X, X]}}, "SET l[1] = :y", {":y": Y})
    assert after == {"l": {"L": [X, Y]}}


def test_set_behind_the_end_of_a_list_appends(update):
    after = update({"l": {"L": [X]}}, "SET l[7] = :y", {":y": Y})
    assert after == {"l": {"L": [X, Y]}}


def test_set_map_member(update):
    after = update({"m": {"M": {"a": X}}}, "SET m.b = :y", {":y": Y})
    assert after == {"m": {"M": {"a": X, "b": Y}}}


def test_set_deep(update):
    before = {"m": {"M": {"l": {"L": [{"M": {"a": X}}]}}}}
    after = update(before, "SET m.l[0].a = :y", {":y": Y})
    assert after == {"m": {"M": {"l": {"L": [{"M": {"a": Y}}]}}}}


def test_set_into_an_absent_map(update_fails):
    update_fails(
        {}, "SET m.a = :x",
        "The document path provided in the update expression is invalid for update", {":x": X},
    )


def test_set_into_a_string(update_fails):
    update_fails(
        {"m": X}, "SET m.a = :x",
        "The document path provided in the update expression is invalid for update", {":x": X},
    )


def test_set_from_an_absent_attribute(update_fails):
    update_fails(
        {}, "SET a = b",
        "The provided expression refers to an attribute that does not exist in the item",
    )


def test_sum_with_an_absent_attribute(update_fails):
    update_fails(
        {}, "SET a = a + :one",
        "The provided expression refers to an attribute that does not exist in the item",
        {":one": ONE},
    )


def test_sum_with_a_string(update_fails):
    update_fails(
        {"a": X}, "SET a = a + :one",
        "An operand in the update expression has an incorrect data type", {":one": ONE},
    )


def test_list_append_to_a_string(update_fails):
    update_fails(
        {"a": X}, "SET a = list_append(a, :l)",
        "An operand in the update expression has an incorrect data type", {":l": {"L": []}},
    )


# ---- REMOVE


def test_remove(update):
    assert update({"a": X, "b": Y}, "REMOVE a") == {"b": Y}


def test_remove_of_none(update):
    assert update({"b": Y}, "REMOVE a") == {"b": Y}


def test_remove_several(update):
    assert update({"a": X, "b": Y, "c": X}, "REMOVE a, b") == {"c": X}


def test_remove_list_elements_by_their_places_before(update):
    before = {"l": {"L": [{"N": str(i)} for i in range(5)]}}
    after = update(before, "REMOVE l[1], l[3]")
    assert after == {"l": {"L": [{"N": "0"}, {"N": "2"}, {"N": "4"}]}}


def test_remove_behind_the_end_of_a_list(update):
    assert update({"l": {"L": [X]}}, "REMOVE l[5]") == {"l": {"L": [X]}}


def test_remove_map_member(update):
    assert update({"m": {"M": {"a": X, "b": Y}}}, "REMOVE m.a") == {"m": {"M": {"b": Y}}}


# ---- ADD


def test_add_number(update):
    assert update({"n": ONE}, "ADD n :two", {":two": TWO}) == {"n": {"N": "3"}}


def test_add_number_to_nothing(update):
    assert update({}, "ADD n :two", {":two": TWO}) == {"n": TWO}


def test_add_negative(update):
    assert update({"n": ONE}, "ADD n :m", {":m": {"N": "-3"}}) == {"n": {"N": "-2"}}


def test_add_to_a_set(update):
    after = update({"s": {"SS": ["a", "b"]}}, "ADD s :s", {":s": {"SS": ["b", "c"]}})
    assert sorted(after["s"]["SS"]) == ["a", "b", "c"]


def test_add_set_to_nothing(update):
    after = update({}, "ADD s :s", {":s": {"NS": ["2", "1"]}})
    assert sorted(after["s"]["NS"]) == ["1", "2"]


def test_add_to_a_string(update_fails):
    update_fails(
        {"n": X}, "ADD n :two", "An operand in the update expression has an incorrect data type",
        {":two": TWO},
    )


def test_add_sets_of_different_types(update_fails):
    update_fails(
        {"s": {"SS": ["a"]}}, "ADD s :s",
        "An operand in the update expression has an incorrect data type", {":s": {"NS": ["1"]}},
    )


def test_add_a_string(update_fails):
    message = update_fails({}, "ADD a :x", None, {":x": X})
    assert message.startswith(
        "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, "
        "operand type: STRING"
    )


# ---- DELETE


def test_delete_from_a_set(update):
    after = update({"s": {"SS": ["a", "b", "c"]}}, "DELETE s :s", {":s": {"SS": ["b", "x"]}})
    assert sorted(after["s"]["SS"]) == ["a", "c"]


def test_delete_of_all_members_removes_the_set(update):
    assert update({"s": {"SS": ["a"]}}, "DELETE s :s", {":s": {"SS": ["a"]}}) == {}


def test_delete_from_nothing(update):
    assert update({}, "DELETE s :s", {":s": {"SS": ["a"]}}) == {}


def test_delete_a_number(update_fails):
    message = update_fails({}, "DELETE a :n", None, {":n": ONE})
    assert message.startswith("Invalid UpdateExpression: Incorrect operand type for operator")


# ---- all together


def test_four_clauses(update):
    before = {"a": X, "b": Y, "n": ONE, "s": {"SS": ["a", "b"]}}
    after = update(
        before, "SET a = :y REMOVE b ADD n :one DELETE s :s",
        {":y": Y, ":one": ONE, ":s": {"SS": ["a"]}},
    )
    assert after == {"a": Y, "n": TWO, "s": {"SS": ["b"]}}


def test_clauses_in_any_order_and_case(update):
    assert update({"a": X}, "remove a set b = :x", {":x": X}) == {"b": X}


def test_clause_twice(update_fails):
    update_fails(
        {}, "SET a = :x SET b = :x",
        'Invalid UpdateExpression: The "SET" section can only be used once in an update '
        "expression;",
        {":x": X},
    )


def test_overlapping_paths(update_fails):
    update_fails(
        {}, "SET m = :x, m.a = :x",
        "Invalid UpdateExpression: Two document paths overlap with each other; must remove or "
        "rewrite one of these paths; path one: [m], path two: [m, a]",
        {":x": X},
    )


def test_path_twice(update_fails):
    update_fails(
        {}, "SET a = :x REMOVE a",
        "Invalid UpdateExpression: Two document paths overlap with each other; must remove or "
        "rewrite one of these paths; path one: [a], path two: [a]",
        {":x": X},
    )


def test_conflicting_paths(update_fails):
    update_fails(
        {}, "SET m.a = :x, m[1] = :x",
        "Invalid UpdateExpression: Two document paths conflict with each other; must remove or "
        "rewrite one of these paths; path one: [m, a], path two: [m, [1]]",
        {":x": X},
    )


def test_empty_expression(update_fails):
    update_fails({}, "", "Invalid UpdateExpression: The expression can not be empty;")


@pytest.mark.parametrize(
    "expression",
    ["whatever", "SET a", "ADD a", "DELETE a", "REMOVE a = b", "SET a b", "SET :a = b", "SET a = 1",
     "ADD a = b", "SET a = b * c", "SET a = b + c + d", "REMOVE a b", "REMOVE", "SET"],
)
def test_syntax_error(update_fails, expression):
    message = update_fails({}, expression)
    assert message.startswith("Invalid UpdateExpression: Syntax error; ")


def test_unknown_function(update_fails):
    update_fails(
        {}, "SET a = nope(b)", "Invalid UpdateExpression: Invalid function name; function: nope"
    )


def test_condition_function_in_an_update(update_fails):
    message = update_fails({}, "SET a = attribute_exists(b)")
    assert message.startswith("Invalid UpdateExpression: ")


def test_reserved_word(update_fails):
    update_fails(
        {}, "SET name = :x",
        "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: name",
        {":x": X},
    )


def test_undefined_value(update_fails):
    update_fails(
        {}, "SET a = :nope",
        "Invalid UpdateExpression: An expression attribute value used in expression is not "
        "defined; attribute value: :nope",
    )


def test_sum_that_overflows(update_fails):
    message = update_fails(
        {"n": {"N": "9e125"}}, "SET n = n + :n", None, {":n": {"N": "9e125"}}
    )
    assert "Number overflow" in message
