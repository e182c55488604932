# SPDX-License-Identifier: Apache-2.0
"""M3: logs have levels, text and JSON, the ids a person needs; repeats are held; and no secret and
no payload shows anywhere, shown with planted ones.

What is planted: AWS keys and session token (environment, profile, credential process), the
password of a Redis sink, a message's payload and a header's value. What is searched: standard
output and error of every command, long-running and failing ones too, /metrics and other pages of
the server, and the command lines of what weir itself starts.
"""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest

import support

SECRETS = {name: "pLanted%sSecret0123456789" % name for name in (
    "EnvKey", "EnvToken", "ProfileKey", "ProcessKey", "ProcessToken", "Redis", "Payload", "Header",
    "Result", "DedupPayload", "Item")}
FORMATS = ["text", "json"]


def forms(secret):
    """As it is, and as Base64 would show it at each of the three alignments."""
    raw = secret.encode()
    yield raw
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + raw)[4:-4]


def find_secrets(data, but=()):
    return [name for name, secret in SECRETS.items() if name not in but
            and any(form in data for form in forms(secret))]


class Watch:
    """Runs things and keeps all they say."""

    def __init__(self, folder):
        self.folder, self.said = pathlib.Path(folder), []

    def run(self, *words, env, but=(), **more):
        done = support.weir(*words, env=env, cwd=self.folder, **more)
        self.said.append((words, done.stdout + done.stderr, but))
        return done

    def judge(self):
        assert self.said
        for words, text, but in self.said:
            assert find_secrets(text, but) == [], (words, text[-3000:])


@pytest.fixture
def watch(tmp_path):
    watch = Watch(tmp_path)
    yield watch
    watch.judge()


@pytest.fixture
def env(tmp_path):
    (tmp_path / ".aws").mkdir()
    answer = {"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
              "SecretAccessKey": SECRETS["ProcessKey"], "SessionToken": SECRETS["ProcessToken"]}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    (tmp_path / "broken.json").write_text(json.dumps(answer)[:-3])
    (tmp_path / ".aws/config").write_text(
        "[default]\nregion = us-east-1\n[profile process]\nregion = us-east-1\n"
        "credential_process = cat %s\n[profile broken]\nregion = us-east-1\n"
        "credential_process = cat %s\n[profile fails]\nregion = us-east-1\n"
        "credential_process = sh -c 'cat %s; exit 3'\n" % (
            tmp_path / "answer.json", tmp_path / "broken.json", tmp_path / "answer.json"))
    (tmp_path / ".aws/credentials").write_text(
        "[static]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = %s\n"
        "[half]\naws_secret_access_key = %s\n" % (SECRETS["ProfileKey"], SECRETS["ProfileKey"]))
    return support.environment(HOME=str(tmp_path), AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE",
                               AWS_SECRET_ACCESS_KEY=SECRETS["EnvKey"],
                               AWS_SESSION_TOKEN=SECRETS["EnvToken"])


def put_words(endpoint, *more):
    return ["outbox", "put", "k", "--type", "T", "--payload", SECRETS["Payload"], "--headers",
            json.dumps({"authorization": SECRETS["Header"]}), "--endpoint-url", endpoint, *more]


def pages_of(server):
    for path in ("/", "/metrics", "/health", "/livez", "/readyz", "/version", "/ready"):
        connection = support.http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        yield answer.read() + str(answer.getheaders()).encode()
        connection.close()


def command_lines_below(pid):
    """Of the processes that a process started."""
    found = b""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            if "PPid:\t%d\n" % pid in status.read_text():
                found += (status.parent / "cmdline").read_bytes()
        except OSError:
            pass
    return found


# ---- every command, and its failures ----


@pytest.mark.parametrize("style", FORMATS)
def test_M3_commands_and_their_errors_show_no_secret(watch, env, serve, style):
    server = serve("-v", "--log-format", style, env=env)
    out = ["-v", "--log-format", style, "-o", style]
    endpoint = ["--endpoint-url", server.endpoint]
    assert watch.run(*put_words(server.endpoint, "--id", "one", *out), env=env).returncode == 0
    assert watch.run(*put_words(server.endpoint, "--id", "one", *out), env=env).returncode == 4
    assert watch.run(*put_words("http://127.0.0.1:1", *out), env=dict(
        env, AWS_MAX_ATTEMPTS="1")).returncode == 69
    assert watch.run(*put_words("memory:", "--headers", "{" + SECRETS["Header"], *out),
                     env=env).returncode in (64, 65)
    watch.run(*put_words("file:%s" % (watch.folder / "data"), *out), env=env)  # held: a lock
    watch.run("outbox", "ls", *endpoint, "-v", "--log-format", style, env=env)
    watch.run("outbox", "stats", *endpoint, *out, env=env)
    claim = ["dedup", "claim", "w", "m", "--payload", SECRETS["DedupPayload"], *endpoint]
    token = watch.run(*claim, env=env).stdout.decode().strip()
    watch.run(*claim, *out, env=env)
    watch.run("dedup", "complete", "w", "m", "--token", token, "--result", SECRETS["Result"],
              *endpoint, *out, env=env)
    watch.run("dedup", "release", "w", "m", "--token", token, *endpoint, *out, env=env)
    watch.run("stream", "ls", *endpoint, *out, env=env)
    for name in ("static", "half", "process", "broken", "fails"):
        for target in (server.endpoint, "http://127.0.0.1:1",
                       "https://dynamodb.us-east-1.amazonaws.com"):
            done = watch.run("outbox", "stats", "--profile", name, "--endpoint-url", target,
                             "--request-timeout", "500ms", *out,
                             env=dict(env, AWS_MAX_ATTEMPTS="1"))
            assert target == server.endpoint or done.returncode != 0
            watch.run("doctor", "--profile", name, "--endpoint-url", target, "--request-timeout",
                      "500ms", *out, env=env)
    for page in pages_of(server):
        assert find_secrets(page) == []
    assert server.stop() == 0
    assert find_secrets(server.log.encode()) == []
    assert "info" in server.log


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("config", [
    'relays:\n  - to: { redis: { url: "redis://:%s@127.0.0.1:1" }\n',
    'relays:\n  - to: { redis: { url: "redis://:%s@127.0.0.1:port" } }\n',
    'relays:\n  - to: { redis: { url: "rediss://:%s@127.0.0.1:1" } }\n',
    'relays:\n  - to: { redis: { urk: "redis://:%s@127.0.0.1:1" } }\n',
    'relays:\n  - to: { redis: { url: "redis://:%s@127.0.0.1:1/x" } }\n',
    'relays:\n  - to: { redis: { url: "redis://:%s%%zz@127.0.0.1:1" } }\n',
])
def test_M3_a_wrong_configuration_shows_no_password(watch, env, style, config):
    (watch.folder / "weir.yaml").write_text(config % SECRETS["Redis"])
    out = ["-v", "--log-format", style, "-o", style]
    for words in (["relay", "run", "--once"], ["doctor"], ["dev", "--port", "0", "--memory"],
                  ["outbox", "ls"], ["env"], ["serve", "--memory", "--port", "70000"]):
        more = ["--endpoint-url", "memory:"] if words[0] != "env" else []
        done = watch.run(*words, *more, *out, env=env)
        assert words[0] in ("outbox", "doctor", "env") or done.returncode != 0


def test_M3_settings_of_the_command_line_are_not_repeated(watch, env):
    for value in ("redis://:%s@127.0.0.1:port", "rediss://:%s@h:1", "redis://:%s@", "%s"):
        done = watch.run("relay", "run", "--endpoint-url", "memory:", "--to", "redis", "--set",
                         "url=" + value % SECRETS["Redis"], env=env)
        assert done.returncode == 78, done.stderr
    watch.run("relay", "run", "--endpoint-url", "memory:", "--to", "redis", "--set",
              "pass=" + SECRETS["Redis"], env=env)


# ---- long-running commands ----


class SilentRedis(threading.Thread):
    """Refuses every command, repeating what it got as a rude server would."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.got = self.socket.getsockname()[1], b""
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
                self.got += connection.recv(65536)
                connection.sendall(b"-ERR no\r\n")
                connection.close()
            except OSError:
                return


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("command", ["relay", "dev"])
def test_M3_relays_show_no_secret(tmp_path, env, keep, serve, style, command):
    redis = keep(support.Redis(tmp_path, support.free_port()))
    subprocess.run(["redis-cli", "-p", str(redis.port), "config", "set", "requirepass",
                    SECRETS["Redis"]], check=True, capture_output=True)
    url = "redis://:%s@127.0.0.1:%d"
    (tmp_path / "weir.yaml").write_text("relays:\n" + "".join(
        '  - name: %s\n    to: { redis: { url: "%s" } }\n' % pair for pair in (
            ("good", url % (SECRETS["Redis"], redis.port)),
            ("down", url % (SECRETS["Redis"], 1)),
            ("wrong", url % (SECRETS["Redis"] + "wrong", redis.port)),
            ("rude", url % (SECRETS["Redis"], SilentRedis().port)))))
    out = ["-v", "--log-format", style]
    if command == "dev":
        port_file = tmp_path / "dev.port"
        process = keep(support.Process(
            [support.PROGRAM, "dev", "--memory", "--port", "0", "--port-file", str(port_file),
             *out], tmp_path / "dev.log", env, tmp_path))
        support.wait_until(port_file.exists, "the port file")
        endpoint, processes = "http://127.0.0.1:%s" % port_file.read_text().strip(), [process]
    else:
        endpoint = serve(env=env).endpoint
        support.weir("outbox", "put", "k", "--type", "T", "--payload", "first", "--endpoint-url",
                     endpoint, env=env)
        processes = [keep(support.Process(
            [support.PROGRAM, "relay", "run", "--name", name, "--endpoint-url", endpoint, *out],
            tmp_path / (name + ".log"), env, tmp_path)) for name in ("good", "down", "wrong",
                                                                     "rude")]
    assert support.weir(*put_words(endpoint), env=env).returncode == 0

    def logs():
        return "".join(process.log for process in processes)
    support.wait_until(lambda: logs().count("the sink cannot be reached") >= 3, "three sinks down")
    lines = [line for line in logs().splitlines() if "the sink cannot be reached" in line]
    for name in ("down", "wrong", "rude"):
        assert any(name in line for line in lines), lines  # which relay: an id a person needs
    for process in processes:
        assert find_secrets(command_lines_below(process.pid)) == []
        process.signal(signal.SIGTERM)
    for process in processes:
        assert process.wait() in (0, 69), process.log
    assert find_secrets(logs().encode()) == []
    if style == "json":
        for line in logs().splitlines():
            if line.startswith("{"):
                assert {"time", "level", "message"} <= set(json.loads(line)) or "error" in line


def test_M3_levels_are_as_asked(serve, tmp_path):
    quiet = serve("-q", name="quiet", data=tmp_path / "q")
    usual = serve(name="usual", data=tmp_path / "u")
    for server in (quiet, usual):
        assert server.stop() == 0
    assert quiet.log == ""
    assert re.search(r"^\S+Z info  serving endpoint=", usual.log, re.M)
    assert " debug " not in usual.log


def test_M3_a_message_that_stops_a_relay_is_named(shared, api, tmp_path):
    """Table, key and id of a row that cannot be read; what is in it stays unsaid."""
    table = "m3-bad-rows"
    support.weir("outbox", "put", "k", "-t", table, "--type", "T", "--payload", "x",
                 "--endpoint-url", shared.endpoint)
    api.call("PutItem", TableName=table, Item={
        "pk": {"S": "order-7"}, "sk": {"S": "message-9"}, "messageType": {"S": "T"},
        "payload": {"S": "%" + SECRETS["Payload"]}, "isPublished": {"BOOL": False},
        "createdAt": {"S": "2026-11-21T00:00:00.000Z"}})
    done = support.weir("relay", "run", "--outbox", table, "--to", "file", "--set",
                        "path=%s" % (tmp_path / "out"), "--once", "--endpoint-url",
                        shared.endpoint, "-v")
    assert done.returncode != 0
    assert b"order-7" in done.stderr and b"message-9" in done.stderr, done.stderr
    assert find_secrets(done.stdout + done.stderr) == []


def test_M3_errors_in_json_have_code_message_hint_and_request_id(shared):
    done = support.weir("outbox", "ls", "-t", "no-such-table", "-o", "json", "--endpoint-url",
                        shared.endpoint)
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "ResourceNotFoundException"
    assert error["message"] and error["hint"] and error["request_id"]
    done = support.weir("outbox", "ls", "-o", "json", "--endpoint-url", "http://127.0.0.1:1",
                        env=support.environment(AWS_MAX_ATTEMPTS="1"))
    assert "weir doctor" in json.loads(done.stderr)["error"]["hint"]


def test_the_search_would_find_what_is_there():
    for name, secret in SECRETS.items():
        assert find_secrets(b"before " + secret.encode() + b" after") == [name]
        for shift in range(3):
            assert find_secrets(base64.b64encode(b"y" * shift + secret.encode() + b"tail")) == [
                name]
    assert find_secrets(os.urandom(4096)) == []


# ---- a server that requires signatures ----


@pytest.mark.parametrize("style", FORMATS)
def test_M3_a_server_that_checks_signatures_shows_no_key(watch, env, serve, style):
    keys = watch.folder / "keys"
    keys.write_text("AKIAIOSFODNN7EXAMPLE %s\n" % SECRETS["ProfileKey"])
    keys.chmod(0o600)
    server = serve("-v", "--log-format", style, "--require-signature", str(keys), memory=True,
                   env=env)
    out = ["--endpoint-url", server.endpoint, "-v", "--log-format", style, "-o", style]
    good = dict(env, AWS_SECRET_ACCESS_KEY=SECRETS["ProfileKey"])
    good.pop("AWS_SESSION_TOKEN")
    assert watch.run("table", "ls", *out, env=good).returncode == 0
    assert watch.run("table", "ls", *out, env=env).returncode == 77  # another secret
    assert watch.run("doctor", *out, env=env).returncode == 1
    assert watch.run("doctor", *out, env=good).returncode == 0
    for page in pages_of(server):
        assert find_secrets(page) == []
    assert server.stop() == 0
    assert find_secrets(server.log.encode()) == []


@pytest.mark.parametrize("text", ["AKIAIOSFODNN7EXAMPLE\t\t%s trailing words\n", "%s\n",
                                  "AKIA %s\nAKIA %s\n", "\x00 %s\n"])
def test_M3_a_wrong_file_of_keys_is_not_repeated(watch, env, text):
    keys = watch.folder / "keys"
    keys.write_text(text.replace("%s", SECRETS["ProfileKey"]))
    keys.chmod(0o600)
    done = watch.run("serve", "--memory", "--port", "0", "--require-signature", str(keys), env=env)
    assert done.returncode != 0 and done.stderr


def relay_words(server, folder, *more):
    return ["relay", "run", "-v", "--endpoint-url", server.endpoint, "--to", "file", "--set",
            "path=" + str(folder / "out.jsonl"), *more]


def test_M3_a_lost_lease_names_pipeline_and_shard(serve, keep, tmp_path):
    server = serve(memory=True)
    api = support.Api(server.port)
    assert support.weir(*put_words(server.endpoint)).returncode == 0
    relay = keep(support.Process([support.PROGRAM, *relay_words(server, tmp_path)],
                                 tmp_path / "relay.log"))
    support.wait_until(lambda: (tmp_path / "out.jsonl").exists()
                       and (tmp_path / "out.jsonl").read_text().endswith("\n"), "the message")
    rows = [row for row in support.scan(api, "weir-positions") if "leaseOwner" in row]
    for row in rows:
        api.call("UpdateItem", TableName="weir-positions",
                 Key={"leaseKey": row["leaseKey"]},
                 UpdateExpression="SET leaseOwner = :o, leaseCounter = leaseCounter + :n",
                 ExpressionAttributeValues={":o": {"S": "somebody"}, ":n": {"N": "1000"}})
    assert relay.wait() != 0
    assert "pipeline relay" in relay.log and "another worker took the lease" in relay.log
    assert any(row["leaseKey"]["S"].rsplit("/", 1)[-1].rsplit(":", 1)[-1] in relay.log
               for row in rows), (rows, relay.log)
