#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures weir against an empty handler of the same HTTP library, and prints ratios.

  server   CPU per request of PutItem (with a stream record) and GetItem on disk, relaxed and sync,
           beside the empty handler that gets the same requests; and PutItem on a long stream
  latency  how long a put takes at low load
  client   puts, gets, transactions and stream reading with the engine in the process
  relay    orders -> outbox -> relay -> file: messages a second, CPU per message
  stores   orders committed with their messages, messages added, marked, claimed: CPU of the client
           beside the same requests sent with boto3 and with AWS's SDK for JavaScript, which npm
           installs into the build's folder

Machines are noisy, so times say little and ratios more: what is compared runs in turn, round after
round, and the figure is the median of the rounds' ratios (with the lowest and the highest).
"""

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

START_S = 30
BENCHES = ["server", "latency", "client", "relay", "stores"]
SDK = "@aws-sdk/client-dynamodb"
SDK_INSTALL_S = 180
# Messages of one measurement per second asked for; the JavaScript SDK needs a thousand to warm up.
STORE_MESSAGES = {"weir": 8000, "boto3": 800, "JavaScript SDK": 4000}

SOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests/bench")

TABLE = {
    "TableName": "bench", "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"},
                             {"AttributeName": "sk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"},
                  {"AttributeName": "sk", "KeyType": "RANGE"}],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


class Failure(Exception):
    pass


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=BENCHES, action="append", help="may be repeated")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement (1)")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (7)")
    parser.add_argument("--records", type=int, default=1000000,
                        help="in the long stream (1000000); 0: without it")
    parser.add_argument("--connections", type=int, default=64, help="of the load (64)")
    parser.add_argument("--keys", type=int, default=100000,
                        help="that the load puts and gets (100000)")
    parser.add_argument("--before", metavar="WEIR",
                        help="an older weir program, measured in the same rounds")
    parser.add_argument("--side-by-side", type=int, default=16,
                        help="calls of one program in `stores` (16)")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    if not 0.05 <= options.seconds <= 30 or not 1 <= options.rounds <= 50:
        parser.error("--seconds is 0.05 to 30, --rounds 1 to 50")
    if not 0 <= options.records <= 5000000 or not 1 <= options.connections <= 1024:
        parser.error("--records is at most 5000000, --connections 1 to 1024")
    if not 1 <= options.side_by_side <= 64:
        parser.error("--side-by-side is 1 to 64")
    if not 1 <= options.keys <= 5000000:
        parser.error("--keys is 1 to 5000000")
    return options


def cpu_of(pid):
    """CPU seconds of another process; Linux makes the clock's number from the process's."""
    return time.clock_gettime((~pid << 3) | 2)


def median(values):
    return statistics.median(values) if values else 0.0


# ---- processes --------------------------------------------------------------------------------

class Server:
    """An HTTP server that this program started."""

    def __init__(self, name, process, port, folder=None):
        self.name, self.process, self.port, self.folder = name, process, port, folder
        self.pid = process.pid

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class Bench:
    def __init__(self, options):
        self.options = options
        self.weir = os.path.join(options.build, "src/cli/weir")
        self.orders = os.path.join(options.build, "examples/orders/orders")
        self.tools = os.path.join(options.build, "tests/bench")
        self.folder = tempfile.mkdtemp(prefix="weir-bench-")
        self.servers = []
        self.results = {}

    def say(self, text):
        if self.options.output == "text":
            print(text, flush=True)

    def note(self, text):
        print("bench: " + text, file=sys.stderr, flush=True)

    def row(self, name, text, **values):
        self.results[name] = values
        self.say("  %-38s %s" % (name, text))

    # ---- servers ----

    def start_empty(self):
        process = subprocess.Popen([os.path.join(self.tools, "empty_server")],
                                   stdout=subprocess.PIPE)
        server = Server("empty", process, int(process.stdout.readline()))
        self.servers.append(server)
        return server

    def start_weir(self, name, durability="relaxed", weir=None):
        folder = tempfile.mkdtemp(prefix=name + "-", dir=self.folder)
        port_file = os.path.join(folder, "port")
        with open(os.path.join(folder, "log"), "wb") as log:
            process = subprocess.Popen(
                [weir or self.weir, "serve", "--data", os.path.join(folder, "data"), "--port", "0",
                 "--port-file", port_file, "--durability", durability, "--quiet"],
                stdout=log, stderr=log)
        server = Server(name, process, 0, folder)
        self.servers.append(server)
        deadline = time.monotonic() + START_S
        while not os.path.exists(port_file):
            if process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(folder, "log"), errors="replace") as log:
                    raise Failure("weir serve did not start: " + log.read()[-500:])
            time.sleep(0.02)
        with open(port_file) as file:
            server.port = int(file.read())
        return server

    def with_table(self, *arguments, **more):
        server = self.start_weir(*arguments, **more)
        call(server.port, "CreateTable", TABLE)
        self.load(server, "put", "--sequential", "--count", str(self.options.keys),
                  "--connections", "256")
        return server

    def end(self, server):
        self.servers.remove(server)
        server.end()

    def end_all(self):
        for server in self.servers:
            server.end()
        self.servers = []
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the load ----

    def load(self, server, request, *more):
        command = [os.path.join(self.tools, "load"), "--port", str(server.port), "--pid",
                   str(server.pid), "--request", request, "--keys",
                   str(self.options.keys)] + list(more)
        result = subprocess.run(command, stdout=subprocess.PIPE, timeout=900)
        if result.returncode != 0:
            raise Failure("the load on %s failed: %s" % (server.name, request))
        return json.loads(result.stdout)

    def measure(self, server, request):
        more = ["--answer", "any"] if server.name == "empty" else []
        return self.load(server, request, "--seconds", str(self.options.seconds), "--connections",
                         str(self.options.connections), *more)

    def rounds(self, what):
        """[(name, server, request)] -> {name: [result of each round]}; the first round is dropped:
        it warms up."""
        found = {name: [] for name, _, _ in what}
        for turn in range(self.options.rounds + 1):
            order = what if turn % 2 == 0 else list(reversed(what))
            for name, server, request in order:
                result = self.measure(server, request)
                if turn > 0:
                    found[name].append(result)
        return found

    def show_rounds(self, found, bases):
        """bases: name -> [(the name it is compared with, its word)]"""
        for name, results in found.items():
            cpu = [r["server_cpu_us"] for r in results]
            values = {"cpu_us": median(cpu), "per_second": median([r["per_second"]
                                                                   for r in results])}
            text = "%8.1f us CPU  %9.0f/s" % (values["cpu_us"], values["per_second"])
            for base, word in bases.get(name, []):
                ratios = [a / b["server_cpu_us"] for a, b in zip(cpu, found[base])]
                values["ratio_to_" + word] = {"median": median(ratios), "min": min(ratios),
                                              "max": max(ratios)}
                text += "   %.2f x %s (%.2f to %.2f)" % (median(ratios), word, min(ratios),
                                                         max(ratios))
            self.row(name, text, **values)

    # ---- the benches ----

    def server(self):
        """CPU per request."""
        empty = self.start_empty()
        weir = self.with_table("weir")
        sync = self.with_table("weir-sync", durability="sync")
        what = [("empty, PutItem's bytes", empty, "put"), ("PutItem, relaxed", weir, "put"),
                ("PutItem, sync", sync, "put"), ("empty, GetItem's bytes", empty, "get"),
                ("GetItem", weir, "get")]
        to_put, to_get = [(what[0][0], "empty")], [(what[3][0], "empty")]
        bases = {"PutItem, relaxed": to_put, "PutItem, sync": to_put, "GetItem": to_get}
        if self.options.before:
            before = self.with_table("before", weir=os.path.abspath(self.options.before))
            what += [("PutItem, relaxed, before", before, "put"),
                     ("GetItem, before", before, "get")]
            bases["PutItem, relaxed, before"] = to_put
            bases["GetItem, before"] = to_get
            bases["PutItem, relaxed"] = to_put + [("PutItem, relaxed, before", "before")]
            bases["GetItem"] = to_get + [("GetItem, before", "before")]
        if self.options.records > 0:
            full = self.with_table("weir-full")
            self.note("filling a stream with %d records" % self.options.records)
            self.load(full, "put", "--count", str(self.options.records), "--connections", "256")
            name = "PutItem, relaxed, %d records" % self.options.records
            what.append((name, full, "put"))
            bases[name] = to_put + [("PutItem, relaxed", "short stream")]
        self.show_rounds(self.rounds(what), bases)
        for server in list(self.servers):
            self.end(server)

    def latency(self):
        """Of a put at low load, from when it was due."""
        for durability in ("relaxed", "sync"):
            server = self.with_table("weir-" + durability, durability=durability)
            result = self.load(server, "put", "--rate", "500", "--seconds",
                               str(max(2.0, self.options.seconds)))
            values = {key: result[key] for key in ("p50_us", "p90_us", "p99_us", "max_us")}
            values["cpu_us"] = result["server_cpu_us"]
            self.row("put, %s, 500/s" % durability,
                     "p50 %d us  p90 %d us  p99 %d us  max %d us  %.0f us CPU" %
                     (*[values[key] for key in ("p50_us", "p90_us", "p99_us", "max_us")],
                      values["cpu_us"]), **values)
            self.end(server)

    def client(self):
        """The engine inside the process."""
        relaxed = os.path.join(self.folder, "client-relaxed")
        sync = os.path.join(self.folder, "client-sync")
        for name, endpoint in (("memory", "memory:"),
                               ("file, relaxed", "file:%s?durability=relaxed" % relaxed),
                               ("file, sync", "file:" + sync)):
            out = subprocess.run([os.path.join(self.tools, "client_bench"), "--endpoint", endpoint,
                                  "--seconds", str(self.options.seconds)],
                                 stdout=subprocess.PIPE, timeout=300)
            if out.returncode != 0:
                raise Failure("client_bench failed on " + endpoint)
            for line in out.stdout.splitlines():
                result = json.loads(line)
                self.row("%s, %s" % (result["name"], name), "%8.1f us CPU  %9.0f/s" %
                         (result["cpu_us"], result["per_second"]),
                         cpu_us=result["cpu_us"], per_second=result["per_second"])
        shutil.rmtree(relaxed, ignore_errors=True)
        shutil.rmtree(sync, ignore_errors=True)

    def relay(self):
        """End to end: what was committed before is delivered, with and without marking."""
        messages = max(2000, min(20000, int(10000 * self.options.seconds)))
        for mark in ("none", "update"):
            server = self.start_weir("weir-relay")
            endpoint = "http://127.0.0.1:%d" % server.port
            self.produce(server, endpoint, messages, mark)
            self.deliver(server, endpoint, messages, mark)
            self.end(server)

    def produce(self, server, endpoint, messages, mark):
        start, cpu = time.monotonic(), cpu_of(server.pid)
        subprocess.run([self.orders, "--endpoint", endpoint, "--messages", str(messages), "--keys",
                        "1000"], stdout=subprocess.DEVNULL, check=True, timeout=300)
        seconds, cpu = time.monotonic() - start, cpu_of(server.pid) - cpu
        self.row("orders committed, before mark: " + mark, "%8.1f us CPU  %9.0f/s   (server)" %
                 (cpu * 1e6 / messages, messages / seconds), server_cpu_us=cpu * 1e6 / messages,
                 per_second=messages / seconds)

    def deliver(self, server, endpoint, messages, mark):
        path = os.path.join(self.folder, "delivered-" + mark)
        command = [self.weir, "relay", "run", "--endpoint-url", endpoint,
                   "--outbox", "outbox", "--to", "file", "--set", "path=" + path, "--mark", mark,
                   "--start", "horizon", "--once", "--quiet"]
        start, server_cpu = time.monotonic(), cpu_of(server.pid)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds, server_cpu = time.monotonic() - start, cpu_of(server.pid) - server_cpu
        with open(path, "rb") as file:
            delivered = sum(1 for _ in file)
        if process.returncode != 0 or delivered < messages:
            raise Failure("the relay delivered %d of %d messages, exit code %d" %
                          (delivered, messages, process.returncode))
        relay_us = (usage.ru_utime + usage.ru_stime) * 1e6 / messages
        server_us = server_cpu * 1e6 / messages
        self.row("delivered to a file, mark: " + mark,
                 "%8.1f us CPU  %9.0f/s   (relay %.1f us, server %.1f us)" %
                 (relay_us + server_us, messages / seconds, relay_us, server_us),
                 relay_cpu_us=relay_us, server_cpu_us=server_us, per_second=messages / seconds)


    # ---- stores ----

    def stores(self):
        """CPU of the client per message, beside AWS's SDKs against the same server."""
        clients = {"weir": self.store_client(
            [os.path.join(self.tools, "store_bench"), "--endpoint"])}
        clients["boto3"] = self.store_client(
            [sys.executable, os.path.join(SOURCES, "store_boto3.py"), "--endpoint"])
        sdk = self.install_sdk()
        if sdk is not None:
            clients["JavaScript SDK"] = lambda url, count, wide: [
                "node", "--no-warnings", sdk, url, count, wide]
        found = {}
        for turn in range(self.options.rounds):
            self.store_round(clients if turn % 2 == 0 else dict(reversed(clients.items())), found)
        self.show_stores(found)
        self.store_in_process()

    @staticmethod
    def store_client(command):
        return lambda url, count, wide: command + [url, "--count", count, "--side-by-side", wide]

    def install_sdk(self):
        """The program's place beside the installed SDK, or None: without npm or network."""
        folder = os.path.join(self.options.build, "node")
        os.makedirs(folder, exist_ok=True)
        program = os.path.join(folder, "store_sdk.mjs")
        if shutil.which("npm") is None or shutil.which("node") is None:
            self.note("NOT MEASURED: the JavaScript SDK, since node and npm are not installed")
            return None
        if not os.path.exists(os.path.join(folder, "node_modules", SDK)):
            self.note("installing %s into %s" % (SDK, folder))
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder,
                                   SDK], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=SDK_INSTALL_S)
            if done.returncode != 0:
                self.note("NOT MEASURED: the JavaScript SDK, since npm could not install it: " +
                          done.stdout.decode(errors="replace")[-300:])
                return None
        shutil.copy(os.path.join(SOURCES, "store_sdk.mjs"), program)
        return program

    def run_store(self, name, command):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench",
                           AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1")
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=600, env=environment)
        if done.returncode != 0:
            raise Failure("the stores' work with %s failed" % name)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def store_round(self, clients, found):
        server = self.start_weir("weir-stores")
        url = "http://127.0.0.1:%d" % server.port
        for name, command in clients.items():
            count = max(50, int(STORE_MESSAGES[name] * self.options.seconds))
            for result in self.run_store(name, command(url, str(count),
                                                       str(self.options.side_by_side))):
                found.setdefault(result["name"], {}).setdefault(name, []).append(result)
        self.end(server)

    def show_stores(self, found):
        for work, by_client in found.items():
            base = [r["cpu_us"] for r in by_client["weir"]]
            for name, results in by_client.items():
                cpu = [r["cpu_us"] for r in results]
                values = {"cpu_us": median(cpu),
                          "per_second": median([r["per_second"] for r in results])}
                text = "%8.1f us CPU  %9.0f/s" % (values["cpu_us"], values["per_second"])
                if name != "weir":
                    ratios = [a / b for a, b in zip(cpu, base)]
                    values["ratio_to_weir"] = {"median": median(ratios), "min": min(ratios),
                                               "max": max(ratios)}
                    text += "   %.1f x weir (%.1f to %.1f)" % (median(ratios), min(ratios),
                                                               max(ratios))
                self.row("%s, %s" % (work, name), text, **values)

    def store_in_process(self):
        folder = os.path.join(self.folder, "stores")
        count = str(max(50, int(STORE_MESSAGES["weir"] * self.options.seconds)))
        command = [os.path.join(self.tools, "store_bench"), "--endpoint",
                   "file:%s?durability=relaxed" % folder, "--count", count, "--side-by-side",
                   str(self.options.side_by_side)]
        for result in self.run_store("weir", command):
            self.row("%s, file:, engine included" % result["name"], "%8.1f us CPU  %9.0f/s" %
                     (result["cpu_us"], result["per_second"]), cpu_us=result["cpu_us"],
                     per_second=result["per_second"])
        shutil.rmtree(folder, ignore_errors=True)


def call(port, operation, document):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", json.dumps(document),
                       {"Content-Type": "application/x-amz-json-1.0",
                        "X-Amz-Target": "DynamoDB_20120810." + operation})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise Failure("%s: %d %s" % (operation, answer.status, body[:300]))
    return json.loads(body)


def main():
    options = parse_arguments()
    bench = Bench(options)
    code = 0
    try:
        for name in options.only or BENCHES:
            bench.say("%s: %s" % (name, getattr(bench, name).__doc__))
            getattr(bench, name)()
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        bench.note(str(failure))
        code = 1
    except KeyboardInterrupt:
        code = 130
    finally:
        bench.end_all()
    if options.output == "json":
        print(json.dumps(bench.results, indent=2))
    return code


if __name__ == "__main__":
    sys.exit(main())
