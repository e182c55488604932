# SPDX-License-Identifier: Apache-2.0
"""weir outbox: every command over every layout, with weir.yaml and with options."""
import base64
import collections
import json

import pytest

import support

BY_MESSAGE = ["--layout", "by-message"]
RENAMED = ["--name", "key=worker_id", "--name", "id=message_id", "--name", "payload=body",
           "--name", "ttl=expires_at"]
LAYOUTS = [pytest.param([], id="partitioned"), pytest.param(BY_MESSAGE, id="by-message"),
           pytest.param(RENAMED, id="renamed")]


@pytest.fixture
def outbox(shared, request, tmp_path):
    """outbox(command, word, ...): in a table of the test's own; code, text, errors."""
    table = "t-" + "".join(c if c.isalnum() else "-" for c in request.node.name)[:200]

    def run(*words, layout=(), stdin="", json_too=False, cwd=tmp_path):
        done = support.weir("outbox", *words, "-t", table, *layout, "--endpoint-url",
                            shared.endpoint, *(["-o", "json"] if json_too else []),
                            stdin=stdin.encode(), cwd=cwd)
        text = done.stdout.decode()
        return done.returncode, json.loads(text) if json_too else text, done.stderr.decode()
    run.table = table
    return run


def put(outbox, key, id, *more, layout=()):
    code, text, errors = outbox("put", key, "--id", id, "--type", "t", "--payload", "hello", *more,
                                layout=layout)
    assert (code, text) == (0, id + "\n"), errors


def ids(outbox, *words, layout=()):
    code, page, errors = outbox("ls", *words, layout=layout, json_too=True)
    assert code == 0, errors
    return [message["id"] for message in page["messages"]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_B1_show_prints_the_message_of_any_layout(outbox, layout):
    put(outbox, "k", "m", "--headers", '{"h":"v"}', layout=layout)
    code, shown, _ = outbox("show", "k", "m", layout=layout, json_too=True)
    assert code == 0
    assert shown["key"] == "k" and shown["id"] == "m" and shown["isPublished"] is False
    assert base64.b64decode(shown["payload"]) == b"hello"
    code, text, _ = outbox("show", "k", "m", layout=layout)
    assert code == 0 and "hello" in text and '{"h":"v"}' in text
    assert outbox("show", "k", "other", layout=layout)[0] == 3


def test_show_wants_the_key_where_rows_are_found_by_it(outbox):
    put(outbox, "k", "m", layout=BY_MESSAGE)
    assert outbox("show", "m", layout=BY_MESSAGE)[0] == 0
    code, _, errors = outbox("show", "m")
    assert code in (64, 78), errors  # the table is of the other layout


def test_what_a_terminal_would_act_upon_is_not_printed(outbox):
    code, _, errors = outbox("put", "k\x1b[31m", "--id", "m\x07", "--type", "t", "--payload",
                             "p\x1b[2J")
    assert code == 0, errors
    for words in (["ls"], ["show", "k\x1b[31m", "m\x07"]):
        code, text, _ = outbox(*words)
        assert code == 0 and "\x1b" not in text and "\x07" not in text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_D2_marked_by_hand_it_is_pending_no_more(outbox, layout):
    put(outbox, "k", "a", layout=layout)
    put(outbox, "k", "b", layout=layout)
    assert outbox("mark", "k", "a", layout=layout)[0] == 0
    assert ids(outbox, layout=layout) == ["b"]
    shown = outbox("show", "k", "a", layout=layout, json_too=True)[1]
    assert shown["isPublished"] is True and shown["dispatchCount"] == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_D1_marking_an_unknown_id_is_not_found_and_makes_no_row(outbox, layout):
    put(outbox, "k", "a", layout=layout)
    assert outbox("mark", "k", "nobody", layout=layout)[0] == 3
    stats = outbox("stats", layout=layout, json_too=True)[1]
    assert (stats["pending"], stats["published"]) == (1, 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_D5_mark_delete_takes_the_row_away(outbox, layout):
    put(outbox, "k", "a", layout=layout)
    assert outbox("mark", "k", "a", "--mark", "delete", layout=layout)[0] == 0
    assert outbox("show", "k", "a", layout=layout)[0] == 3
    assert outbox("mark", "k", "a", "--mark", "delete", layout=layout)[0] == 3
    assert outbox("mark", "k", "a", "--mark", "none", layout=layout)[0] == 64


def test_D3_marks_from_lines_fail_by_the_hundred_each_named(outbox):
    lines = "".join('{"key":"k","type":"t","id":"m%03d"}\n' % n for n in range(150))
    assert outbox("put", "--many", stdin=lines)[0] == 0
    wanted = ["k\tm%03d" % n for n in range(150)]
    wanted[120] = '{"key":"k","id":"nobody"}'
    code, _, errors = outbox("mark", stdin="\n".join(wanted) + "\n")
    assert code == 1
    assert "line 121: there is no message nobody" in errors
    assert "marked 100; 50 not" in errors
    assert outbox("stats", json_too=True)[1]["pending"] == 50


def test_a_line_that_names_no_message_keeps_no_other_back(outbox):
    put(outbox, "k", "a")
    put(outbox, "k", "b")
    lines = ["no tab", "k\t" + "x" * 1025, "k\t", "\tb", "k\ta", '{"key":"k","id":"a"}', "{}",
             '{"key":"k","id":"b"}', "x" * 20000, "k\t\x1b[2J"]
    code, _, errors = outbox("mark", stdin="\n".join(lines[:9]))
    assert code == 1 and "marked 2; 7 not" in errors
    for line in (1, 2, 3, 4, 6, 7, 9):
        assert "weir: line %d: " % line in errors
    assert "line 6: the same message as line 5" in errors
    code, _, errors = outbox("mark", stdin=lines[9])
    assert code == 1 and "line 1: " in errors and "\x1b" not in errors


def test_C6_stats_tell_the_age_of_the_oldest_and_judge_it(outbox):
    put(outbox, "k", "a")
    code, stats, _ = outbox("stats", "--max-age", "1h", json_too=True)
    assert code == 0 and stats["tooOld"] is False and stats["oldestPendingMs"] >= 0
    old = '{"key":"k","type":"t","id":"old","createdAt":"2024-01-01T00:00:00.000Z"}\n'
    assert outbox("put", "--many", stdin=old)[0] == 0
    code, stats, errors = outbox("stats", "--max-age", "1h", json_too=True)
    assert code == 1 and stats["tooOld"] is True and stats["oldestPendingMs"] > 3600 * 1000
    assert errors == ""  # tooOld says it
    code, _, errors = outbox("stats", "--max-age", "1h")
    assert code == 1 and "more than --max-age 1h" in errors
    assert outbox("stats")[0] == 0
    assert ids(outbox, "--older-than", "1h") == ["old"]


def test_D5_with_none_stats_say_that_rows_do_not_tell(outbox):
    put(outbox, "k", "a")
    code, stats, _ = outbox("stats", "--mark", "none", json_too=True)
    assert code == 0 and stats["mark"] == "none" and stats["pendingByCheckpoint"] is True
    assert "the relay's position tells" in outbox("stats", "--mark", "none")[1]
    assert outbox("stats", "--mark", "none", "--max-age", "1s")[0] == 64
    assert outbox("retry", "--stuck-for", "0s", "--mark", "none")[0] == 64


@pytest.mark.parametrize("layout", LAYOUTS)
def test_C6_stuck_messages_are_dispatched_again(outbox, api, layout):
    lines = "".join(json.dumps({"key": "k%d" % (n % 7), "type": "t", "id": "m%03d" % n}) + "\n"
                    for n in range(230))  # several pages
    assert outbox("put", "--many", stdin=lines, layout=layout)[0] == 0
    put(outbox, "k", "done", layout=layout)
    assert outbox("mark", "k", "done", layout=layout)[0] == 0
    before = inserts(api, outbox.table, layout)
    code, answer, _ = outbox("retry", "--stuck-for", "0s", "--dry-run", layout=layout,
                             json_too=True)
    assert code == 0 and answer["wouldDispatch"] == 230
    assert inserts(api, outbox.table, layout) == before
    assert outbox("retry", "--stuck-for", "1h", layout=layout, json_too=True)[1]["dispatched"] == 0
    code, answer, _ = outbox("retry", "--stuck-for", "0s", layout=layout, json_too=True)
    assert code == 0 and answer["dispatched"] == 230
    again = inserts(api, outbox.table, layout) - before
    assert again == collections.Counter("m%03d" % n for n in range(230))
    assert outbox("stats", layout=layout, json_too=True)[1]["pending"] == 230
    code, answer, _ = outbox("retry", "--stuck-for", "0s", "--limit", "3", layout=layout,
                             json_too=True)
    assert code == 0 and answer == {"dispatched": 3, "more": True}


def inserts(api, table, layout):
    """How often each id was inserted, to a relay's eyes."""
    name = "MessageId" if "by-message" in layout else "message_id" if layout else "sk"
    proof = "Message" if "by-message" in layout else "messageType"
    return collections.Counter(
        record["dynamodb"]["NewImage"][name]["S"] for record in support.stream_records(api, table)
        if record["eventName"] == "INSERT" and proof in record["dynamodb"]["NewImage"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_C6_one_message_is_dispatched_again(outbox, layout):
    put(outbox, "k", "m", layout=layout)
    assert outbox("retry", "k", "m", layout=layout)[0] == 0
    assert outbox("mark", "k", "m", layout=layout)[0] == 0
    assert outbox("retry", "k", "m", layout=layout)[0] == 4
    assert outbox("retry", "k", "m", "--dry-run", layout=layout)[0] == 4
    assert outbox("retry", "k", "m", "--published-too", layout=layout)[0] == 0
    assert ids(outbox, layout=layout) == ["m"]
    assert outbox("retry", "k", "nobody", layout=layout)[0] == 3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_C4_purge_deletes_what_was_published_before(outbox, layout):
    for id in ("a", "b", "c"):
        put(outbox, "k", id, layout=layout)
    assert outbox("mark", stdin="k\ta\nk\tb\n", layout=layout)[0] == 0
    code, _, errors = outbox("purge", "--older-than", "0s", layout=layout)
    assert code == 64 and "--yes" in errors
    code, answer, _ = outbox("purge", "--older-than", "1h", "--yes", layout=layout, json_too=True)
    assert (code, answer) == (0, {"deleted": 0, "more": False})
    code, answer, _ = outbox("purge", "--before", "2100-01-01T00:00:00.000Z", "--limit", "1",
                             "--yes", layout=layout, json_too=True)
    assert code == 0 and answer["deleted"] == 1
    code, answer, _ = outbox("purge", "--older-than", "0s", "--yes", layout=layout, json_too=True)
    assert (code, answer) == (0, {"deleted": 1, "more": False})
    assert ids(outbox, layout=layout) == ["c"]


def test_B8_many_from_lines_each_with_its_result(outbox):
    lines = ['{"key":"k","type":"t","id":"a","payload":{"n":1},"headers":{"x":"y"}}',
             '', '{"key":"k","type":"t","id":"b","payloadBase64":"AAEC"}',
             '{"key":"k","type":"t","id":"a"}']
    code, text, errors = outbox("put", "--many", stdin="\n".join(lines))
    assert code == 1 and text == "a\nb\n"
    assert "line 4: message a comes twice" in errors
    code, text, errors = outbox("put", "--many", stdin=lines[0] + "\n")
    assert code == 1 and "line 1: message a exists already" in errors
    assert base64.b64decode(outbox("show", "k", "a", json_too=True)[1]["payload"]) == b'{"n":1}'
    assert outbox("show", "k", "b", json_too=True)[1]["payload"] == "AAEC"


def test_B8_a_wrong_line_keeps_its_portion_back_and_is_named(outbox):
    lines = ['{"key":"k","type":"t","id":"a"}', '{"key":"k","type":"t","id":"b","wrong":1}',
             '{"key":"k","id":"c"}', 'no json', '{"key":"k","type":"t","id":"d","headers":[1]}']
    done = outbox("put", "--many", stdin="\n".join(lines))
    assert done[0] == 1 and done[1] == ""
    for line, says in ((2, 'no field "wrong"'), (3, "type"), (4, "JSON"), (5, "headers"),
                       (1, "not sent")):
        assert any("line %d: " % line in said and says in said
                   for said in done[2].splitlines()), (line, done[2])
    assert ids(outbox) == []
    assert outbox("put", "k", "--many")[0] == 64
    assert outbox("put", "--many", "--type", "t")[0] == 64


def test_A4_messages_are_found_by_correlation_and_aggregate(outbox):
    put(outbox, "o-1", "a", "--correlation-id", "c", layout=BY_MESSAGE)
    put(outbox, "o-1", "b", layout=BY_MESSAGE)
    assert outbox("mark", "a", layout=BY_MESSAGE)[0] == 0
    assert ids(outbox, "--correlation", "c", layout=BY_MESSAGE) == ["a"]
    assert sorted(ids(outbox, "--aggregate", "o-1", layout=BY_MESSAGE)) == ["a", "b"]
    assert "published" in outbox("ls", "--correlation", "c", layout=BY_MESSAGE)[1]
    assert outbox("ls", "--correlation", "c", "--key", "k", layout=BY_MESSAGE)[0] == 64


def test_weir_yaml_says_what_the_outbox_is(outbox, tmp_path):
    (tmp_path / "weir.yaml").write_text(
        "outboxes:\n  - table: %s\n    layout: by-message\n    names: { payload: body }\n"
        "    topics: { order.placed: orders }\n    strict_topics: yes\n"
        "relays:\n  - from: { outbox: %s }\n    mark: delete\n" % (outbox.table, outbox.table))
    done = outbox("put", "k", "--id", "m", "--type", "order.placed", "--payload", "x")
    assert done[0] == 0, done[2]
    done = outbox("put", "k", "--type", "order.lost", "--payload", "x")
    assert done[0] != 0 and "order.lost" in done[2]
    assert outbox("show", "m", json_too=True)[1]["destination"] == "orders"
    assert outbox("stats", json_too=True)[1]["mark"] == "delete"
    assert outbox("mark", "m")[0] == 0
    assert outbox("show", "m")[0] == 3


@pytest.mark.parametrize("text, says", [
    ("outboxes:\n  - layout: other\n", ":2:13: "),
    ("outboxes:\n  - names: { body: x }\n", ":2:12: names: layout partitioned has no field"),
    ("outboxes:\n  - table: a\n  - table: a\n", ":3:5: "),
    ("outboxes:\n  - topics: { a: }\n", ":2:18: "),
    ("relays:\n  - mark: remove\n", ":2:11: ")])
def test_a_wrong_outbox_in_weir_yaml_is_named_with_its_place(outbox, tmp_path, text, says):
    (tmp_path / "weir.yaml").write_text(text)
    code, _, errors = outbox("ls")
    assert code == 78 and "weir.yaml" + says in errors, errors


@pytest.mark.parametrize("words", [
    ["ls", "--name", "payload"], ["ls", "--name", "=x"], ["retry"], ["retry", "k", "m", "--limit", "1"],
    ["retry", "k", "m", "--stuck-for", "1s"], ["purge", "--yes"], ["purge", "--before", "now", "--yes"],
    ["purge", "--before", "2026-01-01T00:00:00.000Z", "--older-than", "1s", "--yes"],
    ["ls", "--older-than", "soon"], ["stats", "--max-age", "x"], ["put"]])
def test_wrong_words_are_usage_errors(outbox, words):
    put(outbox, "k", "m")
    assert outbox(*words)[0] == 64
