#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All tests, in stages; each prints its time and its counts.

  unit       unit tests, built with gcc, warnings are errors
  asan       the same under AddressSanitizer and UndefinedBehaviorSanitizer
  tsan       those with threads under ThreadSanitizer
  clang      everything compiles with clang, warnings are errors
  behaviour  boto3 against the server built with AddressSanitizer
  system     the program as a whole: commands, kills, bad input, the main job

Long series (kills, random operations) run a slice over a fresh seed, printed; --soak runs them in
full. With WEIR_NO_SKIP=1 a skipped test is a failure.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

TSAN_SUITES = ["base", "kv", "engine", "server", "aws", "client", "embed", "feed", "relay",
               "dedup"]
COMMON = ["-Dwerror=true"]


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def run(command, log, environment=None):
    """Runs with its output in a log, which is shown when it fails."""
    with open(log, "ab") as file:
        code = subprocess.call(command, stdout=file, stderr=subprocess.STDOUT,
                               env=dict(os.environ, **(environment or {})),
                               stdin=subprocess.DEVNULL)
    return code


def show_end(log, size=12000):
    with open(log, "rb") as file:
        text = file.read()
    sys.stderr.buffer.write(text[-size:] + b"\n")
    sys.stderr.flush()


def build(name, options, environment=None):
    folder, log = "build/" + name, "build/%s.log" % name
    if os.path.exists(log):
        os.remove(log)
    if not os.path.exists(folder + "/build.ninja"):
        shutil.rmtree(folder, ignore_errors=True)
        if run(["meson", "setup", folder] + COMMON + options, log, environment) != 0:
            show_end(log)
            return False
    if run(["ninja", "-C", folder], log) != 0:
        show_end(log)
        return False
    return True


def meson_test(name, suites, environment):
    """Counts cmocka's tests where a program prints them, programs otherwise."""
    folder, log = "build/" + name, "build/%s-tests.log" % name
    if os.path.exists(log):
        os.remove(log)
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs"]
    for suite in suites:
        command += ["--suite", suite]
    code = run(command, log, environment)
    testlog = folder + "/meson-logs/testlog.txt"
    text = open(testlog, errors="replace").read() if os.path.exists(testlog) else ""
    counts = Counts(sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text)),
                    sum(int(n) for n in re.findall(r"\[  FAILED  \] (\d+) test", text)),
                    sum(int(n) for n in re.findall(r"\[  SKIPPED \] (\d+) test", text)))
    summary = open(log, errors="replace").read()
    broken = sum(int(n) for n in re.findall(r"^(?:Fail|Timeout):\s+(\d+)", summary, re.M))
    if code != 0 or broken:
        counts.failed = max(counts.failed, broken, 1)
        show_end(log)
        print("rerun: meson test -C %s --print-errorlogs" % folder, file=sys.stderr)
    return counts


def pytest(folder, name, environment):
    log, report = "build/%s.log" % name, "build/%s.xml" % name
    for path in (log, report):
        if os.path.exists(path):
            os.remove(path)
    code = run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs",
                "--junit-xml=" + report, folder], log, environment)
    try:
        suite = xml.parse(report).getroot().find("testsuite").attrib
    except (OSError, xml.ParseError, AttributeError):
        show_end(log)
        return Counts(0, 1, 0)
    failed = int(suite["failures"]) + int(suite["errors"])
    skipped = int(suite["skipped"])
    if code != 0 or skipped:
        show_end(log)
        failed = failed or (1 if code != 0 else 0)
    return Counts(int(suite["tests"]) - failed - skipped, failed, skipped)


def failure_unless(good, work):
    return work() if good else Counts(0, 1, 0)


def stage_unit(environment):
    return failure_unless(build("test", []), lambda: meson_test("test", [], environment))


def stage_asan(environment):
    environment = dict(environment, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                       UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
    return failure_unless(build("asan", ["-Db_sanitize=address,undefined", "-Db_lundef=false"]),
                          lambda: meson_test("asan", [], environment))


def stage_tsan(environment):
    environment = dict(environment,
                       TSAN_OPTIONS="ignore_noninstrumented_modules=1:halt_on_error=1")
    return failure_unless(build("tsan", ["-Db_sanitize=thread", "-Db_lundef=false"]),
                          lambda: meson_test("tsan", TSAN_SUITES, environment))


def stage_clang(environment):
    del environment
    good = build("clang", [], {"CC": "clang", "CXX": "clang++"})
    return Counts(1, 0, 0) if good else Counts(0, 1, 0)


def stage_behaviour(environment):
    environment = dict(environment, WEIR_PROGRAM=os.path.abspath("build/asan/src/cli/weir"))
    return pytest("tests/behaviour", "behaviour", environment)


def stage_system(environment):
    environment = dict(environment, WEIR_BUILD=os.path.abspath("build/test"),
                       WEIR_PROGRAM=os.path.abspath("build/test/src/cli/weir"))
    return pytest("tests/system", "system", environment)


STAGES = [("unit", stage_unit), ("asan", stage_asan), ("tsan", stage_tsan),
          ("clang", stage_clang), ("behaviour", stage_behaviour), ("system", stage_system)]


def main():
    parser = argparse.ArgumentParser(prog="./dev test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=[name for name, _ in STAGES], action="append")
    parser.add_argument("--soak", action="store_true", help="the long series in full")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--summary", help="write '<passed> <failed>' to this file")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 1 << 31)
    environment = {"WEIR_SEED": str(seed), "AWS_EC2_METADATA_DISABLED": "true"}
    if options.soak:
        environment["WEIR_SOAK"] = "1"
    os.makedirs("build", exist_ok=True)
    print("seed %d (./dev test --seed %d)" % (seed, seed), flush=True)

    total, begun = Counts(), time.monotonic()
    for name, stage in STAGES:
        if options.stage and name not in options.stage:
            continue
        start = time.monotonic()
        counts = stage(environment)
        if counts.skipped and os.environ.get("WEIR_NO_SKIP") == "1":
            counts.failed += counts.skipped
        total.add(counts)
        print("%-10s %5d passed, %d failed, %d skipped  %6.1f s" %
              (name, counts.passed, counts.failed, counts.skipped, time.monotonic() - start),
              flush=True)
    print("in %.0f s" % (time.monotonic() - begun))
    print("%d passed, %d failed" % (total.passed, total.failed), flush=True)
    if options.summary:
        with open(options.summary, "w") as file:
            file.write("%d %d\n" % (total.passed, total.failed))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
