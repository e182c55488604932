# SPDX-License-Identifier: Apache-2.0
"""`weir relay run`: killed at every step, with its engine or its sink going away, and stopped.

Orders and their messages come from the example program; what arrived is judged by the main job's
verifier, from what the sink holds alone.
"""
import json
import signal

import pytest

import support

MESSAGES = 300
KEYS = 6
RATE = 200  # messages a second where the relay is to be met at work


class Relay(support.Process):
    def __init__(self, folder, serve, sink, *options, faults=None, **more):
        environment = dict(more)
        if faults:
            environment["WEIR_FAULTS"] = faults
        super().__init__([support.PROGRAM, "relay", "run", "--endpoint-url", serve.endpoint, *sink,
                          *options], folder / "relay.log", support.environment(**environment),
                         folder)


@pytest.fixture
def relay(keep, tmp_path):
    return lambda server, sink, *options, **more: keep(
        Relay(tmp_path, server, sink, *options, **more))


@pytest.fixture
def file_sink(tmp_path):
    return ["--to", "file", "--set", "path=%s" % (tmp_path / "out.jsonl")]


@pytest.fixture
def redis(keep, tmp_path):
    """redis() starts the server; always on the same port."""
    port = support.free_port()
    folder = tmp_path / "redis"
    folder.mkdir()
    start = lambda: keep(support.Redis(folder, port))
    start.port = port
    start.sink = ["--to", "redis", "--set", "url=redis://127.0.0.1:%d" % port]
    return start


def delivered(judge, messages):
    return judge().distinct >= messages


def check(judge, messages, duplicates):
    assert judge.lost(messages, KEYS) == 0
    assert judge.out_of_order == 0
    assert judge.malformed == 0
    assert duplicates or judge.duplicated == 0


def stats(server):
    run = support.weir("outbox", "stats", "--endpoint-url", server.endpoint, "--output", "json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


# ---- killed ----

POINTS = ["relay.before_publish", "relay.after_publish", "relay.after_mark",
          "feed.before_checkpoint", "feed.after_checkpoint", "sink.submit"]


def passages():
    """Which passage of each point kills: the first, and a later one."""
    for point in POINTS:
        most = 4 if point.startswith("feed.") else 40
        later = {support.chance(point).randint(2, most)}
        for nth in sorted({1} | (set(range(2, most, 3)) if support.SOAK else later)):
            yield pytest.param(point, nth, id="%s-%d" % (point, nth))


def kill_and_restart(serve, keep, relay, sink, judge, tmp_path, point, nth, duplicates):
    server = serve(memory=True)
    killed = relay(server, sink, faults="%s=kill@%d" % (point, nth))
    orders = keep(support.produce(server, tmp_path, MESSAGES, KEYS, RATE))
    assert killed.wait() == -signal.SIGKILL, "%s was not passed %d times" % (point, nth)
    again = relay(server, sink)
    support.produced(orders)
    support.wait_until(lambda: delivered(judge, MESSAGES), "all messages")
    support.wait_until(lambda: stats(server)["pending"] == 0, "all marks")
    assert again.stop() == 0, again.log
    check(judge(), MESSAGES, duplicates)


@pytest.mark.parametrize("point, nth", passages())
def test_F8_killed_at_any_step_the_file_gets_all_in_order(serve, keep, relay, file_sink, tmp_path,
                                                          point, nth):
    kill_and_restart(serve, keep, relay, file_sink,
                     lambda: support.judge_file(tmp_path / "out.jsonl"), tmp_path, point, nth, True)


@pytest.mark.parametrize("point, nth", passages())
def test_L1_killed_at_any_step_redis_gets_each_once(serve, keep, relay, redis, tmp_path, point,
                                                    nth):
    redis()
    kill_and_restart(serve, keep, relay, redis.sink, lambda: support.judge_redis(redis.port),
                     tmp_path, point, nth, False)


def test_F8_killed_at_random_moments_again_and_again(serve, keep, relay, redis, tmp_path):
    chance = support.chance("moments")
    server = serve(memory=True)
    redis()
    orders = keep(support.produce(server, tmp_path, MESSAGES, KEYS, RATE))
    points = sorted(chance.randint(1, MESSAGES - 20) for _ in range(30 if support.SOAK else 6))
    for point in points:
        running = relay(server, redis.sink)
        support.wait_until(lambda: delivered(lambda: support.judge_redis(redis.port), point),
                           "%d messages" % point)
        running.kill()
    last = relay(server, redis.sink)
    support.produced(orders)
    support.wait_until(lambda: delivered(lambda: support.judge_redis(redis.port), MESSAGES), "all")
    assert last.stop() == 0
    check(support.judge_redis(redis.port), MESSAGES, duplicates=False)


# ---- what it needs goes away ----


def test_F8_the_engine_is_killed_and_comes_back(serve, keep, relay, file_sink, tmp_path):
    out = tmp_path / "out.jsonl"
    server = serve()
    running = relay(server, file_sink)
    support.produced(keep(support.produce(server, tmp_path, 120, KEYS)))
    support.wait_until(lambda: delivered(lambda: support.judge_file(out), 120), "the first half")
    server.kill()
    server = serve(port=server.port)
    # Orders count up from 1 again: another table of messages would not, so these are added by hand.
    for n in range(30):
        run = support.weir("outbox", "put", "key-%d" % (n % 3), "--type", "T", "--payload",
                           json.dumps({"customer": "key-%d" % (n % 3), "sequence": n // 3 + 1}),
                           "--endpoint-url", server.endpoint)
        assert run.returncode == 0, run.stderr
    support.wait_until(lambda: delivered(lambda: support.judge_file(out), 150), "the second half")
    support.wait_until(lambda: stats(server)["pending"] == 0, "all marks")
    assert running.running(), "the relay did not wait for the engine"
    assert running.stop() == 0
    judge = support.judge_file(out)
    assert judge.distinct == 150 and judge.out_of_order == 0
    assert judge.lost(120, KEYS) == 0


def test_F8_redis_is_down_at_the_start(serve, keep, relay, redis, tmp_path):
    server = serve(memory=True)
    support.produced(keep(support.produce(server, tmp_path, 60, KEYS)))
    running = relay(server, redis.sink)
    support.wait_until(lambda: "the sink cannot be reached" in running.log, "a word of it")
    assert str(redis.port) in running.log
    assert stats(server)["pending"] == 60
    redis()
    support.wait_until(lambda: delivered(lambda: support.judge_redis(redis.port), 60), "all")
    support.wait_until(lambda: "the sink is reached again" in running.log, "a word of it")
    assert running.stop() == 0
    check(support.judge_redis(redis.port), 60, duplicates=False)


def test_F8_redis_goes_away_in_the_middle(serve, keep, relay, redis, tmp_path):
    server = serve(memory=True)
    first = redis()
    running = relay(server, redis.sink)
    orders = keep(support.produce(server, tmp_path, MESSAGES, KEYS, RATE))
    support.wait_until(lambda: delivered(lambda: support.judge_redis(redis.port), 50), "some")
    first.kill()
    support.wait_until(lambda: "the sink cannot be reached" in running.log, "a word of it")
    redis()
    support.produced(orders)
    support.wait_until(lambda: delivered(lambda: support.judge_redis(redis.port), MESSAGES), "all")
    assert running.stop() == 0
    check(support.judge_redis(redis.port), MESSAGES, duplicates=False)


# ---- stopped ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_F8_a_stop_stores_the_position_and_nothing_comes_twice(serve, keep, relay, file_sink,
                                                               tmp_path, number):
    out = tmp_path / "out.jsonl"
    server = serve(memory=True)
    running = relay(server, file_sink)
    orders = keep(support.produce(server, tmp_path, MESSAGES, KEYS, RATE))
    for enough in (1, 60, 150):
        support.wait_until(lambda: delivered(lambda: support.judge_file(out), enough), "some")
        running.signal(number)
        assert running.wait() == 0, running.log
        running = relay(server, file_sink)
    support.produced(orders)
    support.wait_until(lambda: delivered(lambda: support.judge_file(out), MESSAGES), "all")
    assert running.stop() == 0
    check(support.judge_file(out), MESSAGES, duplicates=False)


def test_F8_once_delivers_what_there_is_and_ends(serve, keep, relay, file_sink, tmp_path):
    server = serve(memory=True)
    support.produced(keep(support.produce(server, tmp_path, 60, KEYS)))
    for _ in range(2):
        assert relay(server, file_sink, "--once").wait() == 0
        check(support.judge_file(tmp_path / "out.jsonl"), 60, duplicates=False)


def test_F8_a_stop_at_an_idle_tip_is_prompt(serve, relay, file_sink, tmp_path):
    server = serve(memory=True)
    running = relay(server, file_sink)
    put(server)
    support.wait_until(lambda: stats(server)["pending"] == 0, "the message")
    assert running.stop(8) == 0


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_F8_a_second_signal_cuts_the_stop_short(serve, relay, redis, number, code):
    server = serve(memory=True)
    held = redis()
    running = relay(server, redis.sink)
    put(server)
    support.wait_until(lambda: stats(server)["published"] == 1, "the message")
    held.signal(signal.SIGSTOP)
    put(server)
    support.wait_until(lambda: unread_bytes(redis.port), "the batch to be in the sink's hands")
    running.signal(number)
    support.wait_until(lambda: not running.pending(number), "the first signal to be taken")
    assert running.running()
    running.signal(number)
    assert running.wait(5) == code
    held.signal(signal.SIGCONT)


def unread_bytes(port):
    """What was sent to a local port and not read there."""
    total = 0
    for line in support.pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":
            total += int(fields[4].split(":")[1], 16)
    return total


def put(server, key="key"):
    run = support.weir("outbox", "put", key, "--type", "T", "--payload", "{}", "--endpoint-url",
                       server.endpoint)
    assert run.returncode == 0, run.stderr


# ---- marks ----


@pytest.mark.parametrize("value, pending", [("true", 1), ("1", 1), ("YES", 1), ("false", 0),
                                            ("0", 0), ("No", 0), ("", 0)])
def test_F2_the_environment_decides_whether_rows_stay_pending(serve, relay, file_sink, value,
                                                              pending):
    server = serve(memory=True)
    put(server)
    running = relay(server, file_sink, "--once", OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED=value)
    assert running.wait() == 0
    assert stats(server)["pending"] == pending


def test_F2_anything_else_in_the_environment_is_an_error(serve, relay, file_sink):
    running = relay(serve(memory=True), file_sink, "--once",
                    OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED="maybe")
    assert running.wait() == 78
    assert "OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED" in running.log
    assert "maybe" in running.log


@pytest.mark.parametrize("file, variable, flag, pending", [
    ("update", None, None, 0), ("none", None, None, 1),
    ("update", "true", None, 1), ("none", "false", None, 1),
    ("none", "true", "update", 0), ("update", "false", "none", 1),
])
def test_F2_flag_over_environment_over_file(serve, relay, file_sink, tmp_path, file, variable,
                                            flag, pending):
    server = serve(memory=True)
    put(server)
    (tmp_path / "weir.yaml").write_text("relays:\n  - mark: %s\n" % file)
    more = {} if variable is None else {"OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED": variable}
    options = ["--once"] + ([] if flag is None else ["--mark", flag])
    assert relay(server, file_sink, *options, **more).wait() == 0
    assert stats(server)["pending"] == pending


# ---- what it refuses ----


@pytest.mark.parametrize("options, code, told", [
    ([], 78, "a relay needs a sink"),
    (["--to", "carrier-pigeon"], 78, "carrier-pigeon"),
    (["--to", "file"], 78, "path"),
    (["--to", "file", "--set", "path=x", "--set", "pth=y"], 78, "pth"),
    (["--to", "stdout", "--mark", "some"], 64, "--mark"),
    (["--to", "stdout", "--start", "then"], 64, "--start"),
    (["--config", "missing.yaml"], 78, "missing.yaml"),
])
def test_wrong_options_are_named(serve, relay, options, code, told):
    running = relay(serve(memory=True), options, "--once")
    assert running.wait() == code
    assert told in running.log


def test_an_endpoint_that_is_not_there_is_named(tmp_path):
    port = support.free_port()
    run = support.weir("relay", "run", "--to", "stdout", "--endpoint-url",
                       "http://127.0.0.1:%d" % port, cwd=tmp_path,
                       env=support.environment(AWS_MAX_ATTEMPTS="1"))
    assert run.returncode == 69
    assert str(port) in run.stderr.decode()
