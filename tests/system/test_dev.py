# SPDX-License-Identifier: Apache-2.0
"""`weir dev` and what `weir serve` and `weir relay` read from weir.yaml."""
import json
import signal

import pytest

import support

CONFIG = """\
server: { port: 0, data: data }
outboxes:
  - table: orders-outbox
  - { table: mail-outbox, retention: 1h }
relays:
  - name: orders
    from: { outbox: orders-outbox }
    to: { file: { path: orders.jsonl } }
  - name: mail
    from: { outbox: mail-outbox }
    to: { file: { path: "${MAIL_FILE}" } }
    mark: none
"""


class Dev(support.Process):
    def __init__(self, folder, *options, **more):
        port_file = folder / "port"
        port_file.unlink(missing_ok=True)
        super().__init__([support.PROGRAM, "dev", "--port-file", str(port_file), *options],
                         folder / "dev.log", support.environment(**more), folder)
        support.wait_until(lambda: port_file.exists() or not self.running(), "the port file")
        self.port = int(port_file.read_text()) if port_file.exists() else None
        self.endpoint = "http://127.0.0.1:%s" % self.port


@pytest.fixture
def dev(keep, tmp_path):
    return lambda *options, **more: keep(Dev(tmp_path, *options, **more))


def put(running, table, key, payload):
    done = support.weir("outbox", "put", key, "-t", table, "--type", "T", "--payload", payload,
                        "--endpoint-url", running.endpoint)
    assert done.returncode == 0, done.stderr


def data_of(path):
    if not path.exists():
        return []
    return [json.loads(line)["data"] for line in path.read_text().splitlines()]


def test_dev_runs_every_relay_and_keeps_its_data(dev, tmp_path):
    (tmp_path / "weir.yaml").write_text(CONFIG)
    for round in range(2):
        running = dev(MAIL_FILE="mail.jsonl")
        export = "export AWS_ENDPOINT_URL_DYNAMODB=%s " % running.endpoint
        support.wait_until(lambda: export in running.log, "the exports")
        put(running, "orders-outbox", "a", "order %d" % round)
        put(running, "mail-outbox", "a", "mail %d" % round)
        wanted = [str(n) for n in range(round + 1)]
        support.wait_until(lambda: data_of(tmp_path / "orders.jsonl") == [
            "order " + n for n in wanted], "orders")
        support.wait_until(lambda: data_of(tmp_path / "mail.jsonl") == [
            "mail " + n for n in wanted], "mail")
        running.signal(signal.SIGINT)
        assert running.wait() == 0, running.log


def test_with_a_json_log_there_is_nothing_else_on_stderr(dev):
    running = dev("--memory", "--port", "0", "--log-format", "json")
    assert running.stop() == 0
    assert [json.loads(line)["message"] for line in running.log.splitlines()][-1] == "stopping"


def test_dev_works_without_a_configuration(dev, tmp_path):
    running = dev("--memory", "--port", "0")
    assert support.Api(running.port).call("ListTables") == {"TableNames": []}
    assert "there is no weir.yaml" in running.log
    assert running.stop() == 0
    assert not (tmp_path / ".weir").exists()


def test_dev_ends_with_the_failure_of_a_relay(dev, tmp_path):
    (tmp_path / "weir.yaml").write_text(CONFIG)
    running = dev("--memory", MAIL_FILE="mail.jsonl")
    support.wait_until(lambda: running.log.count("relaying") == 2, "the relays")
    support.Api(running.port).call("PutItem", TableName="mail-outbox",
                                   Item={"pk": {"S": "a"}, "sk": {"S": "id"},
                                         "messageType": {"S": "T"}, "payload": {"S": "no Base64"}})
    assert running.wait() == 65
    assert "a relay ended" in running.log and "relay=mail" in running.log


@pytest.mark.parametrize("text, told", [
    ("relays:\n  - nam: x\n", "weir.yaml:2:5: unknown key \"nam\"; did you mean \"name\"?"),
    ("relays:\n  - to: stdout\n  - to: stdout\n", "weir.yaml:3:5: a relay named \"relay\""),
    ("relays:\n  - { name: x }\n", "needs a sink"),
    ("relays:\n  - to: { file: {} }\n", "path"),
    ("relays:\n  - to: { stdout: {}, file: { path: x } }\n", "weir.yaml:2:9: a relay has one sink"),
    ("server:\n  port: ${NO_SUCH_PORT}\n", "weir.yaml:2:9: variable NO_SUCH_PORT is not defined"),
])
def test_dev_names_what_is_wrong_with_the_configuration(dev, tmp_path, text, told):
    (tmp_path / "weir.yaml").write_text(text)
    running = dev("--memory", "--port", "0")
    assert running.wait() == 78
    assert told in running.log


def test_serve_takes_its_server_keys_from_the_file(keep, tmp_path):
    (tmp_path / "weir.yaml").write_text("region: eu-west-1\n"
                                        "server: { data: from-file, port: 1, durability: relaxed }\n")
    port_file = tmp_path / "port"
    server = keep(support.Process([support.PROGRAM, "serve", "--port", "0", "--port-file",
                                   str(port_file)], tmp_path / "serve.log", cwd=tmp_path))
    support.wait_until(port_file.exists, "the port file")
    api = support.Api(int(port_file.read_text()))
    support.create_table(api, "table")
    arn = api.call("DescribeTable", TableName="table")["Table"]["TableArn"]
    assert arn.startswith("arn:aws:dynamodb:eu-west-1:")
    assert (tmp_path / "from-file").is_dir()
    assert server.stop() == 0


def test_relay_takes_endpoint_and_relay_by_name_from_the_file(serve, tmp_path):
    server = serve(memory=True)
    (tmp_path / "weir.yaml").write_text("endpoint: \"%s\"\n" % server.endpoint + CONFIG)
    put(server, "mail-outbox", "a", "mail")
    environment = support.environment(MAIL_FILE="mail.jsonl")
    run = support.weir("relay", "run", "--once", cwd=tmp_path, env=environment)
    assert run.returncode == 78
    assert b"--name says which relay of the configuration: orders, mail" in run.stderr
    run = support.weir("relay", "run", "--once", "--name", "mail", cwd=tmp_path, env=environment)
    assert run.returncode == 0, run.stderr
    assert data_of(tmp_path / "mail.jsonl") == ["mail"]
    assert not (tmp_path / "orders.jsonl").exists()


def test_a_settings_flag_goes_over_the_files(serve, tmp_path):
    server = serve(memory=True)
    (tmp_path / "weir.yaml").write_text("relays:\n  - to: { file: { path: from-file } }\n")
    put(server, "outbox", "a", "text")
    run = support.weir("relay", "run", "--once", "--set", "path=from-flag", "--endpoint-url",
                       server.endpoint, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert data_of(tmp_path / "from-flag") == ["text"]
    assert not (tmp_path / "from-file").exists()
