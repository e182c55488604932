# SPDX-License-Identifier: Apache-2.0
"""Attribute values: the ten types, numbers, sets, sizes, keys."""
import pytest

PREFIX = "One or more parameter values were invalid: "
EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"


@pytest.fixture
def there_and_back(client, hash_table, key):
    def run(value):
        client.put_item(TableName=hash_table, Item={**key, "a": value})
        return client.get_item(TableName=hash_table, Key=key)["Item"]["a"]

    return run


@pytest.fixture
def put_fails(client, hash_table, key, invalid):
    return lambda value, text: invalid(
        lambda: client.put_item(TableName=hash_table, Item={**key, "a": value}), text
    )


def test_string(there_and_back):
    assert there_and_back({"S": "x"}) == {"S": "x"}


@pytest.mark.parametrize("text", ["", "\u0000", '"\\/\b\f\n\r\t', "\u00e9\u4e2d\U0001f600", " "])
def test_strings_of_any_letters(there_and_back, text):
    assert there_and_back({"S": text}) == {"S": text}


def test_binary(there_and_back):
    assert there_and_back({"B": bytes(range(256))}) == {"B": bytes(range(256))}


def test_empty_binary(there_and_back):
    assert there_and_back({"B": b""}) == {"B": b""}


@pytest.mark.parametrize("truth", [True, False])
def test_boolean(there_and_back, truth):
    assert there_and_back({"BOOL": truth}) == {"BOOL": truth}


def test_null(there_and_back):
    assert there_and_back({"NULL": True}) == {"NULL": True}


def test_string_set(there_and_back):
    assert sorted(there_and_back({"SS": ["b", "a", ""]})["SS"]) == ["", "a", "b"]


def test_number_set(there_and_back):
    assert sorted(there_and_back({"NS": ["2", "1.0", "-3"]})["NS"]) == ["-3", "1", "2"]


def test_binary_set(there_and_back):
    assert sorted(there_and_back({"BS": [b"b", b"a"]})["BS"]) == [b"a", b"b"]


def test_list_keeps_its_order(there_and_back):
    value = {"L": [{"N": "2"}, {"S": "a"}, {"N": "1"}, {"L": []}]}
    assert there_and_back(value) == value


def test_map(there_and_back):
    value = {"M": {"b": {"N": "2"}, "a": {"M": {"x": {"NULL": True}}}, "": {"S": ""}}}
    assert there_and_back(value) == value


@pytest.mark.parametrize("value", [{"L": []}, {"M": {}}])
def test_empty_documents(there_and_back, value):
    assert there_and_back(value) == value


def nested(levels):
    value = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


def test_nesting_up_to_32_levels(there_and_back):
    assert there_and_back(nested(31)) == nested(31)


def test_nesting_deeper_than_32_levels(put_fails):
    put_fails(nested(33), None)


# ---- numbers


@pytest.mark.parametrize(
    "written,read",
    [
        ("0", "0"), ("-0", "0"), ("0.0", "0"), ("1.0", "1"), ("001", "1"), ("1e3", "1000"),
        ("1E-3", "0.001"), ("-12.50", "-12.5"), ("+5", "5"), (".5", "0.5"), ("100e-2", "1"),
    ],
)
def test_numbers_are_normalised(there_and_back, written, read):
    assert there_and_back({"N": written}) == {"N": read}


@pytest.mark.parametrize(
    "number",
    [
        "12345678901234567890123456789012345678",
        "0.12345678901234567890123456789012345678",
        "-9999999999999999999999999999999999999.9",
        "0.1", "123456789.987654321",
    ],
)
def test_numbers_are_exact(there_and_back, number):
    assert there_and_back({"N": number}) == {"N": number}


def test_largest_number(there_and_back):
    nines = "9." + "9" * 37 + "E+125"
    assert there_and_back({"N": nines})["N"] == "9" * 38 + "0" * 88


def test_smallest_number(there_and_back):
    assert there_and_back({"N": "1E-130"})["N"] == "0." + "0" * 129 + "1"


@pytest.mark.parametrize("number", ["123456789012345678901234567890123456789",
                                    "-1.23456789012345678901234567890123456789"])
def test_more_than_38_digits(put_fails, number):
    put_fails({"N": number}, "Attempting to store more than 38 significant digits in a Number")


def test_trailing_zeros_are_no_digits(there_and_back):
    assert there_and_back({"N": "1" + "0" * 60})["N"] == "1" + "0" * 60


@pytest.mark.parametrize("number", ["1e126", "-1e126"])
def test_number_overflow(put_fails, number):
    put_fails(
        {"N": number},
        "Number overflow. Attempting to store a number with magnitude larger than supported range",
    )


@pytest.mark.parametrize("number", ["1e-131", "-1e-131"])
def test_number_underflow(put_fails, number):
    put_fails(
        {"N": number},
        "Number underflow. Attempting to store a number with magnitude smaller than supported "
        "range",
    )


@pytest.mark.parametrize("number", ["b", "1 2", "0x10", "1e", "--1", "NaN", "Infinity"])
def test_no_number(put_fails, number):
    put_fails({"N": number}, f"The parameter cannot be converted to a numeric value: {number}")


def test_empty_number(put_fails):
    put_fails({"N": ""}, "The parameter cannot be converted to a numeric value")


def test_no_number_in_a_set(put_fails):
    put_fails({"NS": ["1", "b"]}, "The parameter cannot be converted to a numeric value: b")


# ---- what is no value


@pytest.mark.parametrize("value", [{}, {"M": {"a": {}}}, {"L": [{}]}])
def test_no_type(put_fails, value):
    put_fails(value, EMPTY)


def test_two_types(put_fails):
    put_fails(
        {"S": "a", "N": "1"},
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
        "supported datatypes",
    )


def test_false_null(put_fails):
    put_fails({"NULL": False}, PREFIX + "Null attribute value types must have the value of true")


@pytest.mark.parametrize(
    "value,text",
    [
        ({"SS": []}, "An string set  may not be empty"),
        ({"NS": []}, "An number set  may not be empty"),
        ({"BS": []}, "Binary sets should not be empty"),
    ],
)
def test_empty_set(put_fails, value, text):
    put_fails(value, PREFIX + text)


def test_duplicate_strings(put_fails):
    put_fails({"SS": ["a", "a"]}, PREFIX + "Input collection [a, a] contains duplicates.")


@pytest.mark.parametrize("numbers", [["1", "1"], ["1", "1.0"], ["0", "-0"]])
def test_duplicate_numbers(put_fails, numbers):
    put_fails({"NS": numbers}, "Input collection contains duplicates")


def test_duplicate_binaries(put_fails):
    put_fails(
        {"BS": [b"b", b"b"]},
        PREFIX + "Input collection [Yg==, Yg==]of type BS contains duplicates.",
    )


# ---- sizes


def test_item_of_400_kb(client, hash_table, key):
    room = 400 * 1024 - 2 - 32 - 1
    client.put_item(TableName=hash_table, Item={**key, "a": {"S": "x" * room}})


def test_item_over_400_kb(put_fails):
    put_fails({"S": "x" * (400 * 1024 - 34)}, "Item size has exceeded the maximum allowed size")


def test_attribute_names_count(client, hash_table, key, invalid):
    room = 400 * 1024 - 2 - 32 - 28
    item = {**key, "b" * 28: {"S": "x" * room}}
    client.put_item(TableName=hash_table, Item=item)
    item["b" * 28]["S"] += "x"
    invalid(lambda: client.put_item(TableName=hash_table, Item=item))


# ---- keys


def test_number_keys_are_normalised(client, table):
    name = table(partition="N")
    client.put_item(TableName=name, Item={"pk": {"N": "1.0"}, "a": {"S": "first"}})
    client.put_item(TableName=name, Item={"pk": {"N": "1e0"}, "a": {"S": "second"}})
    assert client.scan(TableName=name)["Items"] == [{"pk": {"N": "1"}, "a": {"S": "second"}}]


def test_binary_keys(client, table):
    name = table(partition="B", sort="B")
    item = {"pk": {"B": b"\x00\xff"}, "sk": {"B": b"\x00"}}
    client.put_item(TableName=name, Item=item)
    assert client.get_item(TableName=name, Key=item)["Item"] == item


def test_sort_order_of_numbers(client, table):
    name = table(sort="N")
    numbers = ["-1e125", "-10", "-9.5", "-1e-130", "0", "1e-130", "0.1", "2", "10", "1e125"]
    for number in reversed(numbers):
        client.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"N": number}})
    found = client.query(
        TableName=name,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "a"}},
    )["Items"]
    assert [float(item["sk"]["N"]) for item in found] == [float(n) for n in numbers]


def test_sort_order_of_strings_is_by_byte(client, table):
    name = table(sort="S")
    words = ["A", "B", "a", "a\u0000", "a\u0000b", "aa", "z", "\u00e9", "\uffee", "\U00010000"]
    for word in reversed(words):
        client.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"S": word}})
    found = client.query(
        TableName=name,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "a"}},
    )["Items"]
    assert [item["sk"]["S"] for item in found] == words


def test_longest_partition_key(client, hash_table):
    item = {"pk": {"S": "k" * 2048}}
    client.put_item(TableName=hash_table, Item=item)
    assert client.get_item(TableName=hash_table, Key=item)["Item"] == item


def test_partition_key_too_long(client, hash_table, invalid):
    invalid(
        lambda: client.put_item(TableName=hash_table, Item={"pk": {"S": "k" * 2049}}),
        PREFIX + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
    )


def test_longest_sort_key(client, range_table, key):
    item = {**key, "sk": {"S": "k" * 1024}}
    client.put_item(TableName=range_table, Item=item)
    assert client.get_item(TableName=range_table, Key=item)["Item"] == item


def test_sort_key_too_long(client, range_table, key, invalid):
    invalid(
        lambda: client.put_item(TableName=range_table, Item={**key, "sk": {"S": "k" * 1025}}),
        PREFIX + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
    )


def test_empty_key(client, hash_table, invalid):
    error = invalid(lambda: client.put_item(TableName=hash_table, Item={"pk": {"S": ""}}))
    assert error["Error"]["Message"].endswith(
        "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
    )


def test_empty_sort_key(client, range_table, key, invalid):
    error = invalid(
        lambda: client.get_item(TableName=range_table, Key={**key, "sk": {"S": ""}})
    )
    assert error["Error"]["Message"].endswith("cannot contain an empty string value. Key: sk")
