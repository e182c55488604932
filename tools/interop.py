#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The stores and the behaviour tests against other servers of the API, on loopback.

  dynamodb-local   DynamoDB Local 2.6, by Maven (needs java and mvn)
  moto             moto 5.2.5, by pip, in an environment of its own

Both are downloaded once, into build/interop. The suites `outbox` and `dedup` run with
WEIR_TEST_ENDPOINT_URL, tests/behaviour with WEIR_TEST_ENDPOINT. What fails there is compared with
tests/interop/known_differences.txt: a failure that is not listed is an error, and so is an entry
that passes. Exit code 0: as listed; 1: not; 77: a server cannot be had here (an error with
WEIR_NO_SKIP=1).
"""

import argparse
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml

FOLDER = os.path.abspath("build/interop")
KNOWN = "tests/interop/known_differences.txt"
PYTHON = "/usr/bin/python3"
SUITES = ("outbox", "dedup")
SKIPPED = 77
START_SECONDS = 60
PROGRAM_SECONDS = 300
BEHAVIOUR_SECONDS = 1500

POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>weir</groupId>
  <artifactId>interop</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>2.6.1</version>
    </dependency>
  </dependencies>
</project>
"""


class Missing(Exception):
    """A server cannot be had on this machine."""


def say(text):
    print("interop: " + text, file=sys.stderr, flush=True)


def need(*programs):
    lacking = [name for name in programs if shutil.which(name) is None]
    if lacking:
        raise Missing("needs " + " and ".join(lacking))


def run_or_missing(command, what, folder=None):
    say(what)
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Missing("%s failed: %s" % (what, done.stdout.decode(errors="replace")[-600:]))


# ---- the servers --------------------------------------------------------------------------------


class DynamoDBLocal:
    """It listens on every address and has no option for another; so its port is a random one, its
    tables are in memory, and it lives as long as the tests."""

    name = "dynamodb-local"
    left_out = {}
    folder = os.path.join(FOLDER, "dynamodb-local")

    def prepare(self):
        need("java", "mvn")
        ready = os.path.join(self.folder, "ready-2.6.1")
        if os.path.exists(ready):
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(os.path.join(self.folder, "native"))
        with open(os.path.join(self.folder, "pom.xml"), "w") as file:
            file.write(POM)
        run_or_missing(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib",
                        "-DincludeScope=runtime"], "downloading DynamoDB Local with Maven",
                       self.folder)
        library = [name for name in os.listdir(os.path.join(self.folder, "lib"))
                   if name.startswith("libsqlite4java-linux-amd64-")]
        if len(library) != 1:
            raise Missing("DynamoDB Local brought no libsqlite4java for this machine")
        shutil.copy(os.path.join(self.folder, "lib", library[0]),
                    os.path.join(self.folder, "native", "libsqlite4java-linux-amd64.so"))
        open(ready, "w").close()

    def command(self, port):
        return ["java", "-Xmx512m", "-Djava.library.path=native", "-cp", "lib/*",
                "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory",
                "-disableTelemetry", "-port", str(port)]


class Moto:
    name = "moto"
    # Files of tests/behaviour of which nothing could be learned there.
    left_out = {"test_ttl.py": "it never deletes expired items, and every test would wait for it"}
    folder = os.path.join(FOLDER, "moto")

    def prepare(self):
        ready = os.path.join(self.folder, "ready-5.2.5")
        if os.path.exists(ready):
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(FOLDER, exist_ok=True)
        run_or_missing([PYTHON, "-m", "venv", self.folder], "making a Python environment")
        run_or_missing([os.path.join(self.folder, "bin/pip"), "install", "-q",
                        "moto[server]==5.2.5"], "downloading moto with pip")
        open(ready, "w").close()

    def command(self, port):
        return [os.path.join(self.folder, "bin/moto_server"), "-H", "127.0.0.1", "-p", str(port)]


SERVERS = (DynamoDBLocal(), Moto())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    request = urllib.request.Request(url, b"{}", {
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/"
                         "aws4_request, SignedHeaders=host, Signature=0"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


class Running:
    """A server while a `with` lasts."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        port = free_port()
        self.url = "http://127.0.0.1:%d" % port
        self.log = open(os.path.join(FOLDER, self.server.name + ".log"), "wb")
        self.process = subprocess.Popen(self.server.command(port), cwd=self.server.folder,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        until = time.monotonic() + START_SECONDS
        while not answers(self.url):
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise Missing("%s did not start: see %s" % (self.server.name, self.log.name))
            time.sleep(0.2)
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


# ---- the tests ----------------------------------------------------------------------------------


class Results:
    def __init__(self):
        self.passed = set()
        self.failed = collections.OrderedDict()  # id to what was said

    def add(self, test, failure):
        """A test of many parameters has one id, and fails when one of them does."""
        if failure is not None:
            self.failed.setdefault(test, failure)
            self.passed.discard(test)
        elif test not in self.failed:
            self.passed.add(test)


def programs(build):
    """Executables of the suites as Meson knows them: (name, command)."""
    listed = subprocess.run(["meson", "introspect", "--tests", build], check=True,
                            stdout=subprocess.PIPE).stdout
    return [(test["name"], test["cmd"]) for test in json.loads(listed)
            if any(suite.split(":")[-1] in SUITES for suite in test["suite"])]


def read_cmocka(name, output, code, results):
    """Group by group; a program that died says so itself."""
    message, ended = "", False
    for line in output.splitlines():
        if line.startswith("[ RUN      ]"):
            message = ""
        elif line.startswith("[       OK ]"):
            results.add("%s::%s" % (name, line.split()[-1]), None)
        elif line.startswith("[  FAILED  ]") and not ended:
            results.add("%s::%s" % (name, line.split()[-1]), message.strip() or "it failed")
        elif line.startswith("[==========]") and "run." in line:
            ended = True
        else:
            message += " " + re.sub(r"^\[[ A-Z]+\] (--- )?", "", line)
    if code not in (0, 1) and not ended:
        results.add(name, "the program ended with %d" % code)


def run_program(name, command, url, results):
    environment = dict(os.environ, WEIR_TEST_ENDPOINT_URL=url)
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=PROGRAM_SECONDS)
    except subprocess.TimeoutExpired:
        results.add(name, "no end within %d s" % PROGRAM_SECONDS)
        return
    output = done.stdout.decode(errors="replace")
    if "over the given endpoint" in output:
        read_cmocka(name, output, done.returncode, results)
    elif "[==========]" in output:
        say("%s left out: it does not run over a given endpoint" % name)


def run_behaviour(server, url, results):
    for name, reason in server.left_out.items():
        say("%s: %s is left out: %s" % (server.name, name, reason))
    report = os.path.join(FOLDER, server.name + "-behaviour.xml")
    if os.path.exists(report):
        os.remove(report)
    environment = dict(os.environ, WEIR_TEST_ENDPOINT=url)
    with open(os.path.join(FOLDER, server.name + "-behaviour.log"), "wb") as log:
        try:
            subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                            "--junit-xml=" + report, "tests/behaviour"] +
                           ["--ignore=tests/behaviour/" + name for name in server.left_out],
                           env=environment,
                           stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                           timeout=BEHAVIOUR_SECONDS)
        except subprocess.TimeoutExpired:
            results.add("behaviour", "no end within %d s" % BEHAVIOUR_SECONDS)
            return
    try:
        cases = xml.parse(report).getroot().iter("testcase")
    except (OSError, xml.ParseError):
        results.add("behaviour", "pytest wrote no report: see %s" % log.name)
        return
    for case in cases:
        test = "behaviour/%s::%s" % (case.get("classname").split(".")[-1],
                                     case.get("name").split("[")[0])
        failure = case.find("failure")
        failure = failure if failure is not None else case.find("error")
        results.add(test, None if failure is None else failure.get("message") or "it failed")


# ---- what is known ------------------------------------------------------------------------------


def read_known():
    """{(server, test): reason}; the file is lines of `server | test | reason`."""
    known = collections.OrderedDict()
    if not os.path.exists(KNOWN):
        return known
    with open(KNOWN) as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            parts = [part.strip() for part in line.split("|", 2)]
            if len(parts) != 3 or not all(parts):
                sys.exit("%s:%d: not `server | test | reason`" % (KNOWN, number))
            known[(parts[0], parts[1])] = parts[2]
    return known


def guess(message):
    """The beginning of a reason, for a person to check."""
    text = " ".join(message.split())
    if "JSONDecodeError" in text:
        return "answers with an internal failure, a page of HTML"
    if "DID NOT RAISE" in text:
        return "accepts what the service refuses"
    if "InternalFailure" in text or "InternalServerError" in text or "or failure" in text:
        return "answers with an internal failure"
    if re.search(r"assert ['\"].* (==|in) ['\"]", text) or "startswith" in text \
            or "endswith" in text:
        return "refuses it in other words"
    return "? " + text[:100].replace("|", "/")


def compare(server, results, known, update):
    """What is not as listed, in lines."""
    wrong = []
    for test, message in results.failed.items():
        if (server, test) not in known:
            if update:
                known[(server, test)] = guess(message)
            else:
                wrong.append("%s: %s fails: %s" % (server, test, " ".join(message.split())[:300]))
    for name, test in list(known):
        if name == server and test in results.passed:
            if update:
                del known[(name, test)]
            else:
                wrong.append("%s: %s passes now: take it off the list" % (server, test))
        elif name == server and test not in results.failed and not update:
            wrong.append("%s: %s is listed, and there is no such test" % (server, test))
    return wrong


def write_known(known):
    header = []
    with open(KNOWN) as file:
        for line in file:
            if not line.startswith("#"):
                break
            header.append(line)
    with open(KNOWN, "w") as file:
        file.writelines(header)
        file.write("\n")
        for (server, test), reason in sorted(known.items()):
            file.write("%s | %s | %s\n" % (server, test, reason))


# ---- all of it ----------------------------------------------------------------------------------


def build_step(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout[-12000:])
        sys.exit("interop: %s failed" % " ".join(command[:4]))


def build_programs(folder):
    """The suites' programs alone."""
    if not os.path.exists(folder + "/build.ninja"):
        build_step(["meson", "setup", folder, "-Dwerror=true"])
    build_step(["ninja", "-C", folder, "build.ninja"])
    build_step(["ninja", "-C", folder] + [os.path.relpath(command[0], os.path.abspath(folder))
                                          for _, command in programs(folder)])


def run_server(server, options):
    """Each part has a fresh server: neither meets the other's tables."""
    results = Results()
    if "stores" in options.only:
        with Running(server) as running:
            for name, command in programs(options.build):
                run_program(name, command, running.url, results)
    if "behaviour" in options.only:
        with Running(server) as running:
            run_behaviour(server, running.url, results)
    return results


def print_table(rows):
    print("%-16s %-10s %7s %7s %7s" % ("server", "suite", "passed", "failed", "listed"))
    for row in rows:
        print("%-16s %-10s %7d %7d %7d" % row)


def rows_of(server, results, known):
    for suite in SUITES + ("behaviour",):
        def mine(test):
            return test.split("/")[0] == suite
        failed = [test for test in results.failed if mine(test)]
        listed = [test for test in failed if (server, test) in known]
        yield (server, suite, sum(mine(test) for test in results.passed), len(failed), len(listed))


def main():
    parser = argparse.ArgumentParser(prog="./dev interop", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=[s.name for s in SERVERS])
    parser.add_argument("--only", action="append", choices=["stores", "behaviour"])
    parser.add_argument("--build", default="build/test", help="folder of a build with tests")
    parser.add_argument("--update", action="store_true",
                        help="write the list anew; reasons that begin with ? are a person's to find")
    options = parser.parse_args()
    partial = bool(options.only)
    options.only = options.only or ["stores", "behaviour"]
    os.makedirs(FOLDER, exist_ok=True)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    build_programs(options.build)

    known, rows, wrong, missing = read_known(), [], [], []
    for server in SERVERS:
        if options.server and server.name not in options.server:
            continue
        try:
            server.prepare()
            results = run_server(server, options)
        except Missing as why:
            missing.append("%s: %s" % (server.name, why))
            continue
        listed = known if not partial else collections.OrderedDict(
            (key, reason) for key, reason in known.items()
            if (key[1].startswith("behaviour")) == (options.only == ["behaviour"]))
        wrong += compare(server.name, results, listed, options.update)
        known.update(listed)
        rows += rows_of(server.name, results, known)
    if options.update:
        write_known(known)
    print_table(rows)
    for line in wrong:
        print(line)
    for line in missing:
        say("SKIPPED " + line)
    print("%d unlisted differences" % len(wrong))
    if wrong or (missing and os.environ.get("WEIR_NO_SKIP") == "1"):
        return 1
    return SKIPPED if missing else 0


if __name__ == "__main__":
    sys.exit(main())
