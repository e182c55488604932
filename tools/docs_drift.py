#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/CONFIGURATION.md and docs/COMMANDS.md, from the program's own tables.

`docs_drift.py [BUILD]` rewrites them with the program of a build folder (build/test); drift() says
which are out of date, for lint and tests.
"""

import argparse
import subprocess
import sys

DOCUMENTS = {
    "docs/CONFIGURATION.md": ["config", "keys", "--markdown"],
    "docs/COMMANDS.md": ["help", "--markdown"],
}


def generated(build_dir, words):
    return subprocess.check_output([build_dir + "/src/cli/weir"] + words, text=True)


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def drift(build_dir):
    """A list of problems, empty when the documents are current."""
    return ["%s is not what the program says: run tools/docs_drift.py" % path
            for path, words in DOCUMENTS.items() if read(path) != generated(build_dir, words)]


def rewrite(build_dir):
    texts = {path: generated(build_dir, words) for path, words in DOCUMENTS.items()}
    for path, text in texts.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/test", help="build folder (build/test)")
    rewrite(parser.parse_args().build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
