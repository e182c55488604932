# SPDX-License-Identifier: Apache-2.0
"""Condition expressions: comparisons, functions, precedence, and what is refused."""
import pytest

ITEM = {
    "s": {"S": "hello"},
    "n": {"N": "5"},
    "b": {"B": b"\x01\x02"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "l": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"k": {"S": "deep"}}}]},
    "m": {"M": {"a": {"N": "1"}, "b.c": {"S": "dot"}}},
}
VALUES = {
    ":n5": {"N": "5"}, ":n5.0": {"N": "5.0"}, ":n4": {"N": "4"}, ":n6": {"N": "6"},
    ":hello": {"S": "hello"}, ":hell": {"S": "hell"}, ":x": {"S": "x"}, ":a": {"S": "a"},
    ":c": {"S": "c"}, ":one": {"N": "1"}, ":deep": {"S": "deep"}, ":dot": {"S": "dot"},
    ":true": {"BOOL": True}, ":null": {"NULL": True}, ":ba": {"SS": ["b", "a"]},
    ":b1": {"B": b"\x01"}, ":S": {"S": "S"}, ":N": {"S": "N"}, ":L": {"S": "L"}, ":two": {"N": "2"},
    ":m": {"M": {"b.c": {"S": "dot"}, "a": {"N": "1.0"}}},
}
NAMES = {"#dot": "b.c", "#s": "s", "#n": "n"}


@pytest.fixture
def check(client, hash_table, key):
    """Whether a condition holds for ITEM."""
    client.put_item(TableName=hash_table, Item={**key, **ITEM})

    def run(expression):
        request = {"TableName": hash_table, "Item": {**key, **ITEM},
                   "ConditionExpression": expression}
        values = {k: v for k, v in VALUES.items() if _uses(expression, k)}
        names = {k: v for k, v in NAMES.items() if _uses(expression, k)}
        if values:
            request["ExpressionAttributeValues"] = values
        if names:
            request["ExpressionAttributeNames"] = names
        try:
            client.put_item(**request)
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    return run


def _uses(expression, placeholder):
    for sign in "(),=<>[]+":
        expression = expression.replace(sign, f" {sign} ")
    expression = expression.replace(".", " . ")
    return placeholder in expression.split()


@pytest.mark.parametrize(
    "expression,holds",
    [
        ("n = :n5", True), ("n = :n4", False), ("n <> :n4", True), ("n <> :n5", False),
        ("n < :n6", True), ("n < :n5", False), ("n <= :n5", True), ("n <= :n4", False),
        ("n > :n4", True), ("n > :n5", False), ("n >= :n5", True), ("n >= :n6", False),
    ],
)
def test_comparisons_of_numbers(check, expression, holds):
    assert check(expression) is holds


@pytest.mark.parametrize(
    "expression,holds",
    [("s = :hello", True), ("s > :hell", True), ("s < :x", True), ("s <> :x", True)],
)
def test_comparisons_of_strings(check, expression, holds):
    assert check(expression) is holds


def test_values_of_different_types_are_unequal(check):
    assert check("s <> :n5") and not check("s = :n5")


@pytest.mark.parametrize("expression", ["s > :n5", "s < :n5", "s <= :n5", "s >= :n5"])
def test_values_of_different_types_have_no_order(check, expression):
    assert not check(expression)


def test_absent_attribute_is_equal_to_nothing(check):
    assert not check("absent = :n5")


def test_absent_attribute_has_no_order(check):
    assert not check("absent < :n5") and not check("absent >= :n5")


def test_booleans_and_nulls_compare_equal(check):
    assert check("t = :true AND z = :null")


def test_sets_compare_without_order(check):
    assert check("ss = :ba")


def test_maps_compare_without_order(check):
    assert check("m = :m")


def test_two_attributes_compare(check):
    assert check("m.a < n") and not check("n < m.a")


def test_path_into_a_map(check):
    assert check("m.a = :one")


def test_name_with_a_dot_through_a_placeholder(check):
    assert check("m.#dot = :dot")


def test_path_into_a_list(check):
    assert check("l[0] = :one AND l[1] = :x AND l[2].k = :deep")


def test_path_behind_the_end_of_a_list(check):
    assert not check("attribute_exists(l[3])")


def test_between_includes_its_ends(check):
    assert check("n BETWEEN :n5 AND :n6") and check("n BETWEEN :n4 AND :n5")


def test_between_outside(check):
    assert not check("s BETWEEN :a AND :c")


def test_in(check):
    assert check("n IN (:n4, :n5)") and not check("n IN (:n4, :n6)")


def test_in_of_100_operands(client, hash_table, key):
    values = {f":v{i}": {"N": str(i)} for i in range(100)}
    client.put_item(TableName=hash_table, Item={**key, "n": {"N": "99"}})
    client.put_item(
        TableName=hash_table, Item=key, ExpressionAttributeValues=values,
        ConditionExpression="n IN (" + ", ".join(values) + ")",
    )


def test_in_of_more_operands(client, hash_table, key, invalid):
    values = {f":v{i}": {"N": str(i)} for i in range(101)}
    invalid(
        lambda: client.put_item(
            TableName=hash_table, Item=key, ExpressionAttributeValues=values,
            ConditionExpression="n IN (" + ", ".join(values) + ")",
        )
    )


def test_attribute_exists(check):
    assert check("attribute_exists(s)") and not check("attribute_exists(absent)")


def test_attribute_not_exists(check):
    assert check("attribute_not_exists(absent)") and not check("attribute_not_exists(m.a)")


def test_attribute_type(check):
    assert check("attribute_type(s, :S)") and not check("attribute_type(s, :N)")
    assert check("attribute_type(l, :L)")


def test_begins_with(check):
    assert check("begins_with(s, :hell)") and not check("begins_with(s, :x)")


def test_begins_with_binary(check):
    assert check("begins_with(b, :b1)")


def test_contains_in_a_string(check):
    assert check("contains(s, :hell)") and not check("contains(s, :x)")


def test_contains_in_a_set(check):
    assert check("contains(ss, :a)") and not check("contains(ss, :c)")
    assert check("contains(ns, :one)")


def test_contains_in_a_list(check):
    assert check("contains(l, :x)") and not check("contains(l, :a)")


@pytest.mark.parametrize("path,size", [("s", 5), ("b", 2), ("ss", 2), ("l", 3), ("m", 2)])
def test_size(client, check, path, size):
    value = ":n5" if size == 5 else ":two" if size == 2 else None
    assert check(f"size({path}) = {value}" if value else f"size({path}) < :n4")


def test_size_of_an_absent_attribute(check):
    assert not check("size(absent) >= :one")


def test_and_binds_closer_than_or(check):
    assert check("n = :n5 OR n = :n4 AND n = :n6")
    assert not check("(n = :n5 OR n = :n4) AND n = :n6")


def test_not_binds_closer_than_and(check):
    assert check("NOT n = :n4 AND n = :n5")


def test_not_of_parentheses(check):
    assert check("NOT (n = :n4 OR s = :x)")


def test_keywords_in_any_case(check):
    assert check("n between :n4 and :n6 aNd not s in (:x)")


def test_parameters_on_both_sides(check):
    assert check(":n4 < :n5")


# ---- refused


@pytest.fixture
def condition_fails(client, hash_table, key, invalid):
    def run(expression, text=None, values=None, names=None):
        request = {"TableName": hash_table, "Item": key, "ConditionExpression": expression}
        if values:
            request["ExpressionAttributeValues"] = values
        if names:
            request["ExpressionAttributeNames"] = names
        message = invalid(lambda: client.put_item(**request))["Error"]["Message"]
        if text is not None:
            assert message == "Invalid ConditionExpression: " + text
        return message

    return run


def test_empty_condition(condition_fails):
    condition_fails("", "The expression can not be empty;")


@pytest.mark.parametrize(
    "expression",
    ["a = ", "a b", "a > 4", "(a = b", "a = b)", "a in b", "a between b", "a..b = c", "a[b] = c",
     "a[4.5] = c", "\u00fc > a", "a = 'x'", "= b", "a AND", "NOT", "a & b = c"],
)
def test_syntax_error(condition_fails, expression):
    message = condition_fails(expression)
    assert message.startswith("Invalid ConditionExpression: Syntax error; ")


def test_undefined_value(condition_fails):
    condition_fails(
        "a = :nope",
        "An expression attribute value used in expression is not defined; attribute value: :nope",
    )


def test_undefined_name(condition_fails):
    condition_fails(
        "#nope = a",
        "An expression attribute name used in the document path is not defined; attribute name: "
        "#nope",
    )


@pytest.mark.parametrize("word", ["abort", "Status", "NAME", "ttl", "zone"])
def test_reserved_word(condition_fails, word):
    condition_fails(
        f"{word} = a", f"Attribute name is a reserved keyword; reserved keyword: {word}"
    )


def test_unknown_function(condition_fails):
    condition_fails("whatever(a)", "Invalid function name; function: whatever")


def test_function_names_have_a_case(condition_fails):
    condition_fails(
        "attribute_Exists(a)", "Invalid function name; function: attribute_Exists"
    )


def test_size_alone_is_no_condition(condition_fails):
    condition_fails(
        "size(a)",
        "The function is not allowed to be used this way in an expression; function: size",
    )


@pytest.mark.parametrize(
    "expression,function,count",
    [("attribute_exists(a, b)", "attribute_exists", 2), ("begins_with(a)", "begins_with", 1),
     ("contains(a)", "contains", 1), ("attribute_type(a)", "attribute_type", 1)],
)
def test_wrong_number_of_operands(condition_fails, expression, function, count):
    condition_fails(
        expression,
        "Incorrect number of operands for operator or function; operator or function: "
        f"{function}, number of operands: {count}",
    )


@pytest.mark.parametrize("value,kind", [({"N": "1"}, "N"), ({"BOOL": True}, "BOOL"),
                                        ({"L": []}, "L")])
def test_begins_with_a_wrong_type(condition_fails, value, kind):
    condition_fails(
        "begins_with(a, :a)",
        "Incorrect operand type for operator or function; operator or function: begins_with, "
        f"operand type: {kind}",
        {":a": value},
    )


def test_attribute_exists_of_a_value(condition_fails):
    condition_fails(
        "attribute_exists(:a)",
        "Operator or function requires a document path; operator or function: attribute_exists",
        {":a": {"S": "x"}},
    )


def test_attribute_type_of_no_type(condition_fails):
    message = condition_fails("attribute_type(a, :a)", None, {":a": {"S": "X"}})
    assert message.startswith(
        "Invalid ConditionExpression: Invalid attribute type name found; type: X, valid types: {"
    )


def test_same_operand_twice(condition_fails):
    condition_fails(
        "a = a",
        "The first operand must be distinct from the remaining operands for this operator or "
        "function; operator: =, first operand: [a]",
    )


def test_between_upside_down(condition_fails):
    message = condition_fails(
        "a BETWEEN :b AND :a", None, {":a": {"N": "1"}, ":b": {"N": "2"}}
    )
    assert "The BETWEEN operator requires upper bound to be greater than or equal to lower bound" \
        in message


def test_redundant_parentheses(condition_fails):
    condition_fails("((a = b))", "The expression has redundant parentheses;")


def test_longest_expression(client, hash_table, key):
    start = "attribute_not_exists("
    name = "a" * (4096 - len(start) - 1)
    client.put_item(TableName=hash_table, Item=key, ConditionExpression=f"{start}{name})")


def test_expression_too_long(condition_fails):
    message = condition_fails("attribute_not_exists(" + "a" * 4096 + ")")
    assert "Expression size has exceeded the maximum allowed size" in message


def test_deep_parentheses_are_answered(client, hash_table, key, raw):
    for expression in ("(" * 2000 + "a = b" + ")" * 2000, "NOT " * 1000 + "a = b",
                       "a = b" + " OR a = b" * 400):
        answer = raw("PutItem", {"TableName": hash_table, "Item": key,
                                 "ConditionExpression": expression})
        assert answer.status == 400
