# SPDX-License-Identifier: Apache-2.0
"""weir table: the program against a server, and against a file: endpoint."""
import http.server
import json
import re
import signal
import subprocess
import threading

import pytest

import support
import terminal


@pytest.fixture(params=["http", "file"])
def run(request, tmp_path):
    """run(word, ...): a command on an empty database of this test's own."""
    if request.param == "file":
        endpoint = "file:%s" % (tmp_path / "data")
        yield lambda *words, **more: support.weir(*words, "--endpoint-url", endpoint,
                                                  cwd=tmp_path, **more)
        return
    server = support.Serve(tmp_path, memory=True)
    yield lambda *words, **more: support.weir(*words, "--endpoint-url", server.endpoint,
                                              cwd=tmp_path, **more)
    assert server.stop() == 0, server.log


@pytest.fixture
def on_shared(shared, tmp_path):
    return lambda *words, **more: support.weir(*words, "--endpoint-url", shared.endpoint,
                                               cwd=tmp_path, **more)


def good(done):
    assert done.returncode == 0, done
    return done.stdout.decode()


def refused(done, code, *texts):
    assert done.returncode == code, done
    assert done.stdout == b""
    for text in texts:
        assert text in done.stderr.decode(), done.stderr
    return done.stderr.decode()


def described(run, name):
    return json.loads(good(run("table", "desc", name, "-o", "json")))


def test_a_table_of_options_is_created_and_described(run):
    done = run("table", "create", "orders", "--key", "pk:S", "--sort", "sk:N", "--index",
               "by-day=day:S,sk:N", "--index", "by-state=state:S,keys", "--local-index",
               "by-at=at:B", "--stream", "new-and-old", "--ttl", "expires")
    assert good(done) == "orders  ACTIVE\n"
    document = described(run, "orders")
    table = document["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"},
                                  {"AttributeName": "sk", "KeyType": "RANGE"}]
    assert {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]} == {
        "pk": "S", "sk": "N", "day": "S", "state": "S", "at": "B"}
    assert {i["IndexName"]: (i["Projection"]["ProjectionType"], len(i["KeySchema"]))
            for i in table["GlobalSecondaryIndexes"]} == {
        "by-day": ("ALL", 2), "by-state": ("KEYS_ONLY", 1)}
    assert table["LocalSecondaryIndexes"][0]["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert document["TimeToLiveDescription"]["AttributeName"] == "expires"
    text = good(run("table", "desc", "orders"))
    assert re.search(r"^keys +pk S, sk N$", text, re.M)
    assert re.search(r"^ttl +expires \(ENABLED\)$", text, re.M)
    assert re.search(r"^by-state +global +ACTIVE +state S +KEYS_ONLY +0$", text, re.M)


@pytest.mark.parametrize("view, name", [("new", "NEW_IMAGE"), ("old", "OLD_IMAGE"),
                                        ("keys", "KEYS_ONLY")])
def test_streams_have_the_images_that_were_asked_for(on_shared, view, name):
    table = "stream-" + view
    good(on_shared("table", "create", table, "--key", "pk:S", "--stream", view))
    assert described(on_shared, table)["Table"]["StreamSpecification"]["StreamViewType"] == name


def test_units_are_given_to_the_table_and_its_indexes(on_shared):
    good(on_shared("table", "create", "units", "--key", "pk:S", "--index", "by-a=a:S", "--billing",
                   "7,3"))
    table = described(on_shared, "units")["Table"]
    for units in (table["ProvisionedThroughput"],
                  table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]):
        assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (7, 3)
    assert "7 read, 3 write units" in good(on_shared("table", "desc", "units"))


CREATE = {"TableName": "from-json", "BillingMode": "PAY_PER_REQUEST",
          "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
          "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}


def test_a_table_is_created_from_json(run, tmp_path):
    (tmp_path / "table.json").write_text(json.dumps(CREATE))
    good(run("table", "create", "--json", "table.json"))
    unnamed = {name: value for name, value in CREATE.items() if name != "TableName"}
    good(run("table", "create", "other", "--json", "-", stdin=json.dumps(unnamed).encode()))
    names = [table["name"] for table in json.loads(good(run("table", "ls", "-o", "json")))["tables"]]
    assert names == ["from-json", "other"]


@pytest.mark.parametrize("words, code, text", [
    (["a-table"], 64, "--key NAME:TYPE is needed, or --json"),
    ([], 64, "one name"),
    (["a-table", "--key", "pk"], 64, '--key is "pk": NAME:TYPE, with type S, N or B'),
    (["a-table", "--key", "pk:X"], 64, '--key is "pk:X"'),
    (["a-table", "--key", ":S"], 64, '--key is ":S"'),
    (["a-table", "--key", "pk:S", "--sort", "pk:N"], 64, "the attribute pk is given two types"),
    (["a-table", "--key", "pk:S", "--index", "i"], 64, '--index is "i": NAME=KEY:TYPE'),
    (["a-table", "--key", "pk:S", "--index", "i="], 64, "a key NAME:TYPE is missing"),
    (["a-table", "--key", "pk:S", "--index", "i=a:S,b:S,c:S"], 64, "two keys at most"),
    (["a-table", "--key", "pk:S", "--billing", "5"], 64, '--billing is "5"'),
    (["a-table", "--key", "pk:S", "--billing", "0,5"], 64, '--billing is "0,5"'),
    (["a-table", "--key", "pk:S", "--stream", "all"], 64, "all"),
    (["a-table", "--json", "missing.json"], 64, "missing.json: No such file or directory"),
    (["a-table", "--json", "-"], 65, "-: "),
    (["a-table", "--json", "-", "--key", "pk:S"], 64, "--json tells all of the table"),
    (["a-table", "--json", "-", "--sort", "sk:S"], 64, "--sort has no place beside it"),
    (["a-table", "--json", "-", "--local-index", "i=a:S"], 64, "--local-index has no place"),
    (["a-table", "--json", "-", "--billing", "5,5"], 64, "--billing has no place beside it"),
    (["ab", "--key", "pk:S"], 65, "at least 3 characters"),
    (["a-table", "--key", "pk:S", "--timeout", "soon"], 64, '--timeout is "soon"'),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_tables_are_refused(on_shared, words, code, text):
    refused(on_shared("table", "create", *words), code, text)
    refused(on_shared("table", "desc", "a-table"), 3)


def test_the_name_must_be_one(on_shared):
    refused(on_shared("table", "create", "other", "--json", "-", stdin=json.dumps(CREATE).encode()),
            64, "the table is other on the command line and from-json in the JSON")


def test_creating_what_is_there_is_code_4(run):
    good(run("table", "create", "twice", "--key", "pk:S"))
    refused(run("table", "create", "twice", "--key", "pk:S"), 4, "ResourceInUseException")


def test_ls_is_aligned_and_empty_without_tables(run):
    assert good(run("table", "ls")) == ""
    assert json.loads(good(run("table", "ls", "-o", "json"))) == {"tables": []}
    good(run("table", "create", "a-rather-long-name", "--key", "pk:S"))
    good(run("table", "create", "short", "--key", "pk:S", "--sort", "sk:N", "--stream", "keys"))
    good(run("item", "put", "short", '{"pk":"a","sk":1}'))
    lines = good(run("table", "ls")).splitlines()
    assert lines[0].split() == ["TABLE", "STATUS", "KEYS", "ITEMS", "BYTES", "STREAM"]
    at = lines[0].index("STATUS")
    assert [line[at:at + 6] for line in lines[1:]] == ["ACTIVE", "ACTIVE"]
    assert json.loads(good(run("table", "ls", "-o", "json")))["tables"][1] == {
        "name": "short", "status": "ACTIVE", "keys": "pk S, sk N", "items": 1, "bytes": 7,
        "stream": "KEYS_ONLY"}


def test_more_tables_than_a_page_holds_are_listed(on_shared, api):
    for n in range(105):
        support.create_table(api, "page-%03d" % n)
    names = [table["name"] for table in
             json.loads(good(on_shared("table", "ls", "-o", "json")))["tables"]]
    assert [name for name in names if name.startswith("page-")] == [
        "page-%03d" % n for n in range(105)]
    assert names == sorted(names)


# ---- delete, truncate, wait ----


def test_delete_needs_yes_where_nobody_can_be_asked(run):
    good(run("table", "create", "victim", "--key", "pk:S"))
    refused(run("table", "delete", "victim"), 64, "delete table victim and all its items",
            "needs --yes", "no terminal")
    refused(run("table", "truncate", "victim"), 64, "needs --yes")
    good(run("table", "wait", "victim"))
    assert good(run("table", "delete", "victim", "--yes")) == ""
    good(run("table", "wait", "victim", "gone"))
    refused(run("table", "delete", "victim", "--yes"), 3, "victim")
    refused(run("table", "truncate", "victim", "--yes"), 3, "victim")


@pytest.mark.parametrize("answer, code, left", [(b"y\n", 0, False), (b"yes\n", 0, False),
                                                (b"n\n", 1, True), (b"\n", 1, True),
                                                (b"\x04", 1, True), (b"yesterday\n", 1, True)])
def test_delete_asks_on_a_terminal(shared, api, answer, code, left):
    name = "asked-" + answer.hex()
    support.create_table(api, name)
    asked = terminal.Terminal([support.PROGRAM, "table", "delete", name, "--endpoint-url",
                               shared.endpoint])
    asked.wait_for(b"delete table %s and all its items? [y/N] " % name.encode())
    asked.type(answer)
    assert asked.end() == code, asked.shown
    assert (b"nothing was done" in asked.shown) == left
    assert api.send("DescribeTable", {"TableName": name})[0] == (200 if left else 400)


def test_ctrl_c_at_the_question_changes_nothing(shared, api):
    support.create_table(api, "kept-table")
    api.call("PutItem", TableName="kept-table", Item={"pk": {"S": "a"}})
    asked = terminal.Terminal([support.PROGRAM, "table", "truncate", "kept-table",
                               "--endpoint-url", shared.endpoint])
    asked.wait_for(b"delete all items of table kept-table? [y/N] ")
    asked.child.send_signal(2)
    assert asked.end() == 130
    assert len(support.scan(api, "kept-table")) == 1


@pytest.mark.parametrize("keys", [["--key", "pk:S"], ["--key", "pk:N", "--sort", "sk:B"]])
def test_truncate_deletes_all_items(run, keys):
    good(run("table", "create", "full", *keys, "--stream", "keys"))
    lines = "".join(json.dumps({"pk": "p%d" % n, "n": n} if len(keys) == 2 else
                               {"pk": n % 7, "sk": {"$binary": "AAA%s" % "ABCDEFGH"[n % 8]},
                                "n": n}) + "\n" for n in range(130))
    good(run("item", "batch-write", "full", stdin=lines.encode()))
    count = int(good(run("item", "scan", "full", "--count")))
    assert count == (130 if len(keys) == 2 else 56)
    done = run("table", "truncate", "full", "--yes")
    assert good(done) == ""
    assert done.stderr.decode() == "weir: deleted %d items\n" % count
    assert good(run("item", "scan", "full", "--count")) == "0\n"
    assert run("table", "truncate", "full", "--yes", "-q").stderr == b""
    figures = json.loads(run("table", "truncate", "full", "--yes", "-o", "json").stderr)
    assert (figures["deleted"], figures["notDeleted"]) == (0, 0)


def test_truncate_tells_the_stream_of_each_item(on_shared, api):
    support.create_table(api, "told")
    for n in range(30):
        api.call("PutItem", TableName="told", Item={"pk": {"S": str(n)}})
    good(on_shared("table", "truncate", "told", "--yes"))
    removed = [r for r in support.stream_records(api, "told") if r["eventName"] == "REMOVE"]
    assert len(removed) == 30


@pytest.mark.parametrize("more", [["--stream", "new-and-old", "--ttl", "expires"],
                                  ["--billing", "4,2"]])
def test_truncate_anew_keeps_what_the_table_is(run, more):
    good(run("table", "create", "anew", "--key", "pk:S", "--sort", "sk:N", "--index", "by-a=a:S,keys",
             "--local-index", "by-b=b:N", *more))
    good(run("item", "put", "anew", '{"pk":"a","sk":1,"a":"x"}'))
    before = described(run, "anew")
    good(run("table", "truncate", "anew", "--recreate", "--yes"))
    after = described(run, "anew")
    assert good(run("item", "scan", "anew", "--count")) == "0\n"
    for document in (before, after):
        table = document["Table"]
        for name in ("CreationDateTime", "TableId", "LatestStreamArn", "LatestStreamLabel",
                     "TableSizeBytes", "ItemCount"):
            table.pop(name, None)
        table.get("BillingModeSummary", {}).pop("LastUpdateToPayPerRequestDateTime", None)
        for index in table["GlobalSecondaryIndexes"] + table["LocalSecondaryIndexes"]:
            index.pop("IndexSizeBytes", None)
            index.pop("ItemCount", None)
    assert before == after


def test_a_table_that_is_not_created_anew_is_told_to_be_gone(serve):
    server = serve("--faults", "CreateTable:500@2-", memory=True)
    support.create_table(support.Api(server.port), "half")
    done = support.weir("table", "truncate", "half", "--recreate", "--yes", "-o", "json",
                        "--endpoint-url", server.endpoint,
                        env=support.environment(AWS_MAX_ATTEMPTS="1"))
    assert done.returncode == 1
    error = json.loads(done.stderr)["error"]
    assert "table half was deleted and is not created anew: " in error["message"]
    assert error["outcome"] == "unknown"


def test_ctrl_c_between_deletion_and_creation_leaves_no_half(serve):
    server = serve("--faults", "DeleteTable:delay=1s", memory=True)
    api = support.Api(server.port)
    support.create_table(api, "whole")
    api.call("PutItem", TableName="whole", Item={"pk": {"S": "a"}})
    child = subprocess.Popen([support.PROGRAM, "table", "truncate", "whole", "--recreate", "--yes",
                              "--endpoint-url", server.endpoint], env=support.environment())
    support.wait_until(lambda: api.call("ListTables")["TableNames"] == [] or child.poll() is not None,
                       "the deletion")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 0
    assert api.call("ListTables")["TableNames"] == ["whole"] and support.scan(api, "whole") == []


class Secretive(http.server.BaseHTTPRequestHandler):
    """A table whose TTL may not be asked for."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.headers["X-Amz-Target"].endswith("DescribeTable")
        body = json.dumps({"Table": {
            "TableName": "secret", "TableStatus": "ACTIVE",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "B"}]}} if allowed else
            {"__type": "com.amazon.coral.service#AccessDeniedException",
             "Message": "not authorized"}).encode()
        self.send_response(200 if allowed else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_table_is_described_without_the_right_to_ask_for_ttl(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secretive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    where = ["--endpoint-url", "http://127.0.0.1:%d" % server.server_port]
    try:
        done = support.weir("table", "desc", "secret", *where, cwd=tmp_path)
        assert re.search(r"^keys +pk B$", good(done), re.M)
        assert b"weir: whether items expire is not known: not authorized\n" == done.stderr
        document = json.loads(good(support.weir("table", "desc", "secret", "-o", "json", *where)))
        assert list(document) == ["Table"]
    finally:
        server.shutdown()
        server.server_close()


def test_wait_gives_up(on_shared, api):
    support.create_table(api, "stays")
    done = on_shared("table", "wait", "stays", "gone", "--timeout", "150ms")
    refused(done, 75, "table stays is still there after 0.1 s")
    refused(on_shared("table", "wait", "never-there"), 3, "never-there")
    refused(on_shared("table", "wait", "stays", "ready"), 64, "the state is active or gone")
    refused(on_shared("table", "wait", "stays", "--timeout", "-1"), 64, "--timeout")


def test_an_endpoint_that_is_not_there_is_unreachable(tmp_path):
    done = support.weir("table", "ls", "--endpoint-url",
                        "http://127.0.0.1:%d" % support.free_port(), cwd=tmp_path,
                        env=support.environment(AWS_MAX_ATTEMPTS="1"))
    refused(done, 69)


def test_a_full_disk_is_an_error(on_shared, shared, api):
    support.create_table(api, "listed")
    with open("/dev/full", "wb") as full:
        done = support.subprocess.run(
            [support.PROGRAM, "table", "ls", "--endpoint-url", shared.endpoint], stdout=full,
            stderr=support.subprocess.PIPE, env=support.environment(), timeout=60)
    assert done.returncode == 1
    assert b"standard output" in done.stderr
