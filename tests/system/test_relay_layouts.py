# SPDX-License-Identifier: Apache-2.0
"""A relay over every layout, killed on the way: nothing is lost, and nobody's rows are taken."""
import json
import signal

import pytest

import support

BY_MESSAGE = "  - table: messages\n    layout: by-message\n"
INSIDE = ("  - table: deduplication-table\n    partition_name: worker_id\n    sort_name: message_id\n"
          "    ttl_name: expires_at\n    names: { payload: body, isPublished: sent, createdAt: born }\n")
SHARDED = "  - table: sharded\n    pending_shards: 3\n"
CASES = {"by-message": ("messages", BY_MESSAGE), "inside": ("deduplication-table", INSIDE),
         "sharded": ("sharded", SHARDED)}
MESSAGES = 120
KEYS = 5


class Flow:
    """An outbox of one kind on a server, its relay to a file, and orders coming in."""

    def __init__(self, server, keep, folder, case, mark):
        self.server, self.keep, self.folder, self.mark = server, keep, folder, mark
        self.table, outbox = CASES[case]
        (folder / "weir.yaml").write_text(
            "endpoint: %s\noutboxes:\n%srelays:\n  - name: r\n    from: { outbox: %s }\n"
            "    to: { file: { path: out.jsonl } }\n    mark: %s\n" %
            (server.endpoint, outbox, self.table, mark))

    def weir(self, *words, stdin=""):
        return support.weir(*words, stdin=stdin.encode(), cwd=self.folder,
                            env=support.environment(AWS_REGION="us-east-1"))

    def add(self, first, count):
        lines = "".join(json.dumps({"key": "k%d" % (n % KEYS), "id": "m%04d" % n, "type": "order",
                                    "payload": {"n": n}}) + "\n"
                        for n in range(first, first + count))
        done = self.weir("outbox", "put", "--many", "-t", self.table, stdin=lines)
        assert done.returncode == 0, done.stderr

    def relay(self, *options, faults=None):
        environment = {"WEIR_FAULTS": faults} if faults else {}
        return self.keep(support.Process([support.PROGRAM, "relay", "run", *options],
                                         self.folder / "relay.log",
                                         support.environment(**environment), self.folder))

    def delivered(self):
        path = self.folder / "out.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def stats(self):
        done = self.weir("outbox", "stats", "-t", self.table, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def flow(serve, keep, tmp_path):
    return lambda case, mark: Flow(serve(memory=True), keep, tmp_path, case, mark)


def first_deliveries(messages):
    seen, first = set(), []
    for message in messages:
        if message["id"] not in seen:
            seen.add(message["id"])
            first.append(message)
    return first


def check_all_came(flow):
    first = first_deliveries(flow.delivered())
    assert sorted(m["id"] for m in first) == ["m%04d" % n for n in range(MESSAGES)]
    assert all(json.loads(m["data"])["n"] == int(m["id"][1:]) for m in first)
    if flow.table != "messages":  # by-message promises no order
        for key in range(KEYS):
            of_key = [m["id"] for m in first if m["key"] == "k%d" % key]
            assert of_key == sorted(of_key)


@pytest.mark.parametrize("mark", ["update", "delete"])
@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("point", ["relay.after_publish", "relay.after_mark"])
def test_F8_killed_on_the_way_nothing_is_lost_in_any_layout(flow, case, mark, point):
    f = flow(case, mark)
    f.add(0, MESSAGES // 2)
    nth = support.chance(case + mark + point).randint(1, 2 if "publish" in point else 30)
    killed = f.relay(faults="%s=kill@%d" % (point, nth))
    assert killed.wait() == -signal.SIGKILL
    f.add(MESSAGES // 2, MESSAGES - MESSAGES // 2)
    again = f.relay("--once")
    assert again.wait() == 0, again.log
    check_all_came(f)
    stats = f.stats()
    assert stats["pending"] == 0
    assert stats["published"] == (0 if mark == "delete" else MESSAGES)
    count = len(f.delivered())
    last = f.relay("--once")  # marks and deletions are read, and publish nothing
    assert last.wait() == 0, last.log
    assert len(f.delivered()) == count


def test_A8_inside_the_dedup_table_nobody_takes_the_others_rows(flow):
    f = flow("inside", "delete")
    f.add(0, MESSAGES)  # makes the table, with its stream
    claimed = f.weir("dedup", "claim", "w", "job")
    assert claimed.returncode == 0, claimed.stderr
    token = claimed.stdout.decode().strip()
    killed = f.relay(faults="relay.after_mark=kill@5")
    assert killed.wait() == -signal.SIGKILL
    assert f.weir("dedup", "complete", "w", "job", "--token", token).returncode == 0
    again = f.relay("--once")
    assert again.wait() == 0, again.log
    check_all_came(f)
    assert f.weir("dedup", "check", "w", "job").returncode == 4  # still known
    assert f.stats()["pending"] == 0
    done = f.weir("outbox", "ls", "-t", f.table, "-o", "json")
    assert json.loads(done.stdout)["messages"] == []


@pytest.mark.parametrize("case, says", [("by-message", "none between rows"),
                                        ("inside", "per key, as committed")])
def test_E9_start_up_and_status_say_which_order_is_promised(flow, case, says):
    f = flow(case, "update")
    f.add(0, 1)
    relay = f.relay("--once", "-o", "json")
    assert relay.wait() == 0, relay.log
    assert 'relaying relay=r order="%s"' % says in relay.log
    status = json.loads([line for line in relay.log.splitlines() if line.startswith("{")][-1])
    assert status["order"] == ("none" if case == "by-message" else "per-key")


def test_D5_with_none_rows_stay_and_statistics_say_so(flow):
    f = flow("by-message", "none")
    f.add(0, 3)
    for _ in range(2):
        relay = f.relay("--once")
        assert relay.wait() == 0, relay.log
    assert len(f.delivered()) == 3
    stats = f.stats()
    assert stats["mark"] == "none" and stats["pendingByCheckpoint"] and stats["pending"] == 3
    rows = support.scan(support.Api(f.server.port), "messages")
    assert len(rows) == 3 and not any("ttl" in row for row in rows)


def test_weir_dev_makes_outboxes_of_every_layout(keep, tmp_path):
    (tmp_path / "weir.yaml").write_text("outboxes:\n" + BY_MESSAGE + INSIDE + SHARDED)
    port_file = tmp_path / "port"
    dev = keep(support.Process([support.PROGRAM, "dev", "--memory", "--port", "0", "--port-file",
                                str(port_file)], tmp_path / "dev.log", cwd=tmp_path))
    support.wait_until(port_file.exists, "the port file")
    api = support.Api(int(port_file.read_text()))
    wanted = {"messages", "deduplication-table", "sharded"}
    support.wait_until(lambda: wanted <= set(api.call("ListTables")["TableNames"]), "the tables")
    tables = {name: api.call("DescribeTable", TableName=name)["Table"] for name in wanted}
    assert [k["AttributeName"] for k in tables["messages"]["KeySchema"]] == ["PK"]
    assert len(tables["messages"]["GlobalSecondaryIndexes"]) == 3
    assert [k["AttributeName"] for k in tables["deduplication-table"]["KeySchema"]] == [
        "worker_id", "message_id"]
    assert tables["sharded"]["GlobalSecondaryIndexes"][0]["IndexName"] == "PendingIndex-3"
    assert dev.stop() == 0, dev.log
