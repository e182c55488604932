# SPDX-License-Identifier: Apache-2.0
"""The command line as somebody meets it who never saw it: help, slips of the hand, nothing
configured, where endpoint and region come from, and what a write says whose answer never came."""
import json
import os
import re
import subprocess

import pytest

import support
import terminal

COMMANDS = [line[len("## weir "):] for line in support.weir("help", "--markdown").stdout.decode()
            .splitlines() if line.startswith("## weir ")]
NOWHERE = "http://127.0.0.1:9"


def bare(**more):
    """An environment that says nothing of AWS."""
    kept = {name: value for name, value in support.environment().items()
            if not name.startswith("AWS_") and name != "HOME"}
    kept.update(AWS_EC2_METADATA_DISABLED="true", **more)
    return kept


def error_of(done):
    """The one JSON line on stderr; nothing is on stdout."""
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, done.stderr
    error = json.loads(lines[0])["error"]
    assert {"code", "message", "outcome", "request_id"} <= set(error)
    return error


# ---- help ----


def test_the_table_of_commands_was_read():
    assert len(COMMANDS) > 30 and "table ls" in COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_fits_and_is_well_said(command):
    done = support.weir(*command.split(), "--help")
    assert done.returncode == 0 and done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("usage: weir " + command)
    assert lines[2][0].islower() and not lines[2].endswith(".")
    assert [line for line in lines if len(line) > 100] == []
    options = [line for line in lines if re.match(r" +(-\w, )?--", line)]
    assert len(options) >= 10
    letters = re.findall(r"^ +-(\w), --", done.stdout.decode(), re.M)
    assert len(letters) == len(set(letters))


def test_the_list_of_commands_fits_a_terminal_of_80_columns():
    text = support.weir("help").stdout.decode()
    assert [line for line in text.splitlines() if len(line) > 80] == []
    for command in COMMANDS:
        assert "\n  %-18s " % command in text


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_usage_and_the_nearest_is_suggested(command, style):
    done = support.weir(*command.split(), "--verbsoe", "-o", style)
    assert done.returncode == 64 and done.stdout == b""
    told = error_of(done)["message"] if style == "json" else done.stderr.decode()
    assert "--verbsoe" in told and "did you mean --verbose?" in told
    done = support.weir(*command.split(), "--zzzzzzzz")
    assert done.returncode == 64
    assert "see weir %s --help" % command in done.stderr.decode()


@pytest.mark.parametrize("words, meant", [
    (["tabel"], "weir table?"), (["table", "lst"], "weir table ls?"),
    (["item", "gte"], "weir item get?"), (["dotcor"], "weir doctor?"),
    (["put"], "weir outbox put or weir item put?"), (["help", "tabel"], "weir table?"),
    (["man", "item", "scna"], "weir item scan?"), (["stream", "tial"], "weir stream tail?"),
])
def test_a_wrong_word_gets_the_one_that_was_meant(words, meant):
    done = support.weir(*words)
    assert done.returncode == 64 and done.stdout == b""
    assert done.stderr.decode().rstrip().endswith("did you mean " + meant)


@pytest.mark.parametrize("words", [["qqqq"], ["table", "qqqq"]])
def test_what_is_near_nothing_leads_to_help(words):
    done = support.weir(*words)
    assert done.returncode == 64
    assert b"did you mean" not in done.stderr and b"see weir help" in done.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if re.search(
    r"^`weir %s \[OPTION...\] [A-Z]" % re.escape(c),
    support.weir("help", "--markdown").stdout.decode(), re.M)])
def test_without_its_words_a_command_says_which_before_it_looks_for_a_server(command, tmp_path):
    done = support.weir(*command.split(), "-o", "json", cwd=tmp_path, env=bare())
    assert done.returncode == 64
    assert "is missing; usage: weir " + command in error_of(done)["message"]


@pytest.mark.parametrize("words", [["table", "create"], ["table", "wait", "orders", "soon"],
                                   ["stream", "tail", "orders", "--from", "here"]])
def test_what_is_wrong_with_the_words_is_said_first(words, tmp_path):
    assert support.weir(*words, cwd=tmp_path, env=bare()).returncode == 64


# ---- where the tables are ----


def test_a_newcomer_is_told_what_to_do(tmp_path):
    done = support.weir("table", "ls", cwd=tmp_path, env=bare())
    assert done.returncode == 78
    for told in (b"weir dev", b"--endpoint-url http://127.0.0.1:8000", b"AWS_REGION"):
        assert told in done.stderr


PLACES = [
    ("--endpoint-url", "--region"), ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_REGION"),
    ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"), ("weir.yaml", "weir.yaml"), ("profile", "profile"),
]
URLS = ["http://127.0.0.1:%d/" % (11 + i) for i in range(len(PLACES))]
REGIONS = ["eu-west-%d" % (i + 1) for i in range(len(PLACES))]


def told_at(folder, which):
    """The words and the environment in which these places say an endpoint and a region each."""
    words, env, yaml, profile = [], bare(HOME=str(folder)), "", "[default]\n"
    for i in which:
        endpoint, region = PLACES[i]
        if i == 0:
            words = [endpoint, URLS[i], region, REGIONS[i]]
        elif i < 3:
            env.update({endpoint: URLS[i], region: REGIONS[i]})
        elif i == 3:
            yaml = "endpoint: %s\nregion: %s\n" % (URLS[i], REGIONS[i])
        else:
            profile += "endpoint_url = %s\nregion = %s\n" % (URLS[i], REGIONS[i])
    (folder / "weir.yaml").write_text(yaml or "server: { port: 1 }\n")
    (folder / "aws-config").write_text(profile)
    env["AWS_CONFIG_FILE"] = str(folder / "aws-config")
    return words, env


@pytest.mark.parametrize("first, second", [(a, b) for a in range(5) for b in range(a + 1, 5)])
def test_of_two_places_the_first_decides_and_doctor_says_so(tmp_path, first, second):
    words, env = told_at(tmp_path, (first, second))
    done = support.weir("doctor", "--offline", "-o", "json", *words, cwd=tmp_path, env=env)
    found = {(f["area"], f["name"]): f["text"] for f in json.loads(done.stdout)["findings"]}
    for area, names, values in (("endpoint", [p[0] for p in PLACES], URLS),
                                ("region", [p[1] for p in PLACES], REGIONS)):
        assert found[area, names[first]] == values[first] + ": chosen"
        assert found[area, names[second]] == "%s: %s comes before it" % (values[second],
                                                                         names[first])
    done = support.weir("table", "ls", *words, cwd=tmp_path, env=dict(env, AWS_MAX_ATTEMPTS="1"))
    assert done.returncode == 69
    assert URLS[first].encode() in done.stderr


ANY = [
    ["table", "ls"], ["table", "desc", "orders"], ["item", "scan", "orders"],
    ["item", "get", "orders", "k"], ["item", "put", "orders", '{"pk":"k"}'], ["export", "orders"],
    ["import", "orders", "-"], ["outbox", "ls"], ["outbox", "stats"], ["stream", "ls"],
    ["stream", "desc", "orders"], ["stream", "tail", "orders"], ["dedup", "check", "w", "m"],
    ["dedup", "ls"], ["outbox", "put", "k", "--type", "T", "--payload", "x"],
    ["relay", "run", "--to", "stdout", "--once"],
]


@pytest.mark.parametrize("words", ANY, ids=" ".join)
def test_every_command_takes_the_endpoint_of_weir_yaml(tmp_path, words):
    (tmp_path / "weir.yaml").write_text("endpoint: %s\n" % NOWHERE)
    done = support.weir(*words, cwd=tmp_path, env=bare(AWS_MAX_ATTEMPTS="1"))
    assert done.returncode == 69, done.stderr
    assert NOWHERE.encode() in done.stderr
    (tmp_path / "weir.yaml").rename(tmp_path / "other.yaml")
    done = support.weir(*words, "--config", "other.yaml", cwd=tmp_path,
                        env=bare(AWS_MAX_ATTEMPTS="1"))
    assert done.returncode == 69, done.stderr


def test_a_file_endpoint_in_weir_yaml_needs_no_server(tmp_path):
    (tmp_path / "weir.yaml").write_text("endpoint: file:./shop\n")
    assert support.weir("table", "create", "orders", "--key", "pk:S", cwd=tmp_path,
                        env=bare()).returncode == 0
    assert b"orders" in support.weir("table", "ls", cwd=tmp_path, env=bare()).stdout


def test_ignored_endpoints_of_the_environment_leave_it_to_the_file(tmp_path):
    words, env = told_at(tmp_path, (1, 3))
    env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    done = support.weir("table", "ls", *words, cwd=tmp_path, env=dict(env, AWS_MAX_ATTEMPTS="1"))
    assert URLS[3].encode() in done.stderr


def test_an_unfinished_weir_yaml_stops_only_those_who_need_it(shared, tmp_path):
    (tmp_path / "weir.yaml").write_text("endpoint: ${NOT_DEFINED}\n")
    done = support.weir("table", "ls", cwd=tmp_path, env=bare(AWS_REGION="us-east-1"))
    assert done.returncode == 78 and b"weir.yaml:1" in done.stderr
    done = support.weir("table", "ls", "--endpoint-url", shared.endpoint, cwd=tmp_path,
                        env=bare(AWS_REGION="us-east-1"))
    assert done.returncode == 0, done.stderr
    done = support.weir("table", "ls", "--endpoint-url", shared.endpoint, "-f", "missing.yaml",
                        cwd=tmp_path, env=bare())
    assert done.returncode == 78 and b"missing.yaml" in done.stderr


def test_tail_keeps_its_f_and_others_read_a_configuration_by_it():
    assert b"-f, --follow" in support.weir("stream", "tail", "--help").stdout
    assert b"-f, --config" not in support.weir("stream", "tail", "--help").stdout
    assert b"-f, --config" in support.weir("table", "ls", "--help").stdout


# ---- writes without an answer ----


def weather(serve, rules):
    server = serve("--faults", rules, memory=True)
    support.create_table(support.Api(server.port), "orders")
    return server


@pytest.mark.parametrize("action, code, told", [
    ("drop_before", 69, "closed the connection before it answered"),
    ("drop_after", 69, "closed the connection before it answered"),
    ("cut", 69, "in the middle of its answer"), ("500_after", 1, "Internal server error"),
])
@pytest.mark.parametrize("words", [
    ["item", "put", "orders", '{"pk":"a"}', "--condition", "attribute_not_exists(pk)"],
    ["outbox", "put", "k", "--type", "T", "--payload", "x"],
], ids=["item", "outbox"])
def test_a_write_that_was_not_answered_says_that_nothing_is_known(serve, words, action, code, told):
    server = weather(serve, "PutItem:%s" % action)
    env = support.environment(AWS_MAX_ATTEMPTS="1")
    done = support.weir(*words, "--endpoint-url", server.endpoint, env=env)
    assert done.returncode == code and done.stdout == b""
    assert told in done.stderr.decode() and "rewind" not in done.stderr.decode()
    assert b"\nweir: whether it was applied is not known" in done.stderr
    done = support.weir(*words, "-o", "json", "--endpoint-url", server.endpoint, env=env)
    assert error_of(done)["outcome"] == "unknown"


@pytest.mark.parametrize("words, rules", [
    (["item", "put", "orders", '{"pk":"a"}'], "PutItem:throttle"),
    (["item", "get", "orders", "a"], "GetItem:drop_after"),
    (["table", "ls"], "ListTables:500"),
])
def test_reads_and_refused_writes_were_not_applied(serve, words, rules):
    server = weather(serve, rules)
    done = support.weir(*words, "-o", "json", "--endpoint-url", server.endpoint,
                        env=support.environment(AWS_MAX_ATTEMPTS="1"))
    assert done.returncode in (1, 69, 75)
    assert error_of(done)["outcome"] == "not_applied"


@pytest.mark.parametrize("action, code", [("drop_after", 69), ("500_after", 1), ("drop_before", 69)])
def test_batch_write_counts_what_may_be_written_apart(serve, action, code):
    server = weather(serve, "BatchWriteItem:%s@5-" % action)
    lines = b"".join(b'{"pk":"item %d"}\n' % i for i in range(600))
    done = support.weir("item", "batch-write", "orders", "-o", "json", "--endpoint-url",
                        server.endpoint, stdin=lines, env=support.environment(AWS_MAX_ATTEMPTS="1"))
    assert done.returncode == code
    summary, error = map(json.loads, done.stderr.decode().splitlines())
    stored = len(support.scan(support.Api(server.port), "orders"))
    assert error["error"]["outcome"] == "unknown"
    assert summary["unknown"] > 0
    assert summary["written"] <= stored <= summary["written"] + summary["unknown"]
    assert summary["written"] + summary["unknown"] <= summary["read"]


def test_a_server_that_dies_in_the_middle_of_a_batch_write(serve, tmp_path):
    server = weather(serve, "GetItem:throttle@1")
    child = subprocess.Popen(
        [support.PROGRAM, "item", "batch-write", "orders", "--endpoint-url", server.endpoint],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=support.environment(AWS_MAX_ATTEMPTS="2"))
    api = support.Api(server.port)
    child.stdin.write(b"".join(b'{"pk":"item %d"}\n' % i for i in range(500)))
    child.stdin.flush()
    support.wait_until(lambda: len(support.scan(api, "orders")) > 0, "the first items")
    server.kill()
    child.stdin.write(b"".join(b'{"pk":"more %d"}\n' % i for i in range(500)))
    told = child.communicate(timeout=60)[1].decode()
    assert child.returncode == 69
    assert re.search(r"^weir: wrote [\d,]+ items in ", told, re.M)
    assert "more read and not written" in told and "stopped at stdin:" in told


# ---- pipes ----


def test_a_reader_that_goes_away_ends_a_command_quietly(serve):
    server = weather(serve, "GetItem:throttle@1")
    lines = b"".join(b'{"pk":"item %d"}\n' % i for i in range(3000))
    assert support.weir("item", "batch-write", "orders", "--endpoint-url", server.endpoint, "-q",
                        stdin=lines).returncode == 0
    for words in (["item", "scan", "orders"], ["export", "orders", "-", "-q"],
                  ["stream", "tail", "orders"], ["help"], ["help", "--markdown"], ["man", "weir"]):
        if words == ["man", "weir"]:
            words = ["man"]
        done = subprocess.run("'%s' %s --endpoint-url %s | head -1; echo ${PIPESTATUS[0]}" % (
            support.PROGRAM, " ".join(words), server.endpoint), shell=True, executable="/bin/bash",
            capture_output=True, timeout=60, env=support.environment())
        assert done.stderr == b"", words
        assert len(done.stdout.splitlines()) == 2, (words, done.stdout)


def test_a_failure_stays_one_when_nobody_reads_the_result(tmp_path):
    done = subprocess.run("'%s' table ls --endpoint-url file:%s | exec <&-; echo ${PIPESTATUS[0]}" % (
        support.PROGRAM, tmp_path / "no" / "such" / "data"), shell=True, executable="/bin/bash",
        capture_output=True, timeout=60, env=support.environment())
    assert done.stdout == b"1\n" and b"No such file or directory" in done.stderr, done


@pytest.mark.parametrize("words", [["table", "ls", "--region", "r-1"], ["relay", "run"]])
def test_a_configuration_that_cannot_be_read_is_code_78(tmp_path, words):
    done = support.weir(*words, "--config", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 78 and b": Is a directory" in done.stderr


# ---- waiting ----


TRYING = b"the service cannot be reached; trying again"


@pytest.mark.parametrize("option, told", [("--no-progress", True), ("--quiet", False)])
def test_on_a_terminal_a_command_says_what_it_waits_for(option, told):
    nobody = "http://127.0.0.1:%d" % support.free_port()
    waiting = terminal.Terminal([support.PROGRAM, "table", "ls", option, "--endpoint-url", nobody])
    assert waiting.end() == 69
    assert waiting.shown.count(TRYING) == told


def test_without_a_terminal_only_verbose_says_what_it_waits_for():
    nobody = "http://127.0.0.1:%d" % support.free_port()
    assert b"trying again" not in support.weir("table", "ls", "--endpoint-url", nobody).stderr
    told = support.weir("table", "ls", "-v", "--endpoint-url", nobody).stderr
    assert told.count(b'debug trying again reason="the service cannot be reached"') == 1


@pytest.mark.parametrize("words", [["table", "ls"], ["help"], ["version"], ["item", "scan", "orders"]])
def test_a_closed_standard_output_is_no_success(serve, words):
    server = weather(serve, "GetItem:throttle@1")
    support.Api(server.port).call("PutItem", TableName="orders", Item={"pk": {"S": "a"}})
    done = subprocess.run("exec >&-; exec '%s' %s --endpoint-url %s" % (
        support.PROGRAM, " ".join(words), server.endpoint), shell=True, stderr=subprocess.PIPE,
        timeout=60, env=support.environment())
    assert done.returncode == 1 and b"standard output" in done.stderr, done.stderr


# ---- keys of a server that checks signatures ----


KEYS = "AKIDONE someSecretOfTheServer\n"


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(KEYS)
    path.chmod(0o600)
    (tmp_path / "weir.yaml").write_text("server: { require_signature: keys }\nregion: eu-west-1\n")
    return path


def test_env_offers_no_keys_that_the_server_refuses(keys, tmp_path):
    done = support.weir("env", cwd=tmp_path, env=bare())
    assert done.returncode == 0
    assert b"AWS_ENDPOINT_URL_DYNAMODB=" in done.stdout and b"KEY" not in done.stdout
    assert b"signed with a key of keys" in done.stderr and b"Secret" not in done.stderr
    keys.unlink()
    (tmp_path / "weir.yaml").unlink()
    done = support.weir("env", cwd=tmp_path, env=bare())
    assert b"AWS_ACCESS_KEY_ID='local'" in done.stdout and done.stderr == b""


@pytest.mark.parametrize("signed", [True, False])
def test_dev_prints_the_keys_that_work(keys, keep, tmp_path, signed):
    if not signed:
        (tmp_path / "weir.yaml").unlink()
    dev = keep(support.Process([support.PROGRAM, "dev", "--memory", "--port", "0"],
                               tmp_path / "dev.log", cwd=tmp_path, env=bare()))
    support.wait_until(lambda: "SECRET_ACCESS_KEY" in dev.log, "what dev prints")
    assert ("AWS_ACCESS_KEY_ID=local" in dev.log) is not signed
    assert ("one of the access keys that the server takes" in dev.log) is signed
    assert ("AWS_REGION=eu-west-1" in dev.log) is signed
    assert "someSecret" not in dev.log
    assert dev.stop() == 0
