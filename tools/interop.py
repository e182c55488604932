#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weir and others: its stores and behaviour tests against other servers of the API, its signatures
against theirs, and AWS's current SDKs against weir. All on loopback.

  dynamodb-local   DynamoDB Local 2.6, by Maven
  moto             moto, by pip, in an environment of its own

What is downloaded is kept in build/interop. Parts (--only):

  stores      the suites `outbox` and `dedup` on each server (WEIR_TEST_ENDPOINT_URL)
  behaviour   tests/behaviour on each server (WEIR_TEST_ENDPOINT)
  clients     tests/interop, with the SDKs for Python and JavaScript of today

What fails in the first two is compared with tests/interop/known_differences.txt: a failure that is
not listed is an error, and so is an entry that passes. Exit code 0: as listed; 1: not; 77: something
cannot be had here (an error with WEIR_NO_SKIP=1).
"""

import argparse
import collections
import hashlib
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
REQUIREMENTS = os.path.abspath("tests/interop/requirements.txt")
PYTHON = "/usr/bin/python3"
SUITES = ("outbox", "dedup")
PARTS = ("stores", "behaviour", "clients")
SKIPPED = 77
DOWNLOAD_SECONDS = 300
START_SECONDS = 60
PROGRAM_SECONDS = 120
PYTEST_SECONDS = 400

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
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        raise Missing("%s: not within %d s" % (what, DOWNLOAD_SECONDS)) from None
    if done.returncode != 0:
        raise Missing("%s failed: %s" % (what, done.stdout.decode(errors="replace")[-600:]))


def once(folder, version, make):
    """Calls make() on the emptied folder unless this version is in it already."""
    ready = os.path.join(folder, "ready-" + version)
    if os.path.exists(ready):
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    make()
    open(ready, "w").close()


class Python:
    """An environment with what requirements.txt names."""

    folder = os.path.join(FOLDER, "python")
    program = os.path.join(folder, "bin/python")

    def prepare(self):
        with open(REQUIREMENTS, "rb") as file:
            once(self.folder, hashlib.sha256(file.read()).hexdigest()[:12], self.install)

    def install(self):
        run_or_missing([PYTHON, "-m", "venv", self.folder], "making a Python environment")
        run_or_missing([os.path.join(self.folder, "bin/pip"), "install", "-q",
                        "--disable-pip-version-check", "-r", REQUIREMENTS],
                       "downloading moto and boto3 with pip")


class Node:
    """The SDK for JavaScript; the newest does not run on Debian 12's node."""

    folder = os.path.join(FOLDER, "node")

    def prepare(self):
        need("node", "npm")
        major = subprocess.run(["node", "-p", "process.versions.node"], check=True,
                               stdout=subprocess.PIPE).stdout.split(b".")[0]
        versions = ("3.1162.0", "3.1141.0") if int(major) >= 20 else ("3.955.0", "3.958.0")
        once(self.folder, "-".join(versions), lambda: self.install(*versions))

    def install(self, dynamodb, streams):
        run_or_missing(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix",
                        self.folder, "@aws-sdk/client-dynamodb@" + dynamodb,
                        "@aws-sdk/client-dynamodb-streams@" + streams],
                       "downloading the SDK for JavaScript with npm")


# ---- the servers --------------------------------------------------------------------------------


class DynamoDBLocal:
    """It listens on every address and has no option for another; so its port is a random one, its
    tables are in memory, and it lives as long as the tests."""

    name = "dynamodb-local"
    folder = os.path.join(FOLDER, "dynamodb-local")

    def prepare(self):
        need("java", "mvn")
        once(self.folder, "2.6.1", self.install)

    def install(self):
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

    def command(self, port):
        return ["java", "-Xmx512m", "-Djava.library.path=native", "-cp", "lib/*",
                "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory",
                "-disableTelemetry", "-port", str(port)]


class Moto:
    name = "moto"
    folder = Python.folder

    def prepare(self):
        Python().prepare()

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

    def __init__(self, server, part=""):
        self.server, self.part = server, part

    def __enter__(self):
        port = free_port()
        self.url = "http://127.0.0.1:%d" % port
        self.log = open(os.path.join(FOLDER, self.server.name + self.part + ".log"), "wb")
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
    else:
        results.add(name, "the program ended with %d and ran nothing" % done.returncode)


def run_pytest(python, name, folder, left_out, environment, results, prefix):
    """Runs a folder's tests; each is added as PREFIX/FILE::TEST."""
    report = os.path.join(FOLDER, name + ".xml")
    if os.path.exists(report):
        os.remove(report)
    with open(os.path.join(FOLDER, name + ".log"), "wb") as log:
        try:
            subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                            "--junit-xml=" + report, folder] +
                           ["--ignore=%s/%s" % (folder, file) for file in left_out],
                           env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
                           stdout=log, stderr=subprocess.STDOUT, timeout=PYTEST_SECONDS)
        except subprocess.TimeoutExpired:
            results.add(prefix, "no end within %d s" % PYTEST_SECONDS)
            return
    try:
        cases = list(xml.parse(report).getroot().iter("testcase"))
    except (OSError, xml.ParseError):
        cases = []
    if not cases:
        results.add(prefix, "pytest ran nothing: see %s" % log.name)
    for case in cases:
        test = "%s/%s::%s" % (prefix, case.get("classname").split(".")[-1],
                              case.get("name").split("[")[0])
        wrong = [child for child in case if child.tag in ("failure", "error", "skipped")]
        results.add(test, (wrong[0].get("message") or "it failed") if wrong else None)


def run_behaviour(server, url, left_out, results):
    for file, reason in left_out.items():
        say("%s: %s is left out: it %s" % (server.name, file, reason))
    run_pytest(PYTHON, server.name + "-behaviour", "tests/behaviour", left_out,
               {"WEIR_TEST_ENDPOINT": url}, results, "behaviour")


def run_clients(build):
    """Other clients against weir, and weir's signatures; there are no differences to list."""
    for needed in SERVERS + (Python(), Node()):
        needed.prepare()
    results = Results()
    run_pytest(Python.program, "clients", "tests/interop", [],
               {"WEIR_PROGRAM": os.path.abspath(build + "/src/cli/weir"),
                "WEIR_NODE_FOLDER": Node.folder}, results, "interop")
    return results


# ---- what is known ------------------------------------------------------------------------------


def read_known():
    """{(server, test): reason}; the file is lines of `server | test | reason`. Where the test is a
    file, `behaviour/test_x.py`, the whole file is not run on that server."""
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


def left_out_of(server, known):
    return {test.split("/", 1)[1]: reason for (name, test), reason in known.items()
            if name == server and test.endswith(".py")}


def said(message):
    """What the server said, out of how pytest shows a comparison, or None."""
    changed = re.findall(r"^\s*\+ (?!where )(.*)$", message, re.M)
    inside = re.search(r"assert (['\"]).*?\1 in (['\"])(?P<text>.*?)\2$", message, re.M | re.S)
    method = re.search(r"= (['\"])(?P<text>(?:(?!\1).)*)\1\.(?:ends|starts)with$", message, re.M)
    if inside or method:
        return " ".join((inside or method).group("text").split())
    if changed:
        skipped = "..." if "identical leading characters" in message else ""
        return skipped + " ".join(changed[0].split())
    return None


def guess(message):
    """The beginning of a reason, for a person to check."""
    text = " ".join(message.split())
    codes = re.search(r"\{'Code': '(\w+)'.*assert '[\w.]+' == '(\w+)'", text)
    if "JSONDecodeError" in text or "<!doctype html>" in text:
        return "answers with an internal failure, a page of HTML"
    if "InternalFailure" in text or "InternalServerError" in text or "or failure" in text:
        return "answers with an internal failure"
    if "DID NOT RAISE" in text:
        return "accepts what the service refuses"
    if codes:
        return "refuses it with %s, not %s" % codes.groups()
    words = said(message)
    if words:
        words = re.sub(r"\b[thr]-[0-9a-f]{12}\b", "TABLE", words).replace("|", "/")
        return 'says "%s"' % (words if len(words) <= 90 else words[:87] + "...")
    return "? " + text[:100].replace("|", "/")


def part_of(test):
    """Which part runs a test of the list."""
    return "stores" if test.split("/")[0] in SUITES else "behaviour"


def compare(server, parts, results, known, update):
    """What is not as listed, in lines; with update, the list is changed instead."""
    wrong = []
    for test, message in results.failed.items():
        if (server, test) in known:
            continue
        if update:
            known[(server, test)] = guess(message)
        else:
            wrong.append("%s: %s fails: %s" % (server, test, " ".join(message.split())[:300]))
    for name, test in list(known):
        if name != server or part_of(test) not in parts or test in results.failed \
                or test.endswith(".py"):
            continue
        if update:
            del known[(name, test)]
        elif test in results.passed:
            wrong.append("%s: %s passes now: take it off the list" % (server, test))
        else:
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
    """The program and the suites' programs alone."""
    if not os.path.exists(folder + "/build.ninja"):
        build_step(["meson", "setup", folder, "-Dwerror=true"])
    build_step(["ninja", "-C", folder, "build.ninja"])
    build_step(["ninja", "-C", folder, "src/cli/weir"] +
               [os.path.relpath(command[0], os.path.abspath(folder))
                for _, command in programs(folder)])


class Report:
    """What came of it: rows of the table, what is wrong, what could not be had."""

    def __init__(self):
        self.rows, self.wrong, self.missing = [], [], []

    def add(self, server, part, results, known, seconds):
        failed = list(results.failed)
        listed = [test for test in failed if (server, test) in known]
        self.rows.append((server, part, len(results.passed), len(failed), len(listed), seconds))

    def show(self):
        print("%-16s %-10s %7s %7s %7s %8s" % ("server", "part", "passed", "failed", "listed",
                                               "seconds"))
        for row in self.rows:
            print("%-16s %-10s %7d %7d %7d %8.0f" % row)
        for line in self.wrong:
            print(line)
        for line in self.missing:
            print("SKIPPED " + line)
        print("%d unlisted differences" % len(self.wrong))

    def counts(self):
        """(passed, failed): what is listed is neither."""
        skipped = len(self.missing) if os.environ.get("WEIR_NO_SKIP") == "1" else 0
        return sum(row[2] for row in self.rows), len(self.wrong) + skipped


def run_part(server, part, build, known, update, report):
    """On a server of its own: no part meets another's tables."""
    results, begin = Results(), time.monotonic()
    with Running(server, "-" + part) as running:
        if part == "stores":
            for name, command in programs(build):
                run_program(name, command, running.url, results)
        else:
            run_behaviour(server, running.url, left_out_of(server.name, known), results)
    report.wrong += compare(server.name, [part], results, known, update)
    report.add(server.name, part, results, known, time.monotonic() - begin)


def run_all(options, known):
    report = Report()
    for server in SERVERS:
        parts = [part for part in options.only if part != "clients"]
        if options.server and server.name not in options.server:
            continue
        try:
            server.prepare()
            for part in parts:
                run_part(server, part, options.build, known, options.update, report)
        except Missing as why:
            report.missing.append("%s: %s" % (server.name, why))
    if "clients" in options.only:
        begin = time.monotonic()
        try:
            results = run_clients(options.build)
        except Missing as why:
            report.missing.append("clients: %s" % why)
        else:
            report.wrong += compare("weir", [], results, {}, False)
            report.add("weir", "clients", results, {}, time.monotonic() - begin)
    return report


def main():
    parser = argparse.ArgumentParser(prog="./dev interop", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=[s.name for s in SERVERS])
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--build", default="build/test", help="folder of a build with tests")
    parser.add_argument("--update", action="store_true",
                        help="write the list anew; reasons that begin with ? are a person's to find")
    parser.add_argument("--summary", help="write '<passed> <failed>' to this file")
    options = parser.parse_args()
    options.only = options.only or PARTS
    os.makedirs(FOLDER, exist_ok=True)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    build_programs(options.build)

    known = read_known()
    report = run_all(options, known)
    if options.update:
        write_known(known)
    report.show()
    passed, failed = report.counts()
    if options.summary:
        with open(options.summary, "w") as file:
            file.write("%d %d\n" % (passed, failed))
    if failed:
        return 1
    return SKIPPED if report.missing else 0


if __name__ == "__main__":
    sys.exit(main())
