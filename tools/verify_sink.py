#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The verifier of the main job: reads only what the sink received, and judges it.

It is told how many orders there are and over how many keys; order i (from 0) belongs to key
i % keys and is that key's (i // keys + 1)-th. Each message carries its key and that number.

  lost            an order that never arrived
  out of order    delivered for the first time after a later message of its key
  duplicated      delivered again (a replay after a crash is one)

One JSON line per report on stdout; it ends when standard input does, after reading what is there.
"""

import argparse
import json
import os
import select
import socket
import sys


class Judge:
    def __init__(self):
        self.seen = {}      # key -> set of numbers
        self.highest = {}   # key -> the highest number seen
        self.received = self.distinct = self.out_of_order = self.duplicated = 0
        self.malformed = 0
        self.last = ""

    def take(self, key, text):
        self.received += 1
        try:
            order = json.loads(text)
            number = int(order["sequence"])
            if order["customer"] != key or number < 1:
                raise ValueError(text)
        except (ValueError, KeyError, TypeError):
            self.malformed += 1
            return
        numbers = self.seen.setdefault(key, set())
        if number in numbers:
            self.duplicated += 1
            return
        numbers.add(number)
        self.distinct += 1
        if number < self.highest.get(key, 0):
            self.out_of_order += 1
        self.highest[key] = max(number, self.highest.get(key, 0))
        self.last = "%s order %d, total %s" % (key, number, order.get("total", "?"))

    def report(self):
        return {"received": self.received, "distinct": self.distinct,
                "out_of_order": self.out_of_order, "duplicated": self.duplicated,
                "malformed": self.malformed, "last": self.last}

    def lost(self, messages, keys):
        lost = 0
        for k in range(keys):
            expected = messages // keys + (1 if k < messages % keys else 0)
            numbers = self.seen.get("customer-%04d" % k, set())
            lost += sum(1 for n in range(1, expected + 1) if n not in numbers)
        return lost


class FileSource:
    """The file sink's JSON lines; a last line without its end is not there yet."""

    def __init__(self, path):
        self.path, self.file, self.rest = path, None, b""

    def read(self, judge):
        if self.file is None:
            try:
                self.file = open(self.path, "rb")
            except FileNotFoundError:
                return False
        chunk = self.file.read(1 << 20)
        if not chunk:
            return False
        lines = (self.rest + chunk).split(b"\n")
        self.rest = lines.pop()
        for line in lines:
            message = json.loads(line)
            judge.take(message["key"], message["data"])
        return True


class RedisSource:
    """A Redis stream, read with XREAD over a socket of its own."""

    def __init__(self, port, stream):
        self.port, self.stream, self.last = port, stream, b"0-0"
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.input = self.socket.makefile("rb")

    def command(self, *words):
        text = b"*%d\r\n" % len(words)
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            text += b"$%d\r\n%s\r\n" % (len(word), word)
        self.socket.sendall(text)
        return self.answer()

    def answer(self):
        line = self.input.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            if int(rest) < 0:
                return None
            text = self.input.read(int(rest) + 2)[:-2]
            return text
        if kind == b"*":
            return None if int(rest) < 0 else [self.answer() for _ in range(int(rest))]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        return int(rest) if kind == b":" else rest

    def read(self, judge):
        answer = self.command("XREAD", "COUNT", 2000, "STREAMS", self.stream, self.last)
        if not answer:
            return False
        for entry_id, fields in answer[0][1]:
            self.last = entry_id
            entry = dict(zip(fields[::2], fields[1::2]))
            judge.take(entry[b"key"].decode(), entry[b"data"])
        return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file")
    parser.add_argument("--redis-port", type=int)
    parser.add_argument("--redis-stream", default="weir")
    options = parser.parse_args()
    source = FileSource(options.file) if options.file else RedisSource(options.redis_port,
                                                                       options.redis_stream)
    judge = Judge()
    told = b""
    while True:
        more = source.read(judge)
        print(json.dumps(judge.report()), flush=True)
        if more:
            continue
        # Standard input is the leash: "<messages> <keys>" and its end say that all was sent.
        if select.select([0], [], [], 0.05)[0]:
            chunk = os.read(0, 4096)
            told += chunk
            if not chunk:
                break
    while source.read(judge):
        pass
    final = judge.report()
    if told.strip():
        messages, keys = (int(word) for word in told.split())
        final["lost"] = judge.lost(messages, keys)
    print(json.dumps(final), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
