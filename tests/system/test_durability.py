# SPDX-License-Identifier: Apache-2.0
"""K4: what was acknowledged survives, nothing is half there, damage is reported and not served."""
import hashlib
import threading

import pytest

import support

WRITERS = 6
ROUNDS = 200 if support.SOAK else 20


class Writers:
    """Threads that write until the server is gone, each remembering what was acknowledged. A name
    is used once: "s..." is a single item, "t..." a transaction of two, "<name>/a" and "/b"."""

    def __init__(self, port, table):
        self.port, self.table = port, table
        self.acknowledged, self.unexpected = set(), []
        self.mutex = threading.Lock()
        self.threads = support.in_threads(self.write, WRITERS)

    def item(self, name):
        return {"pk": {"S": name}, "filler": {"S": "x" * 200}}

    def one(self, api, writer, number):
        if number % 2 == 0:
            name = "s%d.%d" % (writer, number)
            status, answer = api.send("PutItem", {"TableName": self.table,
                                                  "Item": self.item(name)})
        else:
            name = "t%d.%d" % (writer, number)
            puts = [{"Put": {"TableName": self.table, "Item": self.item(name + half)}}
                    for half in ("/a", "/b")]
            status, answer = api.send("TransactWriteItems", {"TransactItems": puts})
        with self.mutex:
            if status == 200:
                self.acknowledged.add(name)
            else:
                self.unexpected.append((status, answer))

    def write(self, writer):
        api, number = support.Api(self.port), 0
        try:
            while True:
                self.one(api, writer, number)
                number += 1
        except support.Unanswered:
            pass

    def count(self):
        with self.mutex:
            assert not self.unexpected, self.unexpected[0]
            return len(self.acknowledged)

    def end(self):
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def check_round(api, table, acknowledged):
    names = {item["pk"]["S"] for item in support.scan(api, table)}
    records = support.stream_records(api, table)
    recorded = [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]
    for name in acknowledged:
        wanted = {name} if name[0] == "s" else {name + "/a", name + "/b"}
        assert wanted <= names, "acknowledged and gone: %s" % (wanted - names)
    for name in names:
        if name[0] == "t":
            assert name[:-1] + ("b" if name[-1] == "a" else "a") in names, "half of %s" % name
    assert len(recorded) == len(set(recorded)), "a change is recorded twice"
    assert set(recorded) == names, "items and their records differ"


def test_K4_kill_9_during_writes_keeps_every_acknowledged_write(serve):
    chance = support.chance("kill")
    server = serve("--durability", "sync")
    for n in range(ROUNDS):
        table = "round-%d" % n
        support.create_table(support.Api(server.port), table)
        writers = Writers(server.port, table)
        enough = chance.randint(1, 400)
        support.wait_until(lambda: writers.count() >= enough, "%d writes" % enough)
        server.kill()
        writers.end()
        server = serve("--durability", "sync")
        check_round(support.Api(server.port), table, writers.acknowledged)
    assert server.stop() == 0


def test_K4_relaxed_survives_the_death_of_the_process(serve):
    server = serve("--durability", "relaxed")
    support.create_table(support.Api(server.port), "table")
    writers = Writers(server.port, "table")
    support.wait_until(lambda: writers.count() >= 300, "300 writes")
    server.kill()
    writers.end()
    server = serve("--durability", "relaxed")
    check_round(support.Api(server.port), "table", writers.acknowledged)


@pytest.mark.parametrize("point", ["engine.before_commit", "engine.after_commit",
                                   "server.before_answer"])
def test_K4_killed_at_each_step_of_a_commit(serve, point):
    nth = support.chance(point).randint(3, 60)
    server = serve()
    support.create_table(support.Api(server.port), "table")
    assert server.stop() == 0
    server = serve(env=support.environment(WEIR_FAULTS="%s=kill@%d" % (point, nth)))
    writers = Writers(server.port, "table")
    assert server.wait() == -9, "the fault point was not passed %d times" % nth
    writers.end()
    server = serve()
    check_round(support.Api(server.port), "table", writers.acknowledged)


# ---- damage ----


def fill(serve, end, items=400):
    server = serve("--durability", "sync")
    api = support.Api(server.port)
    support.create_table(api, "table")
    for n in range(items):
        api.call("PutItem", TableName="table",
                 Item={"pk": {"S": "item-%04d" % n}, "filler": {"S": "%d" % n * 100}})
    end(server)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def contents(folder):
    """Of all but HOLDER, which says who has the folder open."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.iterdir()) if path.name != "HOLDER"}


def largest(folder, pattern):
    return max(folder.glob(pattern), key=lambda path: path.stat().st_size)


def test_K4_a_flipped_byte_in_the_log_is_refused_and_nothing_changes(serve, tmp_path):
    fill(serve, lambda server: server.kill())
    log = largest(tmp_path / "data", "*.log")
    flip(log, log.stat().st_size // 2)
    before = contents(tmp_path / "data")
    for _ in range(2):  # the refusal itself must not make the next start succeed
        run = support.weir("serve", "--data", str(tmp_path / "data"), "--port", "0")
        assert run.returncode == 1, run.stderr
        assert log.name.encode() in run.stderr
        assert b"nothing was changed" in run.stderr
        assert contents(tmp_path / "data") == before


def test_K4_a_torn_tail_opens_and_says_so(serve, tmp_path):
    fill(serve, lambda server: server.kill(), items=50)
    log = largest(tmp_path / "data", "*.log")
    with open(log, "r+b") as file:
        file.truncate(log.stat().st_size - 3)
    server = serve(name="again")
    assert "torn_tail=yes" in server.log
    names = {item["pk"]["S"] for item in support.scan(support.Api(server.port), "table")}
    assert names == {"item-%04d" % n for n in range(49)}, "more than the torn write is gone"


def test_K4_a_flipped_byte_in_a_table_file_is_never_read_as_less(serve, tmp_path):
    fill(serve, lambda server: server.stop())
    table = largest(tmp_path / "data", "*.sst")
    flip(table, table.stat().st_size // 3)
    try:
        server = serve(name="again")
    except AssertionError as refused:
        assert table.name in str(refused)
        return
    api = support.Api(server.port)
    answers = [api.send("Scan", {"TableName": "table"})]
    arn, all_shards = support.shards(api, "table")
    for shard in all_shards:
        answers.append(api.send("GetRecords", {"ShardIterator": support.iterator(api, arn, shard)}))
    assert any(status == 500 for status, _ in answers), "damaged data was served"
    assert server.running()


def test_K4_a_clean_stop_loses_nothing_and_says_nothing(serve, tmp_path):
    fill(serve, lambda server: server.stop(), items=20)
    server = serve(name="again")
    assert len(support.scan(support.Api(server.port), "table")) == 20
    assert "recovered" not in server.log
