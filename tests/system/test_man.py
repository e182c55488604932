# SPDX-License-Identifier: Apache-2.0
"""The manual's pages: one per command, rendered without a warning by man-db and mandoc, and
installed with the completions where the shells and man look."""
import json
import os
import re
import subprocess

import pytest

import support
import terminal


def names_of_commands():
    """From the list of commands that help prints: "outbox put"."""
    text = support.weir("help").stdout.decode()
    listed = text.split("\n\n")[2].splitlines()
    return [line[2:].split("  ")[0].strip() for line in listed]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    done = support.weir("man", "--all", str(folder))
    assert done.returncode == 0, done.stderr
    return sorted(folder.glob("man*/*"))


def test_there_is_a_page_for_every_command_and_the_configuration(pages):
    expected = {"weir-%s.1" % name.replace(" ", "-") for name in names_of_commands()}
    assert len(expected) > 15
    assert {page.name for page in pages} == expected | {"weir.1", "weir.yaml.5"}


def test_man_renders_without_a_warning(pages):
    for page in pages:
        done = subprocess.run(["man", "--warnings=w", "-l", "-P", "cat", str(page)],
                              capture_output=True, timeout=60,
                              env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="78"))
        assert done.returncode == 0 and done.stderr == b"", (page.name, done.stderr)
        assert b"NAME" in done.stdout


def test_mandoc_finds_nothing_worse_than_style(pages):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, pages)],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout.decode()


def test_pages_say_what_help_says(pages):
    by_name = {page.name: page for page in pages}
    text = subprocess.run(["man", "-l", "-P", "cat", str(by_name["weir-outbox-ls.1"])],
                          capture_output=True, check=True,
                          env=dict(os.environ, LC_ALL="C.UTF-8")).stdout.decode()
    for part in ("weir outbox ls", "--limit N", "--endpoint-url URL", "not found"):
        assert part in text, text
    text = subprocess.run(["man", "-l", "-P", "cat", str(by_name["weir.yaml.5"])],
                          capture_output=True, check=True,
                          env=dict(os.environ, LC_ALL="C.UTF-8")).stdout.decode()
    keys = json.loads(support.weir("config", "keys", "-o", "json").stdout)
    for key in keys:
        assert key["key"] in text, key


def test_a_page_by_its_command(pages):
    by_name = {page.name: page.read_bytes() for page in pages}
    assert support.weir("man").stdout == by_name["weir.1"]
    assert support.weir("man", "serve").stdout == by_name["weir-serve.1"]
    assert support.weir("man", "outbox", "put").stdout == by_name["weir-outbox-put.1"]
    assert support.weir("man", "weir.yaml").stdout == by_name["weir.yaml.5"]
    assert support.weir("man", "nonsense").returncode == 64
    assert support.weir("man", "--all", "/nonexistent/folder").returncode == 1


def test_on_a_terminal_man_shows_the_page():
    text = terminal.shown("man", "doctor",
                          env=dict(os.environ, PAGER="cat", MANPAGER="cat", LC_ALL="C.UTF-8"))
    shown = re.sub(r".\x08", "", text)  # bold is written twice
    assert ".TH" not in shown and "DESCRIPTION" in shown, text


def test_on_a_terminal_without_man_the_page_is_shown_as_it_is(tmp_path):
    (tmp_path / "sh").symlink_to("/bin/sh")
    assert ".SH DESCRIPTION" in terminal.shown("man", "doctor", env={"PATH": str(tmp_path)})


def test_pages_and_completions_are_installed(tmp_path):
    names = {"src/cli/install/man1": "man1", "src/cli/install/man5": "man5",
             "src/cli/install/weir": "bash-completion/completions",
             "src/cli/install/_weir": "zsh/site-functions",
             "src/cli/install/weir.fish": "fish/vendor_completions.d"}
    plan = json.loads(subprocess.run(["meson", "introspect", "--install-plan", str(support.BUILD)],
                                     capture_output=True, check=True).stdout)
    planned = {path: entry["destination"] for path, entry in plan["targets"].items()}
    for path, part in names.items():
        destination = planned[str(support.BUILD / path)]
        assert part in destination, planned
    for name in ("weir", "_weir", "weir.fish"):
        assert (support.BUILD / "src/cli/install" / name).read_text().count("weir") > 3
