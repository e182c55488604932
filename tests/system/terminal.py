# SPDX-License-Identifier: Apache-2.0
"""A command on a terminal: what it shows, and answers to what it asks."""
import os
import pty
import subprocess

import support


class Terminal:
    """A process whose standard error (and input, when asked) is a terminal."""

    def __init__(self, command, stdin=True, stdout=subprocess.DEVNULL, cwd=None):
        self.ours, theirs = pty.openpty()
        self.child = subprocess.Popen(command, stdin=theirs if stdin else subprocess.DEVNULL,
                                      stdout=stdout, stderr=theirs, cwd=cwd,
                                      env=support.environment())
        os.close(theirs)
        self.shown = b""

    def read(self):
        """More of what is shown; False at the end."""
        try:
            more = os.read(self.ours, 4096)
        except OSError:  # the terminal's other end is closed
            more = b""
        self.shown += more
        return bool(more)

    def wait_for(self, text):
        while text not in self.shown:
            assert self.read(), "%r was not shown: %r" % (text, self.shown)

    def type(self, text):
        os.write(self.ours, text)

    def end(self):
        """Reads to the end; the exit code."""
        while self.read():
            pass
        os.close(self.ours)
        return self.child.wait(30)


def shown(*words, env):
    """What a command shows whose input and output are a terminal; it ends well."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(support.PROGRAM, [support.PROGRAM, *words], env)
    text = b""
    try:
        while chunk := os.read(fd, 65536):
            text += chunk
    except OSError:  # the other end is closed
        pass
    os.close(fd)
    assert os.waitpid(pid, 0)[1] == 0, text
    return text.decode()
