# SPDX-License-Identifier: Apache-2.0
"""Query and Scan: key conditions, order, pages, filters, projections, segments."""
import uuid

import pytest

PREFIX = "One or more parameter values were invalid: "


@pytest.fixture(scope="module")
def numbered(client):
    """A table with sort keys 0..9 under "a", and one item under "b"."""
    name = f"q-{uuid.uuid4().hex[:12]}"
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"},
                              {"AttributeName": "sk", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"},
                   {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    for i in range(10):
        client.put_item(TableName=name, Item={
            "pk": {"S": "a"}, "sk": {"N": str(i)}, "even": {"BOOL": i % 2 == 0},
            "m": {"M": {"x": {"N": str(i)}, "y": {"S": "y"}}}, "l": {"L": [{"N": "1"}, {"N": "2"}]},
        })
    client.put_item(TableName=name, Item={"pk": {"S": "b"}, "sk": {"N": "0"}})
    yield name
    client.delete_table(TableName=name)


@pytest.fixture(scope="module")
def words(client):
    """A table with string sort keys under "a"."""
    name = f"w-{uuid.uuid4().hex[:12]}"
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"},
                              {"AttributeName": "sk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"},
                   {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    for word in ("order#1", "order#10", "order#2", "user#1", "zone"):
        client.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"S": word}})
    yield name
    client.delete_table(TableName=name)


def query(client, table, condition="pk = :p", values=None, **more):
    values = {":p": {"S": "a"}, **(values or {})}
    return client.query(TableName=table, KeyConditionExpression=condition,
                        ExpressionAttributeValues=values, **more)


def keys(answer):
    return [int(item["sk"]["N"]) for item in answer["Items"]]


def n(number):
    return {"N": str(number)}


# ---- key conditions


def test_all_of_a_partition_in_order(client, numbered):
    assert keys(query(client, numbered)) == list(range(10))


def test_other_partition(client, numbered):
    assert keys(query(client, numbered, values={":p": {"S": "b"}})) == [0]


def test_absent_partition(client, numbered):
    answer = query(client, numbered, values={":p": {"S": "none"}})
    assert (answer["Items"], answer["Count"], answer["ScannedCount"]) == ([], 0, 0)


def test_backward(client, numbered):
    assert keys(query(client, numbered, ScanIndexForward=False)) == list(range(9, -1, -1))


@pytest.mark.parametrize(
    "operator,expected",
    [("=", [4]), ("<", [0, 1, 2, 3]), ("<=", [0, 1, 2, 3, 4]), (">", [5, 6, 7, 8, 9]),
     (">=", [4, 5, 6, 7, 8, 9])],
)
def test_sort_key_comparison(client, numbered, operator, expected):
    assert keys(query(client, numbered, f"pk = :p AND sk {operator} :s", {":s": n(4)})) == expected


def test_sort_key_between(client, numbered):
    values = {":l": n(3), ":h": n(5)}
    assert keys(query(client, numbered, "pk = :p AND sk BETWEEN :l AND :h", values)) == [3, 4, 5]


def test_sort_key_comparison_backward(client, numbered):
    answer = query(client, numbered, "pk = :p AND sk < :s", {":s": n(3)}, ScanIndexForward=False)
    assert keys(answer) == [2, 1, 0]


def test_conditions_in_any_order(client, numbered):
    assert keys(query(client, numbered, "sk = :s AND pk = :p", {":s": n(4)})) == [4]


def test_condition_in_parentheses(client, numbered):
    assert keys(query(client, numbered, "(pk = :p) AND (sk = :s)", {":s": n(4)})) == [4]


def test_begins_with(client, words):
    answer = query(client, words, "pk = :p AND begins_with(sk, :s)", {":s": {"S": "order#1"}})
    assert [item["sk"]["S"] for item in answer["Items"]] == ["order#1", "order#10"]


def test_names_in_a_key_condition(client, numbered):
    answer = query(client, numbered, "#p = :p", ExpressionAttributeNames={"#p": "pk"})
    assert answer["Count"] == 10


@pytest.mark.parametrize(
    "condition,text",
    [
        ("sk = :s", "Query condition missed key schema element: pk"),
        ("pk > :p", "Query key condition not supported"),
        ("pk = :p OR sk = :s", "Invalid operator used in KeyConditionExpression: OR"),
        ("pk = :p AND NOT sk = :s", "Invalid operator used in KeyConditionExpression: NOT"),
        ("pk = :p AND sk <> :s", "Invalid operator used in KeyConditionExpression: <>"),
        ("pk = :p AND attribute_exists(sk)",
         "Invalid operator used in KeyConditionExpression: attribute_exists"),
        ("pk = :p AND contains(sk, :s)",
         "Invalid operator used in KeyConditionExpression: contains"),
        ("pk = :p AND extra = :s", "Query condition missed key schema element: sk"),
    ],
)
def test_wrong_key_condition(client, numbered, invalid, condition, text):
    values = {}
    if ":s" in condition:
        values[":s"] = n(1)
    if ":p" in condition:
        values[":p"] = {"S": "a"}
    message = invalid(lambda: client.query(
        TableName=numbered, KeyConditionExpression=condition, ExpressionAttributeValues=values,
    ))["Error"]["Message"]
    assert message in (text, "Invalid KeyConditionExpression: " + text)


def test_key_condition_of_wrong_type(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, "pk = :p AND sk = :s", {":s": {"S": "1"}}),
        PREFIX + "Condition parameter type does not match schema type",
    )


def test_key_condition_on_three_attributes(client, numbered, invalid):
    message = invalid(
        lambda: query(client, numbered, "pk = :p AND sk = :s AND x = :s", {":s": n(1)})
    )["Error"]["Message"]
    assert "Conditions can be of length 1 or 2 only" in message


def test_query_without_condition(client, numbered, invalid):
    invalid(
        lambda: client.query(TableName=numbered),
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the "
        "request.",
    )


def test_query_of_none(client, refused):
    refused(
        lambda: query(client, "absent-table"), "ResourceNotFoundException",
        "Requested resource not found",
    )


def test_query_of_an_unknown_index(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, IndexName="by-date"),
        "The table does not have the specified index: by-date",
    )


# ---- pages


@pytest.mark.parametrize("forward", [True, False])
def test_pages_join(client, numbered, forward):
    found, start = [], {}
    while True:
        page = query(client, numbered, Limit=3, ScanIndexForward=forward, **start)
        found += keys(page)
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == (list(range(10)) if forward else list(range(9, -1, -1)))


def test_page_says_where_it_ended(client, numbered):
    page = query(client, numbered, Limit=3)
    assert page["LastEvaluatedKey"] == {"pk": {"S": "a"}, "sk": n(2)}


def test_start_behind_the_end(client, numbered):
    page = query(client, numbered, ExclusiveStartKey={"pk": {"S": "a"}, "sk": n(99)})
    assert page["Items"] == [] and "LastEvaluatedKey" not in page


def test_limit_counts_before_the_filter(client, numbered):
    page = query(client, numbered, values={":t": {"BOOL": True}}, Limit=3,
                 FilterExpression="even = :t")
    assert (page["Count"], page["ScannedCount"]) == (2, 3)
    assert page["LastEvaluatedKey"]["sk"] == n(2)


def test_page_of_one_megabyte(client, table):
    name = table(sort="N")
    for i in range(6):
        client.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": n(i),
                                              "d": {"S": "x" * 300000}})
    page = query(client, name)
    assert page["Count"] in (3, 4) and "LastEvaluatedKey" in page
    rest = query(client, name, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert page["Count"] + rest["Count"] == 6


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one(client, numbered, invalid, limit):
    invalid(
        lambda: query(client, numbered, Limit=limit),
        f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    )


@pytest.mark.parametrize("start", [{}, {"pk": {"S": "a"}}, {"pk": {"S": "a"}, "x": {"N": "1"}}])
def test_start_key_without_its_attributes(client, numbered, invalid, start):
    invalid(
        lambda: query(client, numbered, ExclusiveStartKey=start),
        "The provided starting key is invalid",
    )


def test_start_key_of_wrong_type(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, ExclusiveStartKey={"pk": {"S": "a"}, "sk": {"S": "1"}}),
        "The provided key element does not match the schema",
    )


def test_start_key_of_another_partition(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, ExclusiveStartKey={"pk": {"S": "b"}, "sk": n(1)}),
        "The provided starting key is outside query boundaries based on provided conditions",
    )


def test_start_key_outside_the_range(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, "pk = :p AND sk > :s", {":s": n(5)},
                      ExclusiveStartKey={"pk": {"S": "a"}, "sk": n(1)}),
        "The provided starting key does not match the range key predicate",
    )


def test_start_key_without_a_value(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, ExclusiveStartKey={"pk": {}}),
        "The provided starting key is invalid: Supplied AttributeValue is empty, must contain "
        "exactly one of the supported datatypes",
    )


# ---- filters, Select, projections


def test_filter(client, numbered):
    answer = query(client, numbered, values={":t": {"BOOL": True}}, FilterExpression="even = :t")
    assert keys(answer) == [0, 2, 4, 6, 8]
    assert (answer["Count"], answer["ScannedCount"]) == (5, 10)


def test_filter_on_a_document(client, numbered):
    answer = query(client, numbered, values={":x": n(7)}, FilterExpression="m.x > :x")
    assert keys(answer) == [8, 9]


@pytest.mark.parametrize("name", ["pk", "sk"])
def test_filter_on_a_key(client, numbered, invalid, name):
    message = invalid(
        lambda: query(client, numbered, FilterExpression=f"attribute_exists({name})")
    )["Error"]["Message"]
    assert message == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: "
        + name
    )


def test_filter_with_a_syntax_error(client, numbered, invalid):
    message = invalid(lambda: query(client, numbered, FilterExpression="a ="))["Error"]["Message"]
    assert message.startswith("Invalid FilterExpression: Syntax error; ")


def test_select_count(client, numbered):
    answer = query(client, numbered, Select="COUNT")
    assert answer["Count"] == 10 and "Items" not in answer


def test_select_all_attributes(client, numbered):
    assert len(query(client, numbered, Select="ALL_ATTRIBUTES")["Items"][0]) == 5


def test_select_projected_without_index(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, Select="ALL_PROJECTED_ATTRIBUTES"),
        PREFIX + "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
    )


def test_select_count_with_a_projection(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, Select="COUNT", ProjectionExpression="sk"),
        "Cannot specify the ProjectionExpression when choosing to get only the Count",
    )


def test_select_all_with_a_projection(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, Select="ALL_ATTRIBUTES", ProjectionExpression="sk"),
        "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES",
    )


def test_select_unknown(client, numbered, invalid):
    invalid(
        lambda: query(client, numbered, Select="hi"),
        "1 validation error detected: Value 'hi' at 'select' failed to satisfy constraint: Member "
        "must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, "
        "ALL_PROJECTED_ATTRIBUTES]",
    )


def test_projection_of_a_query(client, numbered):
    answer = query(client, numbered, Limit=1, ProjectionExpression="sk, m.x")
    assert answer["Items"] == [{"sk": n(0), "m": {"M": {"x": n(0)}}}]


def test_projection_of_absent_attributes(client, numbered):
    answer = query(client, numbered, Limit=1, ProjectionExpression="nope")
    assert answer["Items"] == [{}] and answer["Count"] == 1


FIRST = {"pk": {"S": "a"}, "sk": {"N": "3"}}


def get(client, table, projection, **more):
    return client.get_item(TableName=table, Key=FIRST, ProjectionExpression=projection, **more)


def test_projection_of_top_level_attributes(client, numbered):
    assert get(client, numbered, "sk, even")["Item"] == {"sk": n(3), "even": {"BOOL": False}}


def test_projection_of_a_list_element(client, numbered):
    assert get(client, numbered, "l[1]")["Item"] == {"l": {"L": [{"N": "2"}]}}


def test_projection_by_name(client, numbered):
    answer = get(client, numbered, "#m.#x", ExpressionAttributeNames={"#m": "m", "#x": "x"})
    assert answer["Item"] == {"m": {"M": {"x": n(3)}}}


def test_projection_of_nothing_there(client, numbered):
    assert get(client, numbered, "nope.x[3]")["Item"] == {}


@pytest.mark.parametrize("expression", ["whatever(a)", ":a", "a,", "a..b", "a[b]", "a-b", "(a)"])
def test_projection_with_a_syntax_error(client, numbered, invalid, expression):
    message = invalid(lambda: get(client, numbered, expression))["Error"]["Message"]
    assert message.startswith("Invalid ProjectionExpression: Syntax error; ")


def test_projection_with_overlapping_paths(client, numbered, invalid):
    invalid(
        lambda: get(client, numbered, "m, m.x"),
        "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or "
        "rewrite one of these paths; path one: [m], path two: [m, x]",
    )


def test_projection_with_a_reserved_word(client, numbered, invalid):
    invalid(
        lambda: get(client, numbered, "a.abORt"),
        "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: "
        "abORt",
    )


def test_empty_projection(client, numbered, invalid):
    invalid(
        lambda: get(client, numbered, ""),
        "Invalid ProjectionExpression: The expression can not be empty;",
    )


# ---- Scan


def test_scan_has_all(client, numbered):
    answer = client.scan(TableName=numbered)
    assert answer["Count"] == answer["ScannedCount"] == 11


def test_scan_pages_join(client, numbered):
    pages = client.get_paginator("scan").paginate(TableName=numbered,
                                                  PaginationConfig={"PageSize": 2})
    found = [(i["pk"]["S"], i["sk"]["N"]) for page in pages for i in page["Items"]]
    assert len(found) == len(set(found)) == 11


def test_scan_filter(client, numbered):
    answer = client.scan(TableName=numbered, FilterExpression="sk = :z",
                         ExpressionAttributeValues={":z": n(0)})
    assert (answer["Count"], answer["ScannedCount"]) == (2, 11)


@pytest.mark.parametrize("total", [1, 2, 7])
def test_segments_are_disjoint_and_complete(client, table, total):
    name = table()
    for i in range(40):
        client.put_item(TableName=name, Item={"pk": {"S": f"item-{i}"}})
    found = []
    for segment in range(total):
        found += client.scan(TableName=name, Segment=segment, TotalSegments=total)["Items"]
    assert len(found) == 40
    assert len({i["pk"]["S"] for i in found}) == 40


def test_scan_count(client, numbered):
    answer = client.scan(TableName=numbered, Select="COUNT")
    assert answer["Count"] == 11 and "Items" not in answer


def test_segment_without_total(client, numbered, invalid):
    invalid(
        lambda: client.scan(TableName=numbered, Segment=1),
        "The TotalSegments parameter is required but was not present in the request when Segment "
        "parameter is present",
    )


def test_total_without_segment(client, numbered, invalid):
    invalid(
        lambda: client.scan(TableName=numbered, TotalSegments=1),
        "The Segment parameter is required but was not present in the request when parameter "
        "TotalSegments is present",
    )


def test_segment_behind_the_last(client, numbered, invalid):
    invalid(
        lambda: client.scan(TableName=numbered, Segment=1, TotalSegments=1),
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
        "Segment: 1 is not less than TotalSegments: 1",
    )


def test_too_many_segments(client, numbered, invalid):
    invalid(
        lambda: client.scan(TableName=numbered, Segment=0, TotalSegments=1000001),
        "1 validation error detected: Value '1000001' at 'totalSegments' failed to satisfy "
        "constraint: Member must have value less than or equal to 1000000",
    )


def test_scan_of_an_unknown_index(client, numbered, invalid):
    invalid(
        lambda: client.scan(TableName=numbered, IndexName="by-date"),
        "The table does not have the specified index: by-date",
    )


def test_scan_of_none(client, refused):
    refused(
        lambda: client.scan(TableName="absent-table"), "ResourceNotFoundException",
        "Requested resource not found",
    )


def test_scan_start_key_of_another_schema(client, numbered, invalid):
    invalid(
        lambda: client.scan(TableName=numbered, ExclusiveStartKey={"x": {"S": "a"}}),
        "The provided starting key is invalid",
    )
