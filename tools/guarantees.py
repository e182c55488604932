#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The lists of tests in docs/guarantees.md: generated from the tests' names.

A test that pins guarantee B4 is called test_B4_...; the block between the two comments

    <!-- tests B4 -->
    <!-- end -->

lists them. `guarantees.py` rewrites the blocks; lint fails when they are out of date, when a
guarantee has no test, and when a test names a guarantee that the page does not have.
"""

import os
import re
import sys

PAGE = "docs/guarantees.md"
NAME = re.compile(r"\btest_([A-M]\d+)_(\w+)")
BLOCK = re.compile(r"<!-- tests ([A-M]\d+) -->\n(.*?)<!-- end -->", re.S)


def tests_by_guarantee():
    found = {}
    for folder, _, names in sorted(os.walk("tests")):
        for name in sorted(names):
            if not name.endswith((".c", ".py")):
                continue
            path = os.path.join(folder, name)
            text = open(path, encoding="utf-8").read()
            defined = re.findall(r"^(?:static void |def |    def )(test_([A-M]\d+)_\w+)", text, re.M)
            for test, guarantee in defined:
                found.setdefault(guarantee, set()).add((path, test))
    return found


def render(text, found):
    def block(match):
        lines = ["- `%s` in %s\n" % (test, path)
                 for path, test in sorted(found.get(match.group(1), []))]
        return "<!-- tests %s -->\n%s<!-- end -->" % (match.group(1), "".join(lines))
    return BLOCK.sub(block, text)


def drift():
    if not os.path.exists(PAGE):
        return ["%s is missing" % PAGE]
    text = open(PAGE, encoding="utf-8").read()
    found = tests_by_guarantee()
    listed = {match.group(1) for match in BLOCK.finditer(text)}
    problems = []
    if render(text, found) != text:
        problems.append("%s: its lists of tests are out of date: run tools/guarantees.py" % PAGE)
    for guarantee in sorted(listed):
        if not found.get(guarantee):
            problems.append("%s: no test is named after %s" % (PAGE, guarantee))
    for guarantee in sorted(set(found) - listed):
        problems.append("%s: tests name %s, which the page does not have" % (PAGE, guarantee))
    return problems


def main():
    text = open(PAGE, encoding="utf-8").read()
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(render(text, tests_by_guarantee()))
    for problem in drift():
        print(problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
