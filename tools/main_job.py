#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job: orders and their messages, committed in one transaction on the embedded engine,
carried from the table's stream to a sink, and checked by what the sink received.

Four processes: the engine (weir serve), the producer (examples/orders), the relay (weir relay run)
and the verifier (verify_sink.py). With --memory engine, producer and relay are one process.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STALL_S = 120       # no progress for that long is a failure
START_S = 60
KILLS = 6


class Failure(Exception):
    pass


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev run", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--messages", type=int, help="how many (1000 when stderr is no terminal; "
                        "otherwise until Ctrl-C)")
    parser.add_argument("--keys", type=int, default=100, help="ordering keys (100)")
    parser.add_argument("--sink", choices=["file", "redis"], default="file")
    parser.add_argument("--crash", action="store_true",
                        help="kill the relay with SIGKILL at random moments")
    parser.add_argument("--seed", type=int, help="of the random moments; printed")
    parser.add_argument("--memory", action="store_true",
                        help="engine, producer and relay in one process, in memory")
    options = parser.parse_args()
    if options.messages is None and not sys.stderr.isatty():
        options.messages = 1000
    if options.messages is not None and options.messages < 1:
        parser.error("--messages must be at least 1")
    if not 1 <= options.keys <= 9999:
        parser.error("--keys must be 1 to 9999")
    if options.memory and (options.crash or options.sink != "file"):
        parser.error("--memory is one process with the file sink: without --crash and --sink")
    if options.crash and options.messages is None:
        options.messages = 20000
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 1 << 31)
    return options


class Job:
    def __init__(self, options):
        self.options = options
        self.weir = os.path.join(options.build, "src/cli/weir")
        self.orders = os.path.join(options.build, "examples/orders/orders")
        self.folder = tempfile.mkdtemp(prefix="weir-run-")
        self.children = {}
        self.report = {"received": 0, "distinct": 0, "duplicated": 0, "last": ""}
        self.final = None
        self.committed = 0
        self.kills = 0
        self.terminal = sys.stderr.isatty()
        self.started = time.monotonic()
        self.interrupted = False

    def path(self, name):
        return os.path.join(self.folder, name)

    # ---- processes ----

    def start(self, name, command, **more):
        log = open(self.path(name + ".log"), "ab")
        child = subprocess.Popen(command, stderr=log, start_new_session=True, **more)
        self.children[name] = child
        return child

    def end(self, name, deadline_s=30):
        """SIGTERM, and exit code 0 within the deadline: a clean end is part of the job."""
        child = self.children.pop(name)
        child.terminate()
        try:
            code = child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise Failure("%s did not end within %d s of SIGTERM" % (name, deadline_s))
        if code != 0:
            raise Failure("%s ended with exit code %d\n%s" % (name, code, self.log_tail(name)))

    def log_tail(self, name):
        try:
            with open(self.path(name + ".log"), "rb") as log:
                return log.read()[-2000:].decode(errors="replace")
        except OSError:
            return ""

    def check_alive(self):
        for name, child in self.children.items():
            if name != "producer" and child.poll() is not None:
                raise Failure("%s ended early with exit code %d\n%s" %
                              (name, child.returncode, self.log_tail(name)))

    def wait_for(self, what, ready):
        deadline = time.monotonic() + START_S
        while not ready():
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failure("%s was not ready within %d s" % (what, START_S))
            time.sleep(0.02)

    # ---- the four ----

    def start_engine(self):
        port_file = self.path("port")
        self.start("engine", [self.weir, "serve", "--data", self.path("data"), "--port", "0",
                              "--port-file", port_file], stdout=subprocess.DEVNULL)
        self.wait_for("the engine", lambda: os.path.exists(port_file))
        with open(port_file) as file:
            self.endpoint = "http://127.0.0.1:%d" % int(file.read())

    def start_redis(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.redis_port = probe.getsockname()[1]
        self.start("redis", ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1",
                             "--dir", self.folder, "--save", "", "--appendonly", "no"],
                   stdout=subprocess.DEVNULL)

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.redis_port)) == 0
        self.wait_for("redis-server", answers)

    def write_config(self):
        if self.options.sink == "redis":
            sink = "redis: { url: \"redis://127.0.0.1:%d\", stream: weir }" % self.redis_port
        else:
            sink = "file: { path: \"%s\" }" % self.path("delivered.jsonl")
        with open(self.path("weir.yaml"), "w") as file:
            file.write("endpoint: \"%s\"\n"
                       "relays:\n"
                       "  - name: orders\n"
                       "    from: { outbox: outbox }\n"
                       "    to: { %s }\n"
                       "    mark: update\n" % (self.endpoint, sink))

    def start_relay(self):
        self.start("relay", [self.weir, "relay", "run", "--config", self.path("weir.yaml")],
                   stdout=subprocess.DEVNULL)

    def start_producer(self):
        command = [self.orders, "--keys", str(self.options.keys), "--messages",
                   str(self.options.messages or 0)]
        if self.options.memory:
            command += ["--endpoint", "memory:", "--deliver-to", self.path("delivered.jsonl")]
        else:
            command += ["--endpoint", self.endpoint]
        if self.options.crash:
            # Slow enough that every kill finds the relay at work.
            command += ["--rate", str(max(50, self.options.messages // 10))]
        child = self.start("producer", command, stdout=subprocess.PIPE)
        threading.Thread(target=self.read_producer, args=(child,), daemon=True).start()

    def read_producer(self, child):
        for line in child.stdout:
            self.committed = int(line)

    def start_verifier(self):
        command = ["/usr/bin/python3", os.path.join(HERE, "verify_sink.py")]
        if self.options.sink == "redis":
            command += ["--redis-port", str(self.redis_port), "--redis-stream", "weir"]
        else:
            command += ["--file", self.path("delivered.jsonl")]
        child = self.start("verifier", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read_verifier, args=(child,), daemon=True)
        self.reader.start()

    def read_verifier(self, child):
        for line in child.stdout:
            self.report = json.loads(line)
            self.final = self.report if "lost" in self.report else None

    # ---- the course of it ----

    def interrupt(self, *_):
        """The first Ctrl-C ends the producer, and what is committed is still delivered."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True

    def show(self):
        if self.terminal:
            sys.stderr.write("\r\033[K committed %7d   delivered %7d   duplicated %4d%s   %s" % (
                self.committed, self.report["distinct"], self.report["duplicated"],
                "   kills %d" % self.kills if self.options.crash else "", self.report["last"]))
            sys.stderr.flush()

    def kill_relay(self):
        child = self.children.pop("relay")
        child.kill()
        child.wait()
        self.kills += 1
        self.start_relay()

    def kill_points(self):
        if not self.options.crash:
            return []
        chance = random.Random(self.options.seed)
        n = self.options.messages
        return sorted(chance.randint(max(1, n // 20), max(1, n * 9 // 10)) for _ in range(KILLS))

    def work(self):
        points = self.kill_points()
        progress, since = (0, 0), time.monotonic()
        producer, told = self.children["producer"], False
        while True:
            self.show()
            self.check_alive()
            if points and self.report["distinct"] >= points[0]:
                points.pop(0)
                self.kill_relay()
            done = producer.poll() is not None
            if done and producer.returncode != 0 and not self.interrupted:
                raise Failure("the producer failed with exit code %d\n%s" %
                              (producer.returncode, self.log_tail("producer")))
            if done and self.report["distinct"] >= self.committed and not points:
                return
            now = (self.committed, self.report["received"])
            if now != progress:
                progress, since = now, time.monotonic()
            elif time.monotonic() - since > STALL_S:
                return  # what is missing is counted as lost
            if self.interrupted and not told:
                told = True
                producer.terminate()
            time.sleep(0.02)

    def finish(self):
        seconds = time.monotonic() - self.started
        if "producer" in self.children:
            self.children.pop("producer").wait(30)
        if not self.options.memory:
            self.end("relay")
        verifier = self.children.pop("verifier")
        verifier.stdin.write(b"%d %d\n" % (self.committed, self.options.keys))
        verifier.stdin.close()
        verifier.wait(60)
        self.reader.join(10)
        if not self.options.memory:
            self.check_marked()
            self.end("engine")
        if self.final is None:
            raise Failure("the verifier gave no verdict\n" + self.log_tail("verifier"))
        return seconds

    def check_marked(self):
        stats = json.loads(subprocess.check_output(
            [self.weir, "outbox", "stats", "--endpoint-url", self.endpoint, "--output", "json"]))
        if stats["pending"] != 0:
            raise Failure("%d rows are still pending in the outbox" % stats["pending"])

    def run(self):
        if self.options.crash:
            print("seed %d" % self.options.seed, file=sys.stderr)
        if not self.options.memory:
            self.start_engine()
        if self.options.sink == "redis":
            self.start_redis()
        if not self.options.memory:
            self.write_config()
            self.start_relay()
        self.start_verifier()
        self.started = time.monotonic()
        self.start_producer()
        self.work()
        seconds = self.finish()
        if self.terminal:
            sys.stderr.write("\r\033[K")
        if self.options.crash:
            print("killed the relay %d times" % self.kills, file=sys.stderr)
        v = self.final
        print("delivered %d of %d messages: %d lost, %d out of order, %d duplicated (%d messages/s)"
              % (v["distinct"], self.committed, v["lost"], v["out_of_order"], v["duplicated"],
                 v["distinct"] / max(seconds, 0.001)))
        good = (v["lost"] == 0 and v["out_of_order"] == 0 and v["malformed"] == 0 and
                (self.options.messages is None or self.committed == self.options.messages or
                 self.interrupted))
        if not self.options.crash or self.options.sink == "redis":
            good = good and v["duplicated"] == 0
        return 0 if good else 1

    def clean(self, keep):
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
                child.wait()
        if keep:
            print("main job: kept %s" % self.folder, file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def main():
    options = parse_arguments()
    job = Job(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, job.interrupt)
    code = 1
    try:
        code = job.run()
    except Failure as failure:
        print("main job: %s" % failure, file=sys.stderr)
    except KeyboardInterrupt:
        code = 130
    finally:
        job.clean(keep=code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
