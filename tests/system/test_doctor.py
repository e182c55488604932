# SPDX-License-Identifier: Apache-2.0
"""weir doctor: which settings decide and why, what works, what to do; and weir env."""
import http.server
import json
import os
import shlex
import socket
import ssl
import subprocess
import threading
import time

import pytest

import support
import terminal


def examine(*words, code=0, **more):
    """The findings as {(area, name): finding}."""
    done = support.weir("doctor", "-o", "json", *words, **more)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    answer = json.loads(done.stdout)
    assert answer["ok"] == all(f["state"] != "fail" for f in answer["findings"])
    return {(f["area"], f["name"]): f for f in answer["findings"]}


def without(*names, **more):
    kept = support.environment(**more)
    for name in names:
        kept.pop(name, None)
    return kept


@pytest.fixture
def home(tmp_path):
    """An environment whose home folder is the test's own."""
    (tmp_path / ".aws").mkdir()
    return without("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", HOME=str(tmp_path))


class Http(threading.Thread):
    """A server that answers every request the same, and counts them."""

    def __init__(self, answer, context=None):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.answer, self.context, self.requests = (
            self.socket.getsockname()[1], answer, context, 0)
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            try:
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                connection.settimeout(10)
                connection.recv(65536)
                self.requests += 1
                if self.answer is None:
                    connection.recv(65536)  # until the client gives up
                else:
                    connection.sendall(self.answer)
            except OSError:
                pass
            connection.close()


def http_answer(date, body=b"{}"):
    return (b"HTTP/1.1 400 Bad Request\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (date.encode(), len(body), body))


# ---- what decides ----


def test_the_endpoint_that_decides_and_why_the_others_do_not(tmp_path, home):
    (tmp_path / ".aws/config").write_text(
        "[default]\nservices = s\nregion = eu-west-1\n[services s]\ndynamodb =\n"
        "  endpoint_url = http://127.0.0.1:5\n")
    (tmp_path / "weir.yaml").write_text("endpoint: http://127.0.0.1:2\n")
    more = dict(home, AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:3",
                AWS_ENDPOINT_URL="http://127.0.0.1:4")
    found = examine("--offline", "--endpoint-url", "http://127.0.0.1:1", cwd=tmp_path, env=more)
    chosen = {key: f for key, f in found.items() if key[0] == "endpoint" and f["state"] == "ok"}
    assert list(chosen) == [("endpoint", "--endpoint-url")]
    assert found["endpoint", "weir.yaml"]["text"] == \
        "http://127.0.0.1:2: --endpoint-url comes before it"
    found = examine("--offline", cwd=tmp_path, env=home)
    assert found["endpoint", "weir.yaml"]["text"] == "http://127.0.0.1:2: chosen"
    os.unlink(tmp_path / "weir.yaml")
    found = examine("--offline", cwd=tmp_path, env=more)
    assert found["endpoint", "AWS_ENDPOINT_URL_DYNAMODB"]["text"] == "http://127.0.0.1:3: chosen"
    assert "comes before" in found["endpoint", "AWS_ENDPOINT_URL"]["text"]
    found = examine("--offline", cwd=tmp_path, env=home)
    assert found["endpoint", "profile"]["text"] == "http://127.0.0.1:5: chosen"
    assert found["region", "profile"]["text"] == "eu-west-1: chosen"
    found = examine("--offline", cwd=tmp_path, code=1,
                    env=dict(more, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true"))
    assert found["endpoint", "the region's own"]["text"] == \
        "https://dynamodb.eu-west-1.amazonaws.com: chosen"
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" in found["endpoint", "AWS_ENDPOINT_URL"]["text"]


def test_every_source_of_credentials_has_its_line_in_order(tmp_path, home):
    (tmp_path / ".aws/config").write_text("[default]\nregion = eu-west-1\n")
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s3\n")
    found = examine("--offline", cwd=tmp_path, env=home)
    sources = [name for area, name in found if area == "credentials"]
    assert sources[0] == "env" and sources[-1] == "iam-role" and len(sources) == 10
    assert found["credentials", "shared-credentials-file"]["state"] == "ok"
    assert found["credentials", "iam-role"]["text"].endswith("AWS_EC2_METADATA_DISABLED is true")
    found = examine("--offline", cwd=tmp_path,
                    env=dict(home, AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="B"))
    assert found["credentials", "env"]["state"] == "ok"
    assert "earlier one" in found["credentials", "shared-credentials-file"]["text"]
    (tmp_path / ".aws/credentials").write_text(
        "[other]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s3\n")
    found = examine("--offline", "--profile", "other", "--region", "eu-west-1", cwd=tmp_path,
                    env=dict(home, AWS_ACCESS_KEY_ID="A", AWS_SECRET_ACCESS_KEY="B"))
    assert "profile was given" in found["credentials", "env"]["text"]
    assert found["credentials", "shared-credentials-file"]["state"] == "ok"


def test_no_credentials_at_all_fail_for_aws_and_not_on_this_machine(tmp_path, home):
    found = examine("--offline", "--region", "eu-west-1", cwd=tmp_path, env=home, code=1)
    assert found["credentials", "none"]["state"] == "fail"
    assert "AWS_ACCESS_KEY_ID" in found["credentials", "none"]["repair"]
    found = examine("--offline", "--endpoint-url", "http://127.0.0.1:1", cwd=tmp_path, env=home)
    assert found["credentials", "none"]["state"] == "note"


@pytest.mark.parametrize("config, words, name", [
    ("relays: [", [], "weir.yaml"),
    ("endpoints: x\n", [], "weir.yaml"),
    ("", ["--profile", "nobody"], "settings"),
    ("", ["--request-timeout", "soon"], "options"),
    ("", ["-f", "missing.yaml"], "weir.yaml"),
])
def test_a_wrong_configuration_is_code_78(tmp_path, home, config, words, name):
    if config:
        (tmp_path / "weir.yaml").write_text(config)
    found = examine("--offline", *words, cwd=tmp_path, env=home, code=78)
    failed = [f for f in found.values() if f["state"] == "fail"]
    assert name in [f["name"] for f in failed] and all(f["repair"] for f in failed)


# ---- what works ----


def test_a_server_that_works_is_code_0(tmp_path, shared):
    found = examine("--endpoint-url", shared.endpoint, cwd=tmp_path)
    for name in ("connection", "answer", "clock", "ListTables"):
        assert found["reaching it", name]["state"] == "ok"
    assert found["reaching it", "keys"]["text"].startswith("te..., from env")


def test_tables_of_the_configuration(tmp_path, shared, api):
    options = ["--endpoint-url", shared.endpoint]
    support.weir("outbox", "put", "k", "-t", "good", "--type", "T", "--payload", "x", *options)
    support.create_table(api, "keys-only", view="KEYS_ONLY")
    api.call("CreateTable", TableName="no-stream", BillingMode="PAY_PER_REQUEST",
             AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
             KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    (tmp_path / "weir.yaml").write_text(
        "outboxes:\n  - table: good\n  - table: keys-only\n  - table: no-stream\n"
        "  - { table: absent, create: no }\n  - { table: later }\n"
        "relays:\n  - from: { outbox: good }\n    to: { file: { path: out.jsonl } }\n")
    found = examine(*options, cwd=tmp_path, code=1)
    states = {name: f["state"] for (area, name), f in found.items() if area == "tables"}
    assert states == {"good": "ok", "good: stream": "ok", "good: TTL": "ok", "keys-only": "ok",
                      "keys-only: stream": "fail", "keys-only: TTL": "warn", "no-stream": "ok",
                      "no-stream: stream": "fail", "no-stream: TTL": "warn", "absent": "fail",
                      "later": "warn", "weir-positions": "warn"}
    assert found["sinks", "relay"]["state"] == "ok"
    assert all(f.get("repair") for f in found.values() if f["state"] in ("fail", "warn"))


@pytest.fixture
def redis(keep, tmp_path):
    return keep(support.Redis(tmp_path, support.free_port()))


def test_sinks_of_the_configuration(tmp_path, redis):
    subprocess.run(["redis-cli", "-p", str(redis.port), "config", "set", "requirepass", "right"],
                   check=True, capture_output=True)
    (tmp_path / "weir.yaml").write_text("relays:\n" + "".join(
        "  - name: %s\n    to: %s\n" % pair for pair in {
            "in": '{ redis: { url: "redis://:right@127.0.0.1:%d" } }' % redis.port,
            "out": '{ redis: { url: "redis://:wrong@127.0.0.1:%d" } }' % redis.port,
            "bare": '{ redis: { url: "redis://127.0.0.1:%d" } }' % redis.port,
            "down": '{ redis: { url: "redis://127.0.0.1:1" } }',
            "folder": "{ file: { path: missing/out.jsonl } }",
            "shown": "stdout"}.items()))
    found = examine("--endpoint-url", "memory:", cwd=tmp_path, code=1)
    assert {name: f["state"] for (area, name), f in found.items() if area == "sinks"} == {
        "in": "ok", "out": "fail", "bare": "fail", "down": "fail", "folder": "fail", "shown": "ok"}
    assert "WRONGPASS" in found["sinks", "out"]["text"]
    assert "refused" in found["sinks", "down"]["text"]


def test_each_step_to_an_endpoint_has_its_own_repair(tmp_path):
    found = examine("--endpoint-url", "http://127.0.0.1:1", cwd=tmp_path, code=1)
    assert found["reaching it", "connection"]["state"] == "fail"
    found = examine("--endpoint-url", "http://no-such-host.invalid", cwd=tmp_path, code=1)
    assert found["reaching it", "name"]["state"] == "fail"
    server = Http(http_answer("Sat, 21 Nov 2026 00:00:00 GMT"))
    found = examine("--endpoint-url", "https://127.0.0.1:%d" % server.port, cwd=tmp_path, code=1)
    assert found["reaching it", "TLS"]["state"] == "fail"
    found = examine("--endpoint-url", "ftp://x", cwd=tmp_path, code=78)
    assert found["reaching it", "URL"]["state"] == "fail"


def test_a_certificate_of_nobody_is_told_from_an_endpoint_that_is_down(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    str(tmp_path / "key"), "-out", str(tmp_path / "crt")], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    url = "https://127.0.0.1:%d" % Http(http_answer(date), context).port
    found = examine("--endpoint-url", url, cwd=tmp_path, code=1)
    assert found["reaching it", "TLS"]["state"] == "fail"
    assert "certificate" in found["reaching it", "TLS"]["text"]
    found = examine("--endpoint-url", url, cwd=tmp_path, code=1,
                    env=support.environment(AWS_CA_BUNDLE=str(tmp_path / "crt")))
    assert found["reaching it", "TLS"]["state"] == "ok"


@pytest.mark.parametrize("shift, state", [(-2 * 3600, "fail"), (120, "warn"), (0, "ok")])
def test_a_clock_that_is_wrong(tmp_path, shift, state):
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + shift))
    server = Http(http_answer(date))
    found = examine("--endpoint-url", "http://127.0.0.1:%d" % server.port, cwd=tmp_path, code=1)
    assert found["reaching it", "clock"]["state"] == state


@pytest.mark.parametrize("exception, status", [
    (b"UnrecognizedClientException", "fail"), (b"AccessDeniedException", "warn")])
def test_credentials_that_are_refused(tmp_path, exception, status):
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    server = Http(http_answer(date, b'{"__type":"com.amazon#%s","message":"no"}' % exception))
    found = examine("--endpoint-url", "http://127.0.0.1:%d" % server.port, cwd=tmp_path,
                    code=1 if status == "fail" else 0)
    assert found["reaching it", "ListTables"]["state"] == status


def test_it_never_hangs(tmp_path):
    server = Http(None)
    began = time.monotonic()
    found = examine("--endpoint-url", "http://127.0.0.1:%d" % server.port, "--request-timeout", "300ms",
                    cwd=tmp_path, code=1)
    assert found["reaching it", "answer"]["state"] == "fail"
    assert time.monotonic() - began < 30


class HangsAfter(http.server.BaseHTTPRequestHandler):
    """Lists its tables, and never describes one."""
    over = threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.headers["X-Amz-Target"].endswith("ListTables"):
            self.over.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def test_all_steps_together_are_bounded_too(tmp_path):
    (tmp_path / "weir.yaml").write_text(
        "outboxes:\n" + "".join("  - table: t%d\n" % n for n in range(30)))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), HangsAfter)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = examine("--endpoint-url", "http://127.0.0.1:%d" % server.server_port,
                    "--request-timeout", "200ms", cwd=tmp_path, code=1)
    HangsAfter.over.set()
    server.shutdown()
    assert found["time", "bound"]["text"] == "given up after 2.0 s while looking at tables"
    assert found["reaching it", "ListTables"]["state"] == "ok"


def test_a_credential_process_that_never_ends_is_given_up(tmp_path, home):
    (tmp_path / ".aws/config").write_text("[default]\nregion = eu-west-1\n"
                                          "credential_process = sleep 600\n")
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    server = Http(http_answer(date))
    found = examine("--endpoint-url", "http://localhost.localdomain:%d" % server.port, "--request-timeout",
                    "500ms", cwd=tmp_path, env=home, code=1)
    failed = [f["name"] for f in found.values() if f["state"] == "fail"]
    assert failed in (["keys"], ["name"], ["connection"])


def test_offline_sends_nothing(tmp_path):
    server = Http(http_answer("Sat, 21 Nov 2026 00:00:00 GMT"))
    examine("--offline", "--endpoint-url", "http://127.0.0.1:%d" % server.port, cwd=tmp_path)
    assert server.requests == 0


def test_the_data_folder_and_who_holds_it(tmp_path, serve):
    found = examine("--offline", "--endpoint-url", "memory:", cwd=tmp_path)
    assert found["data folder", ".weir"]["state"] == "note"
    assert not (tmp_path / ".weir").exists()
    server = serve(data=tmp_path / ".weir")
    found = examine("--offline", "--endpoint-url", "memory:", cwd=tmp_path)
    assert str(server.pid) in found["data folder", "holder"]["text"]
    assert server.endpoint in found["data folder", "holder"]["text"]
    assert server.stop() == 0
    found = examine("--offline", "--endpoint-url", "memory:", cwd=tmp_path)
    assert found["data folder", "holder"]["text"] == "no process has it open"
    (tmp_path / "file").write_text("")
    found = examine("--offline", "--endpoint-url", "memory:", "-d", "file", cwd=tmp_path, code=1)
    assert found["data folder", "file"]["state"] == "fail"


def test_looking_at_a_store_does_not_make_it(tmp_path):
    examine("--endpoint-url", "file:store", cwd=tmp_path)
    assert not (tmp_path / "store").exists()


# ---- how it looks ----


def test_marks_and_colours_are_for_terminals_that_have_them():
    words = ["doctor", "--offline", "--endpoint-url", "memory:"]
    env = support.environment(LC_ALL="C.UTF-8", TERM="xterm")
    shown = terminal.shown(*words, env=env)
    assert "\u221a" in shown and "\033[32m" in shown
    shown = terminal.shown(*words, env=dict(env, NO_COLOR="1"))
    assert "\u221a" in shown and "\033" not in shown
    assert "\033" in terminal.shown(*words, "--color", "always", env=dict(env, NO_COLOR="1"))
    assert "\033" not in terminal.shown(*words, "--color=never", env=dict(env, CLICOLOR_FORCE="1"))
    assert "\033" not in terminal.shown(*words, env=dict(env, TERM="dumb"))
    shown = terminal.shown(*words, env=dict(env, LC_ALL="C"))
    assert "  ok" in shown.replace("\033[32m", "") and "\u221a" not in shown
    piped = support.weir(*words).stdout.decode()
    assert "\033" not in piped and "\u221a" not in piped and "\n  ok  " in piped
    forced = support.weir(*words, env=dict(env, CLICOLOR_FORCE="1")).stdout.decode()
    assert "\033[32m" in forced


# ---- weir env ----


def exports(text):
    return {word.partition("=")[0]: shlex.split(word)[0].partition("=")[2] if "=" in word else None
            for word in (line.partition(" ")[2] for line in text.splitlines())}


def test_env_is_taken_by_boto3(tmp_path, shared):
    # boto3 reads the endpoint's variables by itself from 1.28 on, Debian's is older.
    script = ("import boto3, os; names = ('dynamodb', 'dynamodbstreams'); "
              "urls = (os.environ['AWS_ENDPOINT_URL_' + n] for n in ('DYNAMODB', "
              "'DYNAMODB_STREAMS')); "
              "tables, streams = (boto3.client(n, endpoint_url=u) for n, u in zip(names, urls)); "
              "print(tables.list_tables()['TableNames'], streams.list_streams()['Streams'], True)")
    shell = 'eval "$(%s env --endpoint-url %s)" && /usr/bin/python3 -c "%s"' % (
        shlex.quote(support.PROGRAM), shared.endpoint, script)
    env = without("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", HOME=str(tmp_path),
                  AWS_SESSION_TOKEN="left over")
    for name in ("bash", "zsh"):
        done = subprocess.run([name, "-c", shell], env=env, capture_output=True, timeout=60)
        assert done.returncode == 0 and b"True" in done.stdout, done.stderr


@pytest.mark.parametrize("value", [
    "http://127.0.0.1:8000/it's", "http://127.0.0.1:8000/$(touch x)`touch x`\\\"\\\\'\\'"])
def test_env_is_quoted_for_each_shell(tmp_path, value):
    """The region of weir.yaml may hold anything."""
    (tmp_path / "weir.yaml").write_text("region: " + json.dumps(value) + "\n")
    for shell, command in {
            "bash": 'eval "$(%s env)"; printf %%s "$AWS_REGION"',
            "zsh": 'eval "$(%s env --shell zsh)"; printf %%s "$AWS_REGION"',
            "fish": "%s env -s fish | source; printf %%s $AWS_REGION"}.items():
        done = subprocess.run([shell, "-c", command % shlex.quote(support.PROGRAM)], cwd=tmp_path,
                              env=support.environment(HOME=str(tmp_path)), capture_output=True,
                              timeout=60)
        assert done.stdout.decode() == value, (shell, done.stderr)
        assert not (tmp_path / "x").exists()


def test_env_takes_the_endpoint_from_option_configuration_or_default(tmp_path):
    def endpoint(*words):
        done = support.weir("env", "-o", "json", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["AWS_ENDPOINT_URL_DYNAMODB"]
    assert endpoint() == "http://127.0.0.1:8000"
    (tmp_path / "weir.yaml").write_text("server: { port: 8123 }\n")
    assert endpoint() == "http://127.0.0.1:8123"
    (tmp_path / "weir.yaml").write_text("endpoint: http://127.0.0.1:9\n")
    assert endpoint() == "http://127.0.0.1:9"
    assert endpoint("--endpoint-url", "http://127.0.0.1:7") == "http://127.0.0.1:7"


def test_env_gives_no_dummy_keys_for_a_server_elsewhere(tmp_path):
    done = support.weir("env", "--endpoint-url", "https://dynamodb.eu-west-1.amazonaws.com",
                        "--region", "eu-west-1", cwd=tmp_path)
    found = exports(done.stdout.decode())
    assert found["AWS_REGION"] == "eu-west-1" and "AWS_ACCESS_KEY_ID" not in found


@pytest.mark.parametrize("words, code", [
    (["--endpoint-url", "file:x"], 64), (["--endpoint-url", "memory:"], 64),
    (["--endpoint-url", "nonsense"], 78), (["--shell", "tcsh"], 64), (["-f", "missing"], 78)])
def test_env_prints_nothing_when_it_fails(tmp_path, words, code):
    done = support.weir("env", *words, cwd=tmp_path)
    assert done.returncode == code and done.stdout == b"" and done.stderr
