# SPDX-License-Identifier: Apache-2.0
"""Runs the snippets of a page as its reader would, from top to bottom, in one folder.

  ```c       pieces up to the one with main() are a program: compiled against the installed libraries
             whose headers it includes, with warnings as errors, and run
  ```yaml    becomes weir.yaml (a piece without `relays:` is put where it belongs), and is checked
  ```python  becomes the file that the text before it names (`place.py`)
  ```sh      runs in one shell for the whole page; `weir dev`, `weir serve` and a relay without an
             end run beside it until the page, or another of their kind, ends them
  ```        right after one of these is what it prints; commands that only look are repeated until
             they do, since relays and tables take their moment

Port 8000 is a free one here. Times and ids are compared by their form. The block's line in the page
stands in every failure.
"""
import os
import re
import shutil
import subprocess

import support

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SERVICE = re.compile(r"^weir (dev|serve|relay run)\b")
READS = re.compile(r"^(weir (outbox (stats|ls|show)|item (get|query|scan)|table (ls|desc)|dedup (ls|check)) .*|"
                   r"weir outbox stats|weir table ls|cat .*|tail .*|)$")
FORMS = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
    (r"shardId-[0-9]+-[0-9a-f]+", "<shard>"),
    (r"\b\d{21,40}\b", "<sequence>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"\b\d+\.\d s\b", "<seconds>"),
    (r"\b\d{13}\b", "<ms>"),
    (r"\d+(\.\d+)?/s\b", "<rate>"),
]


class Block:
    def __init__(self, page, match, before, after_block):
        self.kind, self.text = match.group(1), match.group(2)
        self.place = "%s:%d" % (page, before.count("\n") + 1)
        self.named = (re.findall(r"`([\w-]+\.\w+)`", before[-400:]) or [None])[-1]
        self.follows = after_block  # only blank lines stand between


def blocks_of(path):
    text = path.read_text(encoding="utf-8")
    blocks, end = [], 0
    for match in FENCE.finditer(text):
        between = text[end:match.start()]
        blocks.append(Block(path.name, match, text[:match.start()],
                            bool(blocks) and between.strip() == ""))
        end = match.end()
    return blocks


def formed(text):
    for form, name in FORMS:
        text = re.sub(form, name, text)
    return [line.rstrip() for line in text.strip().splitlines()]


class Shell:
    """One bash for a page; each block's output is read up to a line that only it can print."""

    MARK = "<end of block>"

    def __init__(self, folder, environment):
        self.child = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=folder,
                                      env=environment, stdin=subprocess.PIPE, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, text, place):
        self.child.stdin.write("{ %s\n} </dev/null\nprintf '\\n%%s %%s\\n' '%s' $?\n" %
                               (text, self.MARK))
        self.child.stdin.flush()
        lines = []
        for line in self.child.stdout:
            if line.startswith(self.MARK):
                code = int(line.split()[-1])
                out = "".join(lines)
                assert code == 0, "%s ended with %d:\n%s%s" % (place, code, text, out)
                return out[:-1]
            lines.append(line)
        raise AssertionError("%s: the shell ended:\n%s%s" % (place, text, "".join(lines)))

    def close(self):
        self.child.stdin.close()
        self.child.kill()
        self.child.wait()


class Page:
    def __init__(self, path, folder, prefix, keep, left_out):
        self.path, self.folder, self.keep = path, folder, keep
        self.left_out = left_out  # (beginning, reason) of blocks that are shown otherwise
        self.left = set()
        self.port = support.free_port()
        self.services = {}
        self.pieces, self.out, self.background = [], None, None
        self.looks = None  # the last block, if it may be repeated
        self.environment = self.installed(prefix)
        self.shell = Shell(folder, self.environment)

    def installed(self, prefix):
        """The environment of somebody who ran `./dev install`."""
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "weir").symlink_to(support.PROGRAM)
        for name in ("python3", "aws"):  # Debian's, whatever else comes first on PATH
            (programs / name).symlink_to("/usr/bin/" + name)
        nowhere = "http://127.0.0.1:9"  # nothing leaves this machine, whatever a snippet says
        return support.installed_environment(
            prefix, PATH="%s:%s" % (programs, os.environ["PATH"]), HOME=str(self.folder),
            WEIR_EXAMPLES=str(support.ROOT / "examples"), http_proxy=nowhere, https_proxy=nowhere,
            HTTPS_PROXY=nowhere, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")

    def here(self, text):
        return re.sub(r"\b8000\b", str(self.port), text)

    def run(self):
        try:
            for block in blocks_of(self.path):
                self.take(block)
            assert self.pieces == [], "a C program without main()"
            unused = {beginning for beginning, _ in self.left_out} - self.left
            assert not unused, "left out, and not there: %s" % unused
        finally:
            self.shell.close()
            for service in self.services.values():
                service.stop()

    def take(self, block):
        for beginning, _ in self.left_out:
            if block.text.startswith(beginning):
                self.left.add(beginning)
                self.out = None
                return
        getattr(self, "take_" + (block.kind or "output"))(block)

    def take_c(self, block):
        self.pieces.append(block.text)
        self.out = self.looks = None
        if not re.search(r"^int main\(", block.text, re.M):
            return
        source, program = self.folder / "program.c", self.folder / "program"
        source.write_text(self.here("".join(self.pieces)))
        self.pieces = []
        done = support.compile_installed(source, program, self.environment)
        assert done.returncode == 0, "%s: cc: %d\n%s" % (block.place, done.returncode, done.stderr)
        done = subprocess.run(["./program"], cwd=self.folder, env=self.environment, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, "%s: ./program: %d\n%s%s" % (
            block.place, done.returncode, done.stdout, done.stderr)
        self.out = done.stdout

    def take_yaml(self, block):
        text = self.here(block.text)
        if not re.search(r"^(relays|outboxes|server|endpoint|dedup):", text, re.M):
            inside = "".join("    " + line + "\n" for line in text.splitlines())
            text = "relays:\n  - name: page\n    from: { outbox: outbox }\n" + inside
        (self.folder / "weir.yaml").write_text(text)
        done = support.weir("doctor", "--offline", cwd=self.folder, env=self.environment)
        assert done.returncode != 78, "%s: %s" % (block.place, done.stderr.decode())
        self.out = None

    def take_python(self, block):
        assert block.named, block.place + ": the text before does not name the file"
        (self.folder / block.named).write_text(self.here(block.text))
        self.out = None

    def take_json(self, block):
        self.take_python(block)

    def take_sh(self, block):
        self.out, text = "", ""
        only_looks = all(READS.match(line) for line in block.text.splitlines())
        self.looks = block if only_looks else None
        for line in self.here(block.text).splitlines():
            service = SERVICE.match(line)
            if service and "--once" not in line:
                self.out += self.flush(text, block)
                text = ""
                self.start(service.group(1), line.split("#")[0].split()[1:], block)
            elif line.startswith("cc "):
                # The page's program is there by its name, as the reader typed it.
                source = re.search(r"(\w+\.c)", line).group(1)
                shutil.copy(self.folder / "program.c", self.folder / source)
                text += line + "\n"
            else:
                text += line + "\n"
        self.out += self.flush(text, block)

    def flush(self, text, block):
        return self.shell.run(text, block.place) if text.strip() else ""

    def start(self, kind, words, block):
        engine = kind in ("dev", "serve")
        slot = "engine" if engine else " ".join(words)
        if slot in self.services:
            assert self.services.pop(slot).stop() == 0, block.place
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        if engine and "--port" not in words:
            words = words + ["--port", str(self.port)]
        if engine and "--port-file" not in words:
            words = words + ["--port-file", str(port_file)]
        number = len(self.services)
        service = self.keep(support.Process([support.PROGRAM] + words,
                                            self.folder / ("service-%d.log" % number),
                                            self.environment, self.folder))
        self.services[slot] = self.background = service
        file = self.folder / words[words.index("--port-file") + 1] if engine else None

        def ready():
            assert service.running(), "%s: ended\n%s" % (block.place, service.log)
            return file.exists() if engine else "relaying" in service.log
        support.wait_until(ready, "%s: %s" % (block.place, words))

    def take_output(self, block):
        if not block.follows or self.out is None:
            return
        expected = formed(self.here(block.text))
        if self.out == "" and self.background is not None:
            def logged():
                return set(expected) <= set(formed(self.background.log))
            support.wait_until(logged, "%s: %s in\n%s" % (block.place, expected,
                                                          self.background.log))
            return
        if self.looks is not None:
            def looked():
                self.take_sh(self.looks)
                return formed(self.out) == expected
            support.wait_until(looked, "%s: %s, at last %s" % (block.place, expected, self.out))
            return
        assert formed(self.out) == expected, "%s: expected %s" % (block.place, expected)
