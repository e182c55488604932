# SPDX-License-Identifier: Apache-2.0
"""The installed library, as an application gets it: its symbols and its headers."""

import re
import subprocess


def library_folder(prefix):
    return next(path for path in prefix.rglob("libweir.so")).parent


def test_only_public_names_are_exported(installed):
    library = library_folder(installed) / "libweir.so"
    text = subprocess.check_output(["nm", "-D", "--defined-only", str(library)], text=True)
    names = [line.split()[-1].split("@")[0] for line in text.splitlines()]
    assert [name for name in names if not name.startswith("weir_") and name != "WEIR_0"] == []
    declared = set()
    for header in (installed / "include/weir").glob("*.h"):
        declared |= set(re.findall(r"^WEIR_API [^;(]*?\b(weir_\w+)\(", header.read_text(), re.M | re.S))
    assert declared and declared <= set(names)


def test_headers_stand_alone_and_compile_as_cplusplus(installed):
    for header in sorted((installed / "include/weir").glob("*.h")):
        for command in (["cc", "-x", "c", "-std=c11"], ["c++", "-x", "c++", "-std=c++17"]):
            subprocess.run(command + ["-Wall", "-Werror", "-fsyntax-only", "-I%s" % (installed / "include"),
                                      str(header)], check=True, timeout=60)
