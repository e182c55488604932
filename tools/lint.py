#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of the source as text: layers, formats, static analysis, generated documents."""

import argparse
import os
import re
import subprocess
import sys

import guarantees

# Which folder of src/ may include which: the layers, left may use right.
LAYERS = {
    "base": [],
    "value": ["base"],
    "expr": ["value", "base"],
    "kv": ["base"],
    "engine": ["kv", "expr", "value", "base"],
    "api": ["engine", "expr", "value", "base"],
    "server": ["aws", "api", "value", "base"],
    "aws": ["value", "base"],
    "client": ["aws", "value", "base"],
    "embed": ["client", "api", "engine", "kv", "value", "base"],
    "outbox": ["client", "value", "base"],
    "dedup": ["client", "value", "base"],
    "feed": ["client", "value", "base"],
    "sink": ["aws", "client", "value", "base"],
    "relay": ["feed", "outbox", "dedup", "sink", "expr", "client", "value", "base"],
    "cli": None,  # all
}

# Headers of other projects, and the only files that may include them.
FOREIGN = {
    r"rocksdb/": [r"src/kv/kv_rocks\w*\.[ch]"],
    r"uv\.h": [r"src/base/loop_uv\.c"],
    r"simdjson": [r"src/value/json_simdjson\.cpp"],
    r"microhttpd": [r"src/server/", r"tests/bench/"],
    r"curl/": [r"src/aws/", r"src/client/", r"tests/"],
    r"hiredis": [r"src/sink/sink_redis\w*\.[ch]", r"tests/"],
    r"yaml\.h": [r"src/cli/config\w*\.[ch]"],
}

# Core code takes clock and chance from base/env.h.
NO_SYSTEM_TIME = ["value", "expr", "engine", "api", "outbox", "dedup", "feed", "sink",
                  "relay"]
SYSTEM_TIME = re.compile(
    r"\b(clock_gettime|gettimeofday|getrandom|nanosleep|usleep|sleep|rand|random|time)\s*\((?!env)")

# A path of a home folder or a build machine, spelled so that this line does not match itself.
PRIVATE = re.compile(r"/(?:root|home|work)/[a-z]")


def files(*patterns):
    out = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"] + list(patterns),
                                  text=True)
    return [path for path in out.split("\n") if path and os.path.exists(path)]


def strip_comments(text):
    blank = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', lambda m: '"' + " " * (len(m.group(0)) - 2) + '"', text)


def check_layers():
    problems = []
    for path in files("src/*.c", "src/*.h", "src/*.cpp", "tests/*.c", "examples/*.c"):
        layer = path.split("/")[1] if path.startswith("src/") else None
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            header = match.group(1)
            folder = header.split("/")[0]
            if layer and folder in LAYERS and folder != layer:
                allowed = LAYERS.get(layer)
                if allowed is not None and folder not in allowed:
                    problems.append("%s:%d: %s must not include %s" % (path, number, layer, header))
            for pattern, places in FOREIGN.items():
                if re.match(pattern, header) and not any(re.match(p, path) for p in places):
                    problems.append("%s:%d: %s belongs in %s only" %
                                    (path, number, header, ", ".join(places)))
            if path.startswith("examples/") and '"' in line:
                problems.append("%s:%d: examples use public headers only" % (path, number))
        if layer and layer not in LAYERS:
            problems.append("%s: no layer of that name" % path)
    return problems


def check_time():
    problems = []
    for layer in NO_SYSTEM_TIME:
        for path in files("src/%s/*.c" % layer):
            text = strip_comments(open(path, encoding="utf-8").read())
            for number, line in enumerate(text.split("\n"), 1):
                match = SYSTEM_TIME.search(line)
                if match:
                    problems.append("%s:%d: %s(): take it from base/env.h" %
                                    (path, number, match.group(1)))
    return problems


def check_headers():
    problems = []
    for path in files("*.c", "*.h", "*.cpp", "*.py", "*.sh", "meson.build"):
        head = open(path, encoding="utf-8").read(300)
        if "SPDX-License-Identifier: Apache-2.0" not in head:
            problems.append("%s: no SPDX line at its top" % path)
    return problems


def check_text():
    problems = []
    for path in files():
        try:
            text = open(path, encoding="utf-8").read()
        except UnicodeDecodeError:
            continue  # corpora and golden files
        if path.startswith("tests/fuzz/") and "corpus" in path:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if PRIVATE.search(line):
                problems.append("%s:%d: a path of one machine" % (path, number))
            if line.endswith((" ", "\t")) and path.endswith((".c", ".h", ".py", ".md")):
                problems.append("%s:%d: white space at the end" % (path, number))
    return problems


def check_links():
    """Relative links in documents lead to files that are there."""
    problems = []
    for path in files("*.md"):
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", line):
                if "://" in target:
                    continue
                if not os.path.exists(os.path.join(os.path.dirname(path), target)):
                    problems.append("%s:%d: there is no %s" % (path, number, target))
    return problems


def tool(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        return []
    return (done.stdout.strip() or "%s failed" % command[0]).split("\n")


def check_format():
    return tool(["clang-format", "--dry-run", "-Werror"] + files("*.c", "*.h", "*.cpp"))


def check_shell():
    return tool(["shellcheck", "dev", ".ci/run"] + files("*.sh"))


def check_cppcheck():
    return tool(["cppcheck", "--quiet", "--error-exitcode=1", "--std=c11", "-j2",
                 "--enable=warning,portability", "--inline-suppr", "-Iinclude", "-Isrc",
                 "--suppress=missingIncludeSystem", "--suppress=unknownMacro", "--suppress=varFuncNullUB",
                 "--suppress=normalCheckLevelMaxBranches"] + files("src/*.c", "examples/*.c"))


def check_python():
    return tool(["/usr/bin/python3", "-m", "compileall", "-q"] + files("*.py"))


def check_guarantees():
    return guarantees.drift()


CHECKS = [("layers", check_layers), ("time and chance", check_time), ("SPDX", check_headers),
          ("text", check_text), ("links", check_links), ("format", check_format),
          ("shellcheck", check_shell), ("python", check_python),
          ("guarantees", check_guarantees), ("cppcheck", check_cppcheck)]


def main():
    parser = argparse.ArgumentParser(prog="./dev lint", description=__doc__)
    parser.add_argument("--summary", help="write '<passed> <failed>' to this file")
    options = parser.parse_args()
    passed = failed = 0
    for name, check in CHECKS:
        problems = check()
        if problems:
            failed += 1
            print("lint: %s" % name)
            for problem in problems[:60]:
                print("  " + problem)
            if len(problems) > 60:
                print("  and %d more" % (len(problems) - 60))
        else:
            passed += 1
    print("lint: %d checks passed, %d failed" % (passed, failed))
    if options.summary:
        with open(options.summary, "w") as file:
            file.write("%d %d\n" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
