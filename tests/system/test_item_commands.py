# SPDX-License-Identifier: Apache-2.0
"""weir item: plain and typed JSON in and out, short forms, exit codes."""
import json
import subprocess

import pytest

import support

PLAIN = ('{"b":{"$binary":"AAEC"},"bs":{"$set":[{"$binary":"AA=="},{"$binary":"AQ=="}]},'
         '"f":false,"l":[1,"a",null],"m":{"a":{"$map":{"$set":[1]}}},'
         '"n":12345678901234567890.123456789012345678,"no":null,"ns":{"$set":[1,2.5]},'
         '"pk":"o-1","s":"te\\"xt\\n\u00e9","sk":42,"ss":{"$set":["a","b"]}}')
TYPED = {"pk": {"S": "o-1"}, "sk": {"N": "42"}, "s": {"S": "te\"xt\n\u00e9"},
         "n": {"N": "12345678901234567890.123456789012345678"}, "f": {"BOOL": False},
         "no": {"NULL": True}, "b": {"B": "AAEC"}, "ss": {"SS": ["a", "b"]},
         "ns": {"NS": ["1", "2.5"]}, "bs": {"BS": ["AA==", "AQ=="]},
         "l": {"L": [{"N": "1"}, {"S": "a"}, {"NULL": True}]},
         "m": {"M": {"a": {"M": {"$set": {"L": [{"N": "1"}]}}}}}}


@pytest.fixture(params=["http", "file"])
def run(request, shared, api, tmp_path):
    """run(word, ...): a command where the table orders (pk S, sk N) is, and is empty."""
    endpoint = shared.endpoint if request.param == "http" else "file:%s" % (tmp_path / "data")
    where = ["--endpoint-url", endpoint]
    done = support.weir("table", "create", "orders", "--key", "pk:S", "--sort", "sk:N", "--index",
                        "by-day=day:S,sk:N", *where)
    assert done.returncode == 0, done
    yield lambda *words, **more: support.weir(*words[:2], *where, *words[2:], cwd=tmp_path, **more)
    assert support.weir("table", "delete", "orders", "--yes", *where).returncode == 0


@pytest.fixture(scope="module")
def on_shared(shared):
    """The same over HTTP alone, and the table is not emptied."""
    where = ["--endpoint-url", shared.endpoint]
    support.weir("table", "create", "kept", "--key", "pk:S", "--sort", "sk:N", *where)
    return lambda *words, **more: support.weir(
        *("kept" if word == "orders" else word for word in words), *where, **more)


def good(done):
    assert done.returncode == 0, done
    return done.stdout.decode()


def items(done):
    return [json.loads(line) for line in good(done).splitlines()]


def refused(done, code, text):
    assert done.returncode == code, done
    assert done.stdout == b""
    assert text in done.stderr.decode()


def put(run, *lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    good(run("item", "batch-write", "orders", stdin=text.encode()))


# ---- one item ----


def test_plain_json_comes_back_as_it_was(run):
    assert good(run("item", "put", "orders", PLAIN)) == ""
    assert good(run("item", "get", "orders", "o-1", "42")) == PLAIN + "\n"
    assert json.loads(good(run("item", "get", "orders", "o-1", "42.0", "--typed"))) == TYPED


def test_typed_json_comes_back_as_plain(run):
    good(run("item", "put", "orders", "-", "--typed", stdin=json.dumps(TYPED).encode()))
    assert good(run("item", "get", "orders", "o-1", "42", "--consistent")) == PLAIN + "\n"


def test_an_item_comes_through_a_pipe_and_goes_back(run):
    good(run("item", "put", "orders", stdin=PLAIN.encode()))
    text = good(run("item", "get", "orders", "o-1", "42"))
    good(run("item", "put", "orders", "-", stdin=text.replace('"sk":42', '"sk":43').encode()))
    assert good(run("item", "get", "orders", "o-1", "43")) == PLAIN.replace("42", "43") + "\n"


def test_the_key_may_be_json(run):
    good(run("item", "put", "orders", PLAIN))
    assert good(run("item", "get", "orders", "--key", '{"pk":"o-1","sk":42}')) == PLAIN + "\n"
    typed = '{"pk":{"S":"o-1"},"sk":{"N":"42"}}'
    assert json.loads(good(run("item", "get", "orders", "-t", "-k", typed))) == TYPED


def test_a_key_may_begin_with_a_minus(run):
    put(run, {"pk": "-a", "sk": -5})
    assert items(run("item", "get", "orders", "--", "-a", "-5")) == [{"pk": "-a", "sk": -5}]
    assert items(run("item", "query", "orders", "--sort", "< -4", "--", "-a")) == [
        {"pk": "-a", "sk": -5}]
    refused(run("item", "get", "orders", "-a", "-5"), 64, "there is no option")


def test_a_projection_leaves_out_the_rest(run):
    good(run("item", "put", "orders", PLAIN))
    done = run("item", "get", "orders", "o-1", "42", "--projection", "#f, l[0]", "--names",
               '{"#f":"f"}')
    assert items(done) == [{"f": False, "l": [1]}]


@pytest.mark.parametrize("words, code, text", [
    (["get", "orders", "o-1", "1"], 3, "table kept has no item with this key"),
    (["get", "orders", "o-1"], 64, "a partition and a sort key: two words"),
    (["get", "orders", "o-1", "1", "2"], 64, "two words"),
    (["get", "orders", "o-1", "one"], 64, 'key sk is of type N, which "one" is not'),
    (["get", "orders", "o-1", "1", "--key", "{}"], 64, "the key is given twice"),
    (["get", "orders", "--key", '{"pk":"a"}'], 65, '--key: the key attribute "sk" is missing'),
    (["get", "orders", "--key", '{"pk":1,"sk":1}'], 65, "of type N where the table wants S"),
    (["get", "orders", "--key", '{"pk":"","sk":1}'], 65, 'the key attribute "pk" is empty'),
    (["get", "orders", "--key", "{"], 65, "--key: a member's name is missing at byte 2"),
    (["get", "nothing", "o-1", "1"], 3, "nothing"),
    (["get"], 64, "TABLE is missing"),
    (["put", "orders", "{"], 65, "the item: a member's name is missing at byte 2"),
    (["put", "orders", "[]"], 65, "the item: an item is a JSON object"),
    (["put", "orders", '{"pk":"a","sk":1e200}'], 65, "Number overflow"),
    (["put", "orders", '{"pk":"a","sk":1,"x":{"$set":[]}}'], 65, '"$set" wants an array'),
    (["put", "orders", '{"pk":"a"}'], 65, "sk"),
    (["put", "orders", '{"pk":{"S":"a"},"sk":{"N":"x"}}', "--typed"], 65, "numeric value"),
    (["put", "orders", '{"pk":', '"a"}'], 64, "one item at a time"),
    (["put", "orders", "{}", "--return", "new"], 64, "new"),
    (["update", "orders", "o-1", "1"], 64, "either --update, or --set and --remove"),
    (["update", "orders", "o-1", "1", "--update", "REMOVE a", "--set", "a=1"], 64, "either"),
    (["update", "orders", "o-1", "1", "--set", "a"], 64, '--set is "a": NAME=JSON'),
    (["update", "orders", "o-1", "1", "--set", "=1"], 64, '--set is "=1": NAME=JSON'),
    (["update", "orders", "o-1", "1", "--set", "a=text"], 65, "text goes in quotes"),
    (["update", "orders", "o-1", "1", "--update", "SET"], 65, "UpdateExpression"),
    (["update", "orders", "o-1", "1", "--set", "a=1", "--names", "x"], 65, "--names: "),
    (["update", "orders", "o-1", "1", "--set", "a=1", "--names", "[]"], 65, "no JSON object"),
    (["update", "orders", "o-1", "1", "--set", "a=1", "--values", "[]"], 65, "--values: "),
    (["query", "orders"], 64, "a partition key's value and perhaps --sort, or --key-condition"),
    (["query", "orders", "a", "b"], 64, "or --key-condition"),
    (["query", "orders", "a", "--key-condition", "pk = :p"], 64, "or --key-condition"),
    (["query", "orders", "a", "--sort", "~ 1"], 64, '--sort is "~ 1"'),
    (["query", "orders", "a", "--sort", "between 1"], 64, '--sort is "between 1"'),
    (["query", "orders", "a", "--sort", "= one"], 64, 'of type N, which "one" is not'),
    (["query", "orders", "a", "--index", "none"], 3, 'table kept has no index "none"'),
    (["query", "orders", "a", "--limit", "-1"], 64, "--limit"),
    (["query", "orders", "a", "--count", "--limit", "1"], 64, "not with --limit"),
    (["scan", "orders", "a"], 64, "a table alone"),
    (["scan", "orders", "--segments", "0"], 64, "--segments"),
    (["scan", "orders", "--segments", "65"], 64, "--segments"),
    (["scan", "orders", "--filter", "x"], 65, "FilterExpression"),
    (["scan", "nothing"], 3, "nothing"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_is_wrong_is_said(on_shared, words, code, text):
    refused(on_shared("item", *words), code, text)


def test_errors_are_json_where_json_was_asked_for(run):
    done = run("item", "get", "orders", "o-1", "1", "-o", "json")
    assert json.loads(done.stderr)["error"]["code"] == "NOT_FOUND"


def test_conditions_decide(run):
    new = ["--condition", "attribute_not_exists(pk)"]
    good(run("item", "put", "orders", '{"pk":"a","sk":1}', *new))
    refused(run("item", "put", "orders", '{"pk":"a","sk":1,"x":1}', *new), 4, "conditional")
    refused(run("item", "update", "orders", "a", "1", "--set", "x=1", "--condition", "x = :x",
                "--values", '{":x":2}'), 4, "conditional")
    refused(run("item", "delete", "orders", "a", "1", "--condition", "#x = :x", "--names",
                '{"#x":"x"}', "--values", '{":x":{"N":"2"}}', "--typed"), 4, "conditional")
    assert items(run("item", "get", "orders", "a", "1")) == [{"pk": "a", "sk": 1}]


def test_updates_by_expression_and_by_short_form(run):
    done = run("item", "update", "orders", "a", "1", "--set", "n=1", "--set",
               'status="new"', "--set", "draft=true", "--return", "new")
    assert items(done) == [{"pk": "a", "sk": 1, "n": 1, "status": "new", "draft": True}]
    done = run("item", "update", "orders", "a", "1", "--set", "tags={\"$set\":[\"x\"]}", "--remove",
               "draft", "--remove", "status", "--condition", "#n = :n", "--names", '{"#n":"n"}',
               "--values", '{":n":1}', "--return", "updated-old")
    assert items(done) == [{"draft": True, "status": "new"}]
    done = run("item", "update", "orders", "a", "1", "--update", "ADD n :d", "--values",
               '{":d":0.1}', "--return", "updated-new")
    assert items(done) == [{"n": 1.1}]
    assert good(run("item", "update", "orders", "a", "1", "--remove", "n")) == ""
    assert items(run("item", "get", "orders", "a", "1")) == [
        {"pk": "a", "sk": 1, "tags": {"$set": ["x"]}}]
    typed = run("item", "update", "orders", "a", "1", "--typed", "--set", 'x={"N":"1"}',
                "--return", "updated-new")
    assert items(typed) == [{"x": {"N": "1"}}]


def test_delete_prints_what_was_there(run):
    put(run, {"pk": "a", "sk": 1, "x": "y"})
    assert items(run("item", "delete", "orders", "a", "1", "--return", "old")) == [
        {"pk": "a", "sk": 1, "x": "y"}]
    assert good(run("item", "delete", "orders", "a", "1", "--return", "old")) == ""


# ---- many items ----


@pytest.fixture
def filled(run):
    put(run, *({"pk": "a", "sk": n, "day": "d%d" % (n % 2), "n": n} for n in range(10)),
        {"pk": "b", "sk": 1})
    return run


@pytest.mark.parametrize("condition, expected", [
    (None, range(10)), ("= 3", [3]), ("< 3", [0, 1, 2]), ("<= 3", [0, 1, 2, 3]), ("> 7", [8, 9]),
    (">= 7", [7, 8, 9]), ("between 2 and 4.5", [2, 3, 4]), ("= 99", []),
])
def test_query_by_words(filled, condition, expected):
    more = [] if condition is None else ["--sort", condition]
    assert [item["sk"] for item in items(filled("item", "query", "orders", "a", *more))] == list(
        expected)


def test_query_in_its_other_forms(filled):
    query = lambda *words: [item["sk"] for item in items(filled("item", "query", "orders", *words))]
    assert query("a", "--reverse", "--limit", "3") == [9, 8, 7]
    assert query("a", "--limit", "0") == []
    assert query("d1", "--index", "by-day", "--sort", "> 4") == [5, 7, 9]
    assert query("a", "--filter", "#n > :n", "--names", '{"#n":"n"}', "--values", '{":n":6}') == [
        7, 8, 9]
    assert query("a", "--filter", "n > :n", "--values", '{":n":2}', "--limit", "2") == [3, 4]
    assert query("--key-condition", "pk = :p AND sk < :s", "--values", '{":p":"a",":s":2}') == [0, 1]
    assert good(filled("item", "query", "orders", "a", "--count")) == "10\n"
    assert items(filled("item", "query", "orders", "b", "--typed")) == [
        {"pk": {"S": "b"}, "sk": {"N": "1"}}]
    assert items(filled("item", "query", "orders", "a", "--sort", "= 0", "--projection",
                        "n")) == [{"n": 0}]


def test_text_sort_keys_are_compared_as_text(run):
    good(run("table", "create", "lines", "--key", "pk:S", "--sort", "sk:S"))
    put_lines = "".join('{"pk":"a","sk":"%s"}\n' % sk for sk in ("line#1", "line#2", "note a"))
    good(run("item", "batch-write", "lines", stdin=put_lines.encode()))
    query = lambda sort: [i["sk"] for i in items(run("item", "query", "lines", "a", "--sort", sort))]
    assert query("begins line#") == ["line#1", "line#2"]
    assert query("= note a") == ["note a"]
    assert query("between line#2 and note z") == ["line#2", "note a"]
    good(run("table", "delete", "lines", "--yes"))


@pytest.mark.parametrize("segments", ["1", "3", "64"])
def test_scan_prints_all_items_once(filled, segments):
    found = items(filled("item", "scan", "orders", "--segments", segments))
    assert sorted((item["pk"], item["sk"]) for item in found) == [
        ("a", n) for n in range(10)] + [("b", 1)]
    assert good(filled("item", "scan", "orders", "--segments", segments, "-c")) == "11\n"
    assert len(items(filled("item", "scan", "orders", "--segments", segments, "-n", "4"))) == 4


def test_scan_takes_filter_projection_and_index(filled):
    assert items(filled("item", "scan", "orders", "--filter", "sk = :x AND pk = :p", "--projection",
                        "sk", "--values", '{":x":1,":p":"b"}')) == [{"sk": 1}]
    assert len(items(filled("item", "scan", "orders", "--index", "by-day"))) == 10


def test_scan_goes_on_over_pages(run):
    put(run, *({"pk": "p%d" % n, "sk": n, "pad": "x" * 60000} for n in range(60)))
    found = items(run("item", "scan", "orders"))
    assert sorted(item["sk"] for item in found) == list(range(60))


def test_scan_pipes_into_batch_write(filled):
    good(filled("table", "create", "copy", "--key", "pk:S", "--sort", "sk:N"))
    for typed in ([], ["--typed"]):
        lines = good(filled("item", "scan", "orders", *typed))
        done = filled("item", "batch-write", "copy", "-", *typed, stdin=lines.encode())
        assert good(done) == "" and b"wrote 11 items" in done.stderr
        assert sorted(good(filled("item", "scan", "copy")).splitlines()) == sorted(
            good(filled("item", "scan", "orders")).splitlines())
    lines = good(filled("item", "scan", "orders"))
    done = filled("item", "batch-write", "copy", "--delete", stdin=lines.encode())
    assert good(done) == "" and b"deleted 11 items" in done.stderr
    assert good(filled("item", "scan", "copy", "--count")) == "0\n"
    good(filled("table", "delete", "copy", "--yes"))


def test_a_reader_that_went_away_ends_the_scan(shared, api):
    support.create_table(api, "long-table")
    for n in range(40):
        api.call("PutItem", TableName="long-table",
                 Item={"pk": {"S": str(n)}, "pad": {"S": "x" * 50000}})
    child = subprocess.Popen([support.PROGRAM, "item", "scan", "long-table", "--endpoint-url",
                              shared.endpoint], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=support.environment())
    assert child.stdout.readline().startswith(b'{"pad":"x')
    child.stdout.close()
    assert child.wait(30) == 0
    assert child.stderr.read() == b""
    child.stderr.close()


def test_a_full_disk_is_an_error(shared, api):
    support.create_table(api, "some-table")
    api.call("PutItem", TableName="some-table", Item={"pk": {"S": "a"}})
    for words in (["scan", "some-table"], ["get", "some-table", "a"],
                  ["scan", "some-table", "--count"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([support.PROGRAM, "item", *words, "--endpoint-url",
                                   shared.endpoint], stdout=full, stderr=subprocess.PIPE,
                                  env=support.environment(), timeout=60)
        assert done.returncode == 1, words
        assert b"standard output" in done.stderr


# ---- batch-write ----


@pytest.mark.parametrize("line, text", [
    ('{"pk":"b"', "a comma or the end of the object is missing at byte 10"),
    ('{"pk":"b"}', 'the key attribute "sk" is missing'),
    ('{"pk":"b","sk":"1"}', 'of type S where the table wants N'),
    ('{"pk":"b","sk":1,"big":"%s"}' % ("x" * 410000), "larger than 409600 bytes"),
    ('{"Item":{"pk":{"S":"b"}}}', "is this DynamoDB JSON? then say --format ddb-json, or --typed"),
    ("\xff", "the text is not UTF-8"),
], ids=["json", "no key", "key's type", "size", "typed", "utf-8"])
def test_batch_write_names_the_line_that_is_wrong(run, line, text):
    lines = b'{"pk":"a","sk":1}\n\n' + line.encode("latin-1") + b'\n{"pk":"c","sk":1}\n'
    done = run("item", "batch-write", "orders", stdin=lines)
    assert done.returncode == 65
    assert done.stderr.decode("latin-1").startswith("weir: stdin:3: ")
    assert text in done.stderr.decode("latin-1")
    assert "stopped at stdin:3" in done.stderr.decode("latin-1")
    assert items(run("item", "scan", "orders")) == [{"pk": "a", "sk": 1}]


def test_batch_write_reads_a_file_and_the_last_of_a_key_wins(run, tmp_path):
    lines = [json.dumps({"pk": "k%d" % (n % 7), "sk": 1, "n": n}) for n in range(500)]
    (tmp_path / "items.jsonl").write_text("\n".join(lines))
    done = run("item", "batch-write", "orders", "items.jsonl")
    assert good(done) == "" and b"weir: wrote 500 items in " in done.stderr
    assert sorted(item["n"] for item in items(run("item", "scan", "orders"))) == list(
        range(493, 500))


def test_what_the_service_alone_refuses_is_found_in_its_batch(run):
    """The index's key is of another type than the item's attribute: only the service knows."""
    lines = "".join(json.dumps({"pk": "k%d" % n, "sk": n, "day": 5 if n == 17 else "d"}) + "\n"
                    for n in range(60))
    done = run("item", "batch-write", "orders", stdin=lines.encode())
    assert done.returncode == 65, done
    assert "weir: stdin:18: " in done.stderr.decode()
    assert len(items(run("item", "scan", "orders", "--filter", "sk = :n", "--values",
                         '{":n":17}'))) == 0


def test_batch_write_of_nothing_writes_nothing(run):
    done = run("item", "batch-write", "orders")
    assert good(done) == "" and b"wrote 0 items" in done.stderr
    refused(run("item", "batch-write", "orders", "missing"), 64, "missing: No such file")
    refused(run("item", "batch-write", "orders", "/"), 64, "/ is a folder")
