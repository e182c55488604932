# SPDX-License-Identifier: Apache-2.0
"""The installed library, as an application gets it: its symbols, its pkg-config file, the README's program."""

import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("WEIR_BUILD", os.path.join(ROOT, "build/test"))


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """What `meson install` would bring, in a folder of its own."""
    folder = tmp_path_factory.mktemp("install")
    environment = dict(os.environ, DESTDIR=str(folder))
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], check=True,
                   env=environment, stdout=subprocess.DEVNULL, timeout=60)
    return folder / "usr/local"


def library_folder(prefix):
    return next(path for path in prefix.rglob("libweir.so")).parent


def test_only_public_names_are_exported(prefix):
    library = library_folder(prefix) / "libweir.so"
    text = subprocess.check_output(["nm", "-D", "--defined-only", str(library)], text=True)
    names = [line.split()[-1].split("@")[0] for line in text.splitlines()]
    assert [name for name in names if not name.startswith("weir_") and name != "WEIR_0"] == []
    declared = set()
    for header in (prefix / "include/weir").glob("*.h"):
        declared |= set(re.findall(r"^WEIR_API [^;(]*?\b(weir_\w+)\(", header.read_text(), re.M | re.S))
    assert declared and declared <= set(names)


def test_headers_stand_alone_and_compile_as_cplusplus(prefix):
    for header in sorted((prefix / "include/weir").glob("*.h")):
        for command in (["cc", "-x", "c", "-std=c11"], ["c++", "-x", "c++", "-std=c++17"]):
            subprocess.run(command + ["-Wall", "-Werror", "-fsyntax-only", "-I%s" % (prefix / "include"),
                                      str(header)], check=True, timeout=60)


def test_A7_the_readmes_program_runs_as_written(prefix, tmp_path):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        program = re.search(r"^```c\n(.*?)^```$", file.read(), re.M | re.S).group(1)
    (tmp_path / "hello.c").write_text(program)
    folder = library_folder(prefix)
    environment = dict(os.environ, PKG_CONFIG_PATH=str(folder / "pkgconfig"), LD_LIBRARY_PATH=str(folder),
                       PKG_CONFIG_SYSROOT_DIR=str(prefix.parent.parent))
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "weir"], env=environment,
                                    text=True).split()
    subprocess.run(["cc", "-Wall", "-Werror", "hello.c"] + flags + ["-o", "hello"], check=True,
                   cwd=tmp_path, env=environment, timeout=60)
    out = subprocess.check_output(["./hello"], cwd=tmp_path, env=environment, text=True, timeout=60)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\n", out)
