# SPDX-License-Identifier: Apache-2.0
"""Completion, by the shells themselves: bash, zsh and fish take the program's script and complete
command lines with it, in a terminal where that is how they work."""
import os
import pathlib
import pty
import re
import select
import subprocess
import time

import pytest

import support


@pytest.fixture
def shell_env(tmp_path):
    """`weir` in PATH, and a home folder without the developer's own settings."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "weir").symlink_to(pathlib.Path(support.PROGRAM).resolve())
    return support.environment(PATH="%s:%s" % (folder, os.environ["PATH"]), HOME=str(tmp_path),
                               TERM="dumb", LC_ALL="C.UTF-8", XDG_CONFIG_HOME=str(tmp_path),
                               XDG_DATA_HOME=str(tmp_path))


def offered(*words, **more):
    """The candidates for the last word."""
    done = support.weir("completion", "complete", "--", *words, **more)
    assert done.returncode == 0, done.stderr
    return [line.split("\t")[0] for line in done.stdout.decode().splitlines()]


# ---- what is offered ----


def test_first_words_are_groups_and_commands():
    found = offered("")
    assert {"outbox", "dedup", "relay", "serve", "doctor"} <= set(found)
    assert len(found) == len(set(found))
    assert offered() == found
    assert offered("doc") == ["doctor"]


def test_second_words_are_the_commands_of_a_group():
    assert offered("dedup", "cl") == ["claim"]
    assert offered("serve", "") == []
    assert offered("nonsense", "") == []


def test_options_are_those_of_the_command_and_the_common_ones_once():
    found = offered("outbox", "ls", "--")
    assert {"--limit", "--endpoint-url"} <= set(found)
    found = offered("outbox", "ls", "--limit", "3", "--quiet", "--")
    assert "--limit" not in found and "--quiet" not in found and "--key" in found


@pytest.mark.parametrize("words, expected", [
    (["outbox", "ls", "--output", ""], ["text", "json"]),
    (["outbox", "ls", "-o", "j"], ["json"]),
    (["outbox", "ls", "--output=j"], ["--output=json"]),
    (["outbox", "ls", "--output=json", "--color", "a"], ["auto", "always"]),
    (["relay", "run", "--to", "f"], ["file"]),
    (["completion", "f"], ["fish"]),
    (["serve", "--data", "x"], [":dir"]),
    (["relay", "run", "-f", ""], [":file"]),
    (["help", "dedup", "ch"], ["check"]),
    (["help", "doc"], ["doctor"]),
    (["dedup", "check", ""], []),
    (["outbox", "ls", "--", "--"], []),
    (["outbox", "ls", "--brew", ""], []),
])
def test_values_are_completed_by_their_kind(words, expected):
    assert offered(*words) == expected


def test_names_of_relays_come_from_the_configuration(tmp_path):
    (tmp_path / "weir.yaml").write_text("relays:\n  - name: first\n    to: stdout\n"
                                        "  - name: second\n    to: stdout\n")
    assert offered("relay", "run", "--name", "", cwd=tmp_path) == ["first", "second"]
    (tmp_path / "weir.yaml").write_text("nonsense")
    assert offered("relay", "run", "--name", "", cwd=tmp_path) == []


def test_names_of_profiles_come_from_both_of_awss_files(tmp_path):
    (tmp_path / "config").write_text("[default]\n[profile dev]\nregion=x\n[services s]\n")
    (tmp_path / "credentials").write_text("[prod]\naws_access_key_id = x\n")
    env = support.environment(AWS_CONFIG_FILE=str(tmp_path / "config"),
                              AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"))
    assert offered("table", "ls", "--profile", "", env=env) == ["default", "dev", "prod"]
    assert offered("table", "ls", "--profile", "p", env=env) == ["prod"]


def test_names_of_tables_come_from_the_endpoint(shared, api):
    support.create_table(api, "completed-table")
    assert "completed-table" in offered("outbox", "ls", "--endpoint-url", shared.endpoint, "-t",
                                        "comp")
    assert offered("outbox", "ls", "--endpoint-url", "http://127.0.0.1:1", "-t", "") == []
    assert offered("outbox", "ls", "--endpoint-url", "memory:", "-t", "") == []


def test_an_endpoint_that_never_answers_does_not_hold_the_key_press():
    with support.socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        done = subprocess.run([support.PROGRAM, "completion", "complete", "--", "outbox", "ls",
                               "--endpoint-url", "http://127.0.0.1:%d" % silent.getsockname()[1],
                               "-t", ""], capture_output=True, timeout=20,
                              env=support.environment())
        assert done.stdout == b""


def test_an_unknown_shell_is_usage():
    assert support.weir("completion", "tcsh").returncode == 64
    assert support.weir("completion").returncode == 64


def test_every_choice_of_the_table_is_taken_and_nothing_else():
    assert support.weir("version", "-o", "yaml").returncode == 64
    assert support.weir("version", "-o", "").returncode == 64
    assert support.weir("version", "-o", "text|json").returncode == 64
    assert support.weir("version", "-o", "json").returncode == 0


# ---- the shells ----


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        self.text = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern, seconds=30):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, "no %r in %r" % (pattern, self.text)
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        found, self.text = self.text, ""
        return found

    def close(self):
        os.kill(self.pid, support.signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_bash_has_the_function(shell_env):
    done = subprocess.run(["bash", "--norc", "-c", "source <(weir completion bash); "
                           "complete -p weir"], env=shell_env, capture_output=True, timeout=30)
    assert done.returncode == 0 and b"-F _weir weir" in done.stdout, done.stderr


def bash_words(env, line, words, cwd=None):
    """COMPREPLY for COMP_WORDS as bash splits them: at blanks, "=" and ":"."""
    script = ("source <(weir completion bash); compopt() { :; }; COMP_LINE=$1; "
              "COMP_POINT=${#1}; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _weir; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", line, *words], env=env, cwd=cwd,
                          capture_output=True, timeout=30)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    return done.stdout.decode().split("\n")[:-1]


@pytest.mark.parametrize("line, words, expected", [
    ("weir doc", ["weir", "doc"], ["doctor"]),
    ("weir dedup cl", ["weir", "dedup", "cl"], ["claim"]),
    ("weir  outbox   ls --li", ["weir", "outbox", "ls", "--li"], ["--limit"]),
    ("weir outbox ls -o ", ["weir", "outbox", "ls", "-o", ""], ["text", "json"]),
    ("weir outbox ls --output=", ["weir", "outbox", "ls", "--output", "="], ["text", "json"]),
    ("weir outbox ls --output=j", ["weir", "outbox", "ls", "--output", "=", "j"], ["json"]),
    ("weir outbox ls --endpoint-url http://127.0.0.1:1 --li",
     ["weir", "outbox", "ls", "--endpoint-url", "http", ":", "//127.0.0.1", ":", "1", "--li"],
     ["--limit"]),
])
def test_bash_completes(shell_env, line, words, expected):
    assert bash_words(shell_env, line, words) == expected


def test_bash_completes_on_a_terminal(shell_env):
    terminal = Terminal(["bash", "--norc", "-i"], shell_env)
    try:
        terminal.send("PS1=; bind 'set enable-bracketed-paste off'; "
                      "source <(weir completion bash); echo rea''dy\n")
        terminal.read_until(r"\nready")
        terminal.send("weir vers\t--out\tjs\t\n")
        assert '"operations"' in terminal.read_until(r"unsupportedOperations")
    finally:
        terminal.close()


def test_bash_completes_files_and_folders(shell_env, tmp_path):
    folder = tmp_path / "in here"
    folder.mkdir()
    (folder / "one.yaml").write_text("")
    (folder / "deep").mkdir()
    found = bash_words(shell_env, "weir relay run -f o", ["weir", "relay", "run", "-f", "o"], folder)
    assert found == ["one.yaml"]
    found = bash_words(shell_env, "weir serve -d ", ["weir", "serve", "-d", ""], folder)
    assert found == ["deep"]


def fish_completes(env, line, cwd=None):
    done = subprocess.run(["fish", "--no-config", "-c", "weir completion fish | source; "
                           "complete -C $argv[1]", line], env=env, cwd=cwd, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    return [found.split("\t")[0] for found in done.stdout.decode().splitlines()]


@pytest.mark.parametrize("line, expected", [
    ("weir doc", ["doctor"]),
    ("weir dedup cl", ["claim"]),
    ("weir outbox ls --li", ["--limit"]),
    ("weir outbox ls --output ", ["json", "text"]),
    ("weir outbox ls --output=j", ["--output=json"]),
    ("weir relay run -f o", ["one.yaml"]),
    ("weir serve --data de", ["deep/"]),
])
def test_fish_completes(shell_env, tmp_path, line, expected):
    (tmp_path / "one.yaml").write_text("")
    (tmp_path / "deep").mkdir()
    assert sorted(fish_completes(shell_env, line, tmp_path)) == expected


def test_fish_shows_what_each_is(shell_env):
    done = subprocess.run(["fish", "--no-config", "-c", "weir completion fish | source; "
                           "complete -C 'weir outbox l'"], env=shell_env, capture_output=True,
                          timeout=60)
    assert done.stdout.decode() == "ls\tlist pending messages, oldest first\n"


@pytest.fixture
def zsh(shell_env, tmp_path):
    (tmp_path / "one.yaml").write_text("")
    (tmp_path / "deep").mkdir()
    terminal = Terminal(["zsh", "-f", "-i"], shell_env)
    terminal.send("PS1=; unset zle_bracketed_paste; autoload -U compinit; compinit -u -D; "
                  "source <(weir completion zsh); cd %s; echo rea''dy\n" % tmp_path)
    terminal.read_until(r"\nready")
    yield terminal
    terminal.close()


@pytest.mark.parametrize("typed, completed", [
    ("weir doc\t", "weir doctor"),
    ("weir dedup cl\t", "weir dedup claim"),
    ("weir outbox ls --li\t", "weir outbox ls --limit"),
    ("weir outbox ls -o j\t", "weir outbox ls -o json"),
    ("weir outbox ls --output=j\t", "weir outbox ls --output=json"),
    ("weir relay run -f o\t", "weir relay run -f one.yaml"),
    ("weir serve --data de\t", "weir serve --data deep"),  # its slash goes with the cursor
])
def test_zsh_completes(zsh, typed, completed):
    # ^A goes to the line's beginning: the completed line becomes an argument of print.
    zsh.send(typed + "\x01print -r -- got: \x05 :end\n")
    shown = zsh.read_until(r"\ngot: .*:end")
    assert re.search(r"\ngot: (.*) :end", shown).group(1).split() == completed.split()


def test_zsh_lists_what_there_is_with_descriptions(zsh):
    zsh.send("weir outbox \t\t")
    shown = zsh.read_until("count pending")
    assert "list pending messages" in shown or "list pending messages" in zsh.read_until("oldest")
