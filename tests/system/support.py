# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: processes of the program, waits with deadlines, HTTP calls, and a
reader of what a sink received.

Every process is ended by its own pid. A wait names what it waits for and fails at its deadline.
"""
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", ROOT / "build/test")).resolve()
PROGRAM = os.environ.get("WEIR_PROGRAM", str(BUILD / "src/cli/weir"))
ORDERS = str(BUILD / "examples/orders/orders")
SOAK = os.environ.get("WEIR_SOAK") == "1"
SEED = int(os.environ.get("WEIR_SEED") or random.SystemRandom().randrange(1, 1 << 31))

sys.path.insert(0, str(ROOT / "tools"))
import verify_sink  # noqa: E402  the main job's verifier judges here too


def chance(name):
    """Chance of a test's own, from the run's seed."""
    return random.Random("%d %s" % (SEED, name))


def environment(**more):
    """The environment without what a developer's AWS set-up would change."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("AWS_", "WEIR_", "OUTBOX_"))}
    kept.update(AWS_EC2_METADATA_DISABLED="true", AWS_REGION="us-east-1",
                AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    kept.update(more)
    return kept


def installed_environment(prefix, **more):
    """The environment of somebody who ran `./dev install`."""
    library = next(prefix.rglob("libweir.so")).parent
    return environment(PKG_CONFIG_PATH=str(library / "pkgconfig"), LD_LIBRARY_PATH=str(library),
                       PKG_CONFIG_SYSROOT_DIR=str(prefix.parent.parent), **more)


# A header's library, where it is not libweir.
LIBRARY_OF = {"engine.h": "weir-engine", "relay.h": "weir-relay", "sink.h": "weir-relay"}


def libraries_of(source):
    """The pkg-config names of what a program needs, from the headers that it includes."""
    headers = re.findall(r"^#include <weir/(\w+\.h)>", source, re.M)
    return sorted({"weir"} | {LIBRARY_OF[name] for name in headers if name in LIBRARY_OF})


def compile_installed(source, program, env, *more):
    """Compiles a C program as the user of the installed libraries would, warnings as errors."""
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs"] + libraries_of(source.read_text()),
                                    text=True, env=env).split()
    return subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", str(source), *more] + flags +
                          ["-o", str(program)], env=env, text=True, capture_output=True, timeout=60)


def wait_until(ready, what, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        assert time.monotonic() < deadline, "%s: not within %d s" % (what, seconds)
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def weir(*words, stdin=b"", timeout=60, cwd=None, env=None):
    """Runs a command to its end."""
    return subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, timeout=timeout,
                          cwd=cwd, env=env or environment())


class Process:
    """A process whose stderr goes to a file."""

    def __init__(self, command, log, env=None, cwd=None, stdout=subprocess.DEVNULL):
        self.command, self.log_path = command, pathlib.Path(log)
        with open(log, "ab") as file:
            self.child = subprocess.Popen(command, stderr=file, stdout=stdout, cwd=cwd,
                                          stdin=subprocess.DEVNULL, env=env or environment())
        self.pid = self.child.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=30):
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s did not end within %d s\n%s" %
                                 (self.command[:3], seconds, self.log[-2000:])) from None

    def stop(self, seconds=30):
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.running():
            self.child.kill()
        return self.child.wait()

    def pending(self, number):
        """Whether the signal was sent and not yet taken."""
        for line in pathlib.Path("/proc/%d/status" % self.pid).read_text().splitlines():
            if line.startswith(("SigPnd:", "ShdPnd:")) and int(line.split()[1], 16) >> (
                    number - 1) & 1:
                return True
        return False


class Serve(Process):
    """`weir serve`; ready when the port file is there."""

    def __init__(self, folder, *options, name="serve", env=None, port=0, data=None, memory=False):
        folder = pathlib.Path(folder)
        port_file = folder / (name + ".port")
        port_file.unlink(missing_ok=True)
        kept = ["--memory"] if memory else ["--data", str(data or folder / "data")]
        super().__init__([PROGRAM, "serve", *kept, "--port", str(port), "--port-file",
                          str(port_file), *options], folder / (name + ".log"), env, folder)

        def ready():
            assert self.running(), "weir serve ended with %s\n%s" % (self.child.returncode,
                                                                     self.log)
            return port_file.exists()
        wait_until(ready, "the port file")
        self.port = int(port_file.read_text())
        self.endpoint = "http://127.0.0.1:%d" % self.port


class Redis(Process):
    """redis-server that keeps what it acknowledged."""

    def __init__(self, folder, port):
        super().__init__(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir",
                          str(folder), "--save", "", "--appendonly", "yes", "--appendfsync",
                          "always"], pathlib.Path(folder) / "redis.log", dict(os.environ))
        self.port = port

        def answers():
            assert self.running(), "redis-server ended"
            with contextlib.suppress(OSError), socket.create_connection(
                    ("127.0.0.1", port), 5) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        wait_until(answers, "redis-server")


class Unanswered(Exception):
    """The connection ended before an answer: what became of the call is unknown."""


class Api:
    """DynamoDB's JSON over one connection; one per thread."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def send(self, operation, body, headers=None, timeout=30):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        prefix = "DynamoDBStreams_20120810." if operation in (
            "ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"
        ) else "DynamoDB_20120810."
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": prefix + operation,
                "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/dynamodb/"
                "aws4_request, SignedHeaders=host, Signature=0"}
        sent.update(headers or {})
        try:
            self.connection.request("POST", "/", text, sent)
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Unanswered(operation) from error

    def call(self, operation, **body):
        status, answer = self.send(operation, body)
        assert status == 200, (operation, status, answer)
        return answer

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def create_table(api, name, view="NEW_AND_OLD_IMAGES"):
    api.call("CreateTable", TableName=name, BillingMode="PAY_PER_REQUEST",
             AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
             KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
             StreamSpecification={"StreamEnabled": True, "StreamViewType": view})


def scan(api, table):
    items, start = [], {}
    while True:
        page = api.call("Scan", TableName=table, ConsistentRead=True, **start)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def shards(api, table):
    arn = api.call("DescribeTable", TableName=table)["Table"]["LatestStreamArn"]
    found, start = [], {}
    while True:
        page = api.call("DescribeStream", StreamArn=arn, **start)["StreamDescription"]
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return arn, found
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


def iterator(api, arn, shard, kind="TRIM_HORIZON"):
    return api.call("GetShardIterator", StreamArn=arn, ShardId=shard["ShardId"],
                    ShardIteratorType=kind)["ShardIterator"]


def stream_records(api, table):
    """All records up to now, shard by shard."""
    arn, all_shards = shards(api, table)
    records = []
    for shard in all_shards:
        at = iterator(api, arn, shard)
        while at:
            page = api.call("GetRecords", ShardIterator=at)
            records += page["Records"]
            at = page.get("NextShardIterator") if page["Records"] else None
    return records


def produce(serve, folder, messages, keys=6, rate=None):
    """Orders with their messages, by the example program; to its end."""
    command = [ORDERS, "--endpoint", serve.endpoint, "--messages", str(messages), "--keys",
               str(keys)] + (["--rate", str(rate)] if rate else [])
    return Process(command, pathlib.Path(folder) / "orders.log")


def produced(process, seconds=60):
    assert process.wait(seconds) == 0, process.log


def judge_file(path):
    """Reads what the file sink holds now."""
    judge = verify_sink.Judge()
    source = verify_sink.FileSource(str(path))
    while source.read(judge):
        pass
    return judge


def judge_redis(port, stream="weir"):
    judge = verify_sink.Judge()
    source = verify_sink.RedisSource(port, stream)
    while source.read(judge):
        pass
    source.socket.close()
    return judge


def in_threads(work, count):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    return threads
