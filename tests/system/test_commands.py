# SPDX-License-Identifier: Apache-2.0
"""The commands: results on stdout and nothing else there, errors on stderr, exit codes."""
import base64
import json
import os
import pty
import signal
import subprocess

import pytest

import support


@pytest.fixture
def run(shared):
    """run("outbox", "ls", ...) against the server; checks the exit code."""
    def run(*words, code=0, **more):
        done = support.weir(*words, "--endpoint-url", shared.endpoint, **more)
        assert done.returncode == code, (words, done.stderr)
        return done
    return run


@pytest.fixture
def outbox(run, request):
    """The name of an outbox of the test's own, made by its first message."""
    return "outbox-" + request.node.name.translate(str.maketrans("[]=/ ,{}\"':", "-" * 11))[:80]


def put(run, outbox, key="key", *more, payload="{}"):
    return run("outbox", "put", key, "-t", outbox, "--type", "T", "--payload", payload,
               *more).stdout.decode().strip()


# ---- outbox ----


def test_put_prints_the_id_and_ls_shows_it(run, outbox):
    first = put(run, outbox, "a")
    second = put(run, outbox, "b")
    listed = run("outbox", "ls", "-t", outbox).stdout.decode().splitlines()
    assert [line.split()[1:] for line in listed] == [["a", first, "T"], ["b", second, "T"]]
    listed = run("outbox", "ls", "-t", outbox, "-k", "b").stdout.decode().splitlines()
    assert len(listed) == 1 and second in listed[0]


def test_put_json_names_id_and_cost(run, outbox):
    answer = json.loads(put(run, outbox, "a", "--id", "my-id", "-o", "json"))
    assert answer["id"] == "my-id"
    assert answer["writeUnits"] >= 1


def test_put_the_same_id_again_is_code_4_and_changes_nothing(run, outbox):
    put(run, outbox, "a", "--id", "my-id", payload="first")
    again = run("outbox", "put", "a", "-t", outbox, "--type", "T", "--id", "my-id", "--payload",
                "second", code=4)
    assert again.stdout == b""
    page = json.loads(run("outbox", "ls", "-t", outbox, "-o", "json").stdout)
    assert [message["payload"] for message in page["messages"]] == ["Zmlyc3Q="]


@pytest.mark.parametrize("option", [["--payload", "-"], []])
def test_put_reads_any_bytes_from_standard_input(run, outbox, option):
    payload = bytes(range(256)) * 100
    run("outbox", "put", "a", "-t", outbox, "--type", "T", *option, stdin=payload)
    page = json.loads(run("outbox", "ls", "-t", outbox, "-o", "json").stdout)
    assert len(page["messages"]) == 1
    assert base64.b64decode(page["messages"][0]["payload"]) == payload


def test_put_ends_at_more_than_an_item_holds(shared, outbox):
    with open("/dev/zero", "rb") as endless:
        done = subprocess.run([support.PROGRAM, "outbox", "put", "a", "-t", outbox, "--type", "T",
                               "--endpoint-url", shared.endpoint], stdin=endless,
                              capture_output=True, timeout=30, env=support.environment())
    assert done.returncode == 65
    assert b"larger than an item" in done.stderr


def test_put_carries_every_field(run, outbox):
    put(run, outbox, "a", "--headers", '{"h":"1"}', "--content-type", "text/plain", "--destination",
        "d", "--aggregate-id", "ai", "--aggregate-type", "at", "--correlation-id", "co",
        "--causation-id", "ca")
    message = json.loads(run("outbox", "ls", "-t", outbox, "-o", "json").stdout)["messages"][0]
    text = json.dumps(message)
    for value in ('"text/plain"', '"d"', '"ai"', '"at"', '"co"', '"ca"'):
        assert value in text, text


@pytest.mark.parametrize("words, code", [
    (["put"], 64), (["put", "key"], 64), (["put", "key", "more", "--type", "T"], 64),
    (["put", "", "--type", "T", "--payload", "x"], 64),
    (["put", "key", "--type", "T", "--payload", "x", "--headers", "[1]"], 64),
    (["put", "key", "--type", "T", "--payload", "x", "--headers", "{"], 64),
    (["ls", "--limit", "0"], 64), (["ls", "--limit", "1001"], 64), (["ls", "more"], 64),
])
def test_what_outbox_refuses(run, outbox, words, code):
    done = run("outbox", words[0], "-t", outbox, *words[1:], code=code)
    assert done.stdout == b""
    assert done.stderr.startswith(b"weir: ")


@pytest.mark.parametrize("command", ["ls", "stats"])
def test_reading_an_outbox_that_is_not_there_is_code_3_and_makes_none(run, outbox, command):
    done = run("outbox", command, "-t", outbox, code=3)
    assert outbox.encode() in done.stderr
    run("outbox", command, "-t", outbox, code=3)


def test_ls_goes_on_with_next(run, outbox):
    ids = [put(run, outbox, "key") for _ in range(5)]
    seen, token = [], []
    while True:
        page = json.loads(run("outbox", "ls", "-t", outbox, "-n", "2", "-o", "json", *token).stdout)
        seen += [message["id"] for message in page["messages"]]
        if "next" not in page:
            break
        token = ["--next", page["next"]]
    assert seen == ids


def test_ls_text_says_on_stderr_that_there_is_more(run, outbox):
    for _ in range(3):
        put(run, outbox)
    done = run("outbox", "ls", "-t", outbox, "-n", "2")
    assert len(done.stdout.splitlines()) == 2
    assert b"--next" in done.stderr


def test_stats_count(run, outbox, tmp_path):
    for _ in range(3):
        put(run, outbox)
    run("relay", "run", "--outbox", outbox, "--name", outbox, "--to", "file", "--set",
        "path=%s" % (tmp_path / "out"), "--once", cwd=tmp_path)
    put(run, outbox)
    answer = json.loads(run("outbox", "stats", "-t", outbox, "-o", "json").stdout)
    assert (answer["pending"], answer["published"]) == (1, 3)
    assert answer["oldestPendingMs"] >= 0
    text = run("outbox", "stats", "-t", outbox).stdout.decode()
    assert text.splitlines()[:2] == ["pending    1", "published  3"]


# ---- relay to stdout ----


def test_relay_to_stdout_writes_messages_and_nothing_else_there(run, outbox, tmp_path):
    ids = [put(run, outbox, "key", payload='{"n":%d}' % n) for n in range(3)]
    done = run("relay", "run", "--outbox", outbox, "--name", outbox, "--to", "stdout", "--once",
               cwd=tmp_path)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [message["id"] for message in messages] == ids
    assert [json.loads(message["data"]) for message in messages] == [{"n": n} for n in range(3)]
    assert b"\r" not in done.stderr and b"\x1b" not in done.stderr, "progress without a terminal"


def test_relay_json_reports_its_figures_on_stderr(run, outbox, tmp_path):
    put(run, outbox)
    done = run("relay", "run", "--outbox", outbox, "--name", outbox, "--to", "stdout", "--once",
               "-o", "json", "-q", cwd=tmp_path)
    figures = json.loads(done.stderr.splitlines()[-1])
    assert figures["delivered"] == 1 and figures["marked"] == 1


@pytest.mark.parametrize("option, shown", [([], True), (["--no-progress"], False), (["-q"], False)])
def test_progress_belongs_on_a_terminal(shared, run, outbox, tmp_path, option, shown):
    put(run, outbox)
    ours, theirs = pty.openpty()
    child = subprocess.Popen([support.PROGRAM, "relay", "run", "--outbox", outbox, "--name", outbox,
                              "--to", "stdout", "--once", *option, "--endpoint-url",
                              shared.endpoint], stderr=theirs, stdout=subprocess.DEVNULL,
                             stdin=subprocess.DEVNULL, cwd=tmp_path, env=support.environment())
    os.close(theirs)
    text = b""
    try:
        while True:
            chunk = os.read(ours, 4096)
            if not chunk:
                break
            text += chunk
    except OSError:
        pass  # the terminal's other end is closed
    os.close(ours)
    assert child.wait(30) == 0
    assert (b"\r\x1b[K delivered " in text) == shown


# ---- stream ----


@pytest.fixture
def table(api, run):
    name = "table-%d" % len(api.call("ListTables")["TableNames"])
    support.create_table(api, name)
    for n in range(3):
        api.call("PutItem", TableName=name, Item={"pk": {"S": "a"}, "n": {"N": str(n)}})
    api.call("DeleteItem", TableName=name, Key={"pk": {"S": "a"}})
    return name


def test_stream_ls_and_desc(run, table):
    arn = json.loads(run("stream", "ls", table, "-o", "json").stdout)[0]["StreamArn"]
    assert arn.encode() in run("stream", "ls", table).stdout
    assert arn.encode() in run("stream", "ls").stdout
    described = json.loads(run("stream", "desc", table, "-o", "json").stdout)
    assert described["StreamArn"] == arn and described["StreamStatus"] == "ENABLED"
    assert len(described["Shards"]) == 4
    text = run("stream", "desc", table).stdout.decode()
    assert text.count("shard   ") == 4 and "view    NEW_AND_OLD_IMAGES" in text


def test_stream_tail_prints_the_changes_in_order(run, table):
    lines = [json.loads(line) for line in run("stream", "tail", table).stdout.splitlines()]
    assert [line["event"] for line in lines] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    assert lines[0]["keys"] == {"pk": "a"}
    assert [line.get("new", {}).get("n") for line in lines] == [0, 1, 2, None]
    assert [line.get("old", {}).get("n") for line in lines] == [None, 0, 1, 2]
    sequences = [int(line["sequence"]) for line in lines]
    assert sequences == sorted(set(sequences))


def test_stream_tail_ends_after_n(run, table):
    assert len(run("stream", "tail", table, "-n", "2").stdout.splitlines()) == 2
    assert run("stream", "tail", table, "-n", "0").stdout == b""


def test_stream_tail_from_latest_follows_until_a_signal(shared, api, keep, table, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        tail = keep(support.Process([support.PROGRAM, "stream", "tail", "-f", "--from", "trim",
                                     table, "--endpoint-url", shared.endpoint],
                                    tmp_path / "tail.log", stdout=out))
    lines = lambda: (tmp_path / "out").read_bytes().splitlines()
    support.wait_until(lambda: len(lines()) == 4, "what there was")
    api.call("PutItem", TableName=table, Item={"pk": {"S": "b"}})
    support.wait_until(lambda: len(lines()) == 5, "what came")
    assert json.loads(lines()[4])["new"] == {"pk": "b"}
    tail.signal(signal.SIGINT)
    assert tail.wait(10) == 0


def test_stream_tail_latest_leaves_out_what_was(shared, api, keep, table, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        tail = keep(support.Process([support.PROGRAM, "stream", "tail", "-f", "--from", "latest",
                                     table, "--endpoint-url", shared.endpoint],
                                    tmp_path / "tail.log", stdout=out))
    text = lambda: (tmp_path / "out").read_bytes()
    changes = [0]

    def put_and_look():  # each put changes the item: one that does not leaves no record
        changes[0] += 1
        api.call("PutItem", TableName=table, Item={"pk": {"S": "later"},
                                                   "n": {"N": str(changes[0])}})
        return text().endswith(b"\n")
    support.wait_until(put_and_look, "a change")
    events = [json.loads(line) for line in text().splitlines()]
    assert all(event["keys"] == {"pk": "later"} for event in events)
    assert tail.stop(10) == 0


def test_stream_tail_ends_when_its_reader_does(shared, table):
    tail = subprocess.Popen([support.PROGRAM, "stream", "tail", "-f", table, "--endpoint-url",
                             shared.endpoint], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                            env=support.environment())
    assert json.loads(tail.stdout.readline())["event"] == "INSERT"
    tail.stdout.close()
    api, changes = support.Api(shared.port), [0]

    def put_and_look():  # each put changes the item: one that does not leaves no record
        changes[0] += 1
        api.call("PutItem", TableName=table, Item={"pk": {"S": "later"},
                                                   "n": {"N": str(changes[0])}})
        return tail.poll() is not None
    support.wait_until(put_and_look, "the end")
    assert tail.returncode == 0


@pytest.mark.parametrize("words, code", [
    (["tail"], 64), (["tail", "a", "b"], 64), (["tail", "nowhere"], 3), (["desc"], 64),
    (["desc", "nowhere"], 3), (["ls", "a", "b"], 64), (["tail", "nowhere", "--from", "then"], 64),
    (["tail", "nowhere", "-n", "x"], 64), (["tail", "nowhere", "-n", "99999999999999999999"], 64),
])
def test_what_stream_refuses(run, words, code):
    done = run("stream", *words, code=code)
    assert done.stdout == b""
    assert done.stderr.startswith(b"weir: ")


def test_a_table_without_a_stream_says_so(run, api):
    api.call("CreateTable", TableName="streamless", BillingMode="PAY_PER_REQUEST",
             AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
             KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    assert b"has no stream" in run("stream", "desc", "streamless", code=3).stderr
    assert b"stream" in run("stream", "tail", "streamless", code=78).stderr


# ---- version, help, errors, stdout ----


def test_version():
    assert support.weir("version").stdout.startswith(b"weir ")
    assert support.weir("--version").stdout == support.weir("version").stdout
    document = json.loads(support.weir("version", "--output", "json").stdout)
    assert document["version"]
    assert "PutItem" in document["operations"] and "GetRecords" in document["operations"]
    assert not set(document["operations"]) & set(document["unsupportedOperations"])


def test_every_command_has_help():
    overview = support.weir("help").stdout.decode()
    assert support.weir("--help").stdout.decode() == overview
    listed = [line.split("  ")[1].strip() for line in overview.splitlines()
              if line.startswith("  ") and not line.strip()[0].isdigit()]
    assert {"serve", "dev", "relay run", "outbox put", "stream tail", "version"} <= set(listed)
    for command in listed:
        by_option = support.weir(*command.split(), "--help")
        assert by_option.returncode == 0 and by_option.stderr == b""
        assert by_option.stdout.startswith(b"usage: weir %s" % command.encode())
        assert support.weir("help", *command.split()).stdout == by_option.stdout


def test_a_group_has_help():
    for words in (["outbox", "--help"], ["outbox", "help"], ["help", "outbox"]):
        done = support.weir(*words)
        assert done.returncode == 0 and b"outbox put" in done.stdout and not done.stderr


@pytest.mark.parametrize("words", [
    [], ["brew"], ["outbox"], ["outbox", "brew"], ["serve", "--brew"], ["serve", "-x"],
    ["version", "--output"], ["version", "--output", "xml"], ["version", "extra"],
    ["version", "--log-format", "xml"], ["version", "--quiet=yes"], ["help", "brew"],
    ["help", "outbox", "brew"], ["relay", "run", "--o", "json"],
])
def test_usage_errors_are_64_on_stderr(words):
    done = support.weir(*words)
    assert done.returncode == 64
    assert done.stdout == b"" and done.stderr != b""


def test_errors_in_json_mode_are_json(run):
    done = run("stream", "desc", "nowhere", "-o", "json", code=3)
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "ResourceNotFoundException"
    assert "nowhere" in error["message"]
    assert error["request_id"]


def test_text_errors_name_the_services_code(run):
    assert b"(ResourceNotFoundException)" in run("stream", "desc", "nowhere", code=3).stderr


def test_L4_unreachable_is_told_apart(tmp_path):
    done = support.weir("stream", "ls", "--endpoint-url",
                        "http://127.0.0.1:%d" % support.free_port(), "-o", "json",
                        env=support.environment(AWS_MAX_ATTEMPTS="1"))
    assert done.returncode == 69
    assert json.loads(done.stderr)["error"]["code"] == "UNREACHABLE"


@pytest.mark.parametrize("words", [["version"], ["help"], ["serve", "--help"], ["config", "keys"],
                                   ["version", "-o", "json"]])
def test_a_result_that_cannot_be_written_is_a_failure(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([support.PROGRAM, *words], stdout=full, stderr=subprocess.PIPE,
                              timeout=30)
    assert done.returncode == 1
    assert b"could not be written" in done.stderr


def test_logs_are_json_when_asked(keep, tmp_path):
    server = keep(support.Serve(tmp_path, "--log-format", "json", memory=True))
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert [line["message"] for line in lines] == ["serving", "stopping"]
    assert lines[0]["endpoint"] == server.endpoint


def test_quiet_says_nothing(keep, tmp_path):
    server = keep(support.Serve(tmp_path, "--quiet", memory=True))
    assert server.stop() == 0
    assert server.log == ""
