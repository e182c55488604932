#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets with clang's libFuzzer and AddressSanitizer, each for a bounded time.

New inputs are kept in build/fuzz-corpus; what breaks a target is written to build/fuzz-found, and
the command that shows it again is the last line. Copy an input that teaches something into
tests/fuzz/<layer>/corpus*: ordinary test runs replay those.
"""

import argparse
import os
import shutil
import subprocess
import sys

TARGETS = {
    "json": ("tests/fuzz/value/fuzz_value_json", "tests/fuzz/value/corpus_json"),
    "number": ("tests/fuzz/value/fuzz_value_number", "tests/fuzz/value/corpus_number"),
    "plain-json": ("tests/fuzz/value/fuzz_value_plain_json",
                   "tests/fuzz/value/corpus_plain_json"),
    "storage": ("tests/fuzz/value/fuzz_value_storage", "tests/fuzz/value/corpus_storage"),
    "path": ("tests/fuzz/client/fuzz_client_path", "tests/fuzz/client/corpus_path"),
    "authorization": ("tests/fuzz/server/fuzz_server_authorization",
                      "tests/fuzz/server/corpus_authorization"),
    "keys": ("tests/fuzz/server/fuzz_server_keys", "tests/fuzz/server/corpus_keys"),
    "weather": ("tests/fuzz/server/fuzz_server_weather", "tests/fuzz/server/corpus_weather"),
    "expr": ("tests/fuzz/expr/fuzz_expr", "tests/fuzz/expr/corpus"),
}
BUILD = "build/fuzz"


def build():
    environment = dict(os.environ, CC="clang", CXX="clang++")
    if not os.path.exists(BUILD + "/build.ninja"):
        shutil.rmtree(BUILD, ignore_errors=True)
        os.makedirs("build", exist_ok=True)
        subprocess.run(["meson", "setup", BUILD, "-Dfuzz=true", "-Db_lundef=false"], check=True,
                       env=environment, stdout=subprocess.DEVNULL)
    programs = [program for program, _ in TARGETS.values()]
    subprocess.run(["ninja", "-C", BUILD] + programs, check=True, stdout=subprocess.DEVNULL)


def run(name, seconds):
    program, corpus = TARGETS[name]
    kept, found = "build/fuzz-corpus/" + name, "build/fuzz-found/" + name
    os.makedirs(kept, exist_ok=True)
    os.makedirs(found, exist_ok=True)
    command = [os.path.join(BUILD, program), kept, corpus, "-max_total_time=%d" % seconds,
               "-artifact_prefix=%s/" % found, "-timeout=10", "-rss_limit_mb=4096",
               "-print_final_stats=1", "-verbosity=0"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    runs = [line.split()[-1] for line in done.stderr.splitlines()
            if line.startswith("stat::number_of_executed_units")]
    print("%-8s %10s runs  %s" % (name, runs[0] if runs else "?",
                                  "ok" if done.returncode == 0 else "FAILED"), flush=True)
    if done.returncode != 0:
        sys.stderr.write(done.stderr[-6000:])
        inputs = sorted(os.listdir(found))
        print("rerun: %s %s" % (command[0], os.path.join(found, inputs[-1]) if inputs else corpus))
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append")
    options = parser.parse_args()
    if not 1 <= options.seconds <= 86400:
        parser.error("--seconds must be 1 to 86400")
    build()
    results = [run(name, options.seconds) for name in options.target or TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
