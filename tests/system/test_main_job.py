# SPDX-License-Identifier: Apache-2.0
"""The main job as people run it, and its verifier, which must see what went wrong."""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import termios
import threading

import pytest

import support

FINAL = re.compile(r"delivered (\d+) of (\d+) messages: (\d+) lost, (\d+) out of order, "
                   r"(\d+) duplicated \((\d+) messages/s\)\n")


def main_job(*options, timeout=100, **more):
    return subprocess.run(["/usr/bin/python3", str(support.ROOT / "tools/main_job.py"), "--build",
                           str(support.BUILD), *options], capture_output=True, text=True,
                          timeout=timeout, stdin=subprocess.DEVNULL, env=support.environment(),
                          **more)


def final_of(run):
    assert run.returncode == 0, run.stderr
    match = FINAL.fullmatch(run.stdout)
    assert match, run.stdout
    return [int(number) for number in match.groups()]


def test_L5_the_main_job():
    distinct, committed, lost, out_of_order, duplicated, _ = final_of(main_job("--messages", "500"))
    assert (distinct, committed, lost, out_of_order, duplicated) == (500, 500, 0, 0, 0)


@pytest.mark.parametrize("messages, keys", [(1, 1), (7, 100), (500, 1), (501, 7)])
def test_L5_the_main_job_in_one_process(messages, keys):
    run = main_job("--memory", "--messages", str(messages), "--keys", str(keys))
    assert final_of(run)[:5] == [messages, messages, 0, 0, 0]


def test_L5_the_main_job_with_redis():
    assert final_of(main_job("--sink", "redis", "--messages", "500"))[:5] == [500, 500, 0, 0, 0]


@pytest.mark.parametrize("sink", ["file", "redis"])
def test_L5_the_main_job_while_the_relay_is_killed(sink):
    for n in range(10 if support.SOAK else 1):
        run = main_job("--crash", "--seed", str(support.SEED + n), "--sink", sink, "--messages",
                       "600")
        distinct, committed, lost, out_of_order, duplicated, _ = final_of(run)
        assert (distinct, committed, lost, out_of_order) == (600, 600, 0, 0)
        assert duplicated == 0 or sink == "file"
        assert "seed %d\n" % (support.SEED + n) in run.stderr
        assert "killed the relay 6 times\n" in run.stderr


def test_L5_on_a_terminal_it_shows_what_happens_and_ends_well_with_ctrl_c():
    ours, theirs = pty.openpty()
    job = subprocess.Popen(["/usr/bin/python3", str(support.ROOT / "tools/main_job.py"), "--build",
                            str(support.BUILD)], stdin=theirs, stderr=theirs,
                           stdout=subprocess.PIPE, text=True, start_new_session=True,
                           env=support.environment(),
                           preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(theirs)
    shown = b""
    while not re.search(rb"delivered +[1-9]\d* .*customer-\d+ order \d+", shown):
        shown += os.read(ours, 4096)
    os.write(ours, b"\x03")
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    out, _ = job.communicate(timeout=60)
    assert job.returncode == 0
    distinct, committed, lost, out_of_order, duplicated, _ = map(int, FINAL.fullmatch(out).groups())
    assert distinct == committed > 0
    assert (lost, out_of_order, duplicated) == (0, 0, 0)


def drain(terminal):
    with contextlib.suppress(OSError):
        while os.read(terminal, 4096):
            pass


@pytest.mark.parametrize("options", [["--messages", "0"], ["--keys", "0"], ["--sink", "none"],
                                     ["--memory", "--crash"], ["--memory", "--sink", "redis"]])
def test_L5_wrong_options_are_usage_errors(options):
    run = main_job(*options)
    assert run.returncode == 2
    assert run.stdout == ""


def test_L5_a_failing_engine_fails_the_job(tmp_path):
    """With a fault armed in its engine, the job must not end well."""
    run = subprocess.run(["/usr/bin/python3", str(support.ROOT / "tools/main_job.py"), "--build",
                          str(support.BUILD), "--messages", "100"], capture_output=True, text=True,
                         timeout=100, stdin=subprocess.DEVNULL,
                         env=support.environment(WEIR_FAULTS="engine.before_commit=kill@20"))
    assert run.returncode == 1
    assert "main job: " in run.stderr
    kept = re.search(r"main job: kept (\S+)", run.stderr).group(1)
    assert os.path.isdir(kept)
    support.subprocess.run(["rm", "-r", kept], check=True)


# ---- the verifier ----


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """What a sink holds after 200 orders over 10 keys."""
    folder = tmp_path_factory.mktemp("orders")
    out = folder / "out.jsonl"
    assert subprocess.run([support.ORDERS, "--endpoint", "memory:", "--messages", "200", "--keys",
                           "10", "--deliver-to", str(out)], timeout=60, env=support.environment(),
                          stdout=subprocess.DEVNULL).returncode == 0
    return out.read_bytes().splitlines(keepends=True)


def verdict(lines, tmp_path, messages=200, keys=10):
    path = tmp_path / "judged.jsonl"
    path.write_bytes(b"".join(lines))
    run = subprocess.run(["/usr/bin/python3", str(support.ROOT / "tools/verify_sink.py"), "--file",
                          str(path)], input=b"%d %d\n" % (messages, keys), capture_output=True,
                         timeout=60)
    assert run.returncode == 0, run.stderr
    last = json.loads(run.stdout.splitlines()[-1])
    return {name: last[name] for name in ("lost", "out_of_order", "duplicated", "malformed",
                                          "distinct")}


GOOD = {"lost": 0, "out_of_order": 0, "duplicated": 0, "malformed": 0, "distinct": 200}


def key_of(line):
    return json.loads(line)["key"]


def test_L5_the_verifier_passes_what_is_right(lines, tmp_path):
    assert verdict(lines, tmp_path) == GOOD


def test_L5_the_verifier_counts_a_removed_line(lines, tmp_path):
    at = support.chance("removed").randrange(len(lines))
    assert verdict(lines[:at] + lines[at + 1:], tmp_path) == dict(GOOD, lost=1, distinct=199)


def test_L5_the_verifier_counts_swapped_lines_of_a_key(lines, tmp_path):
    first = support.chance("swapped").randrange(len(lines) // 2)
    second = next(n for n in range(first + 1, len(lines)) if key_of(lines[n]) == key_of(lines[first]))
    swapped = list(lines)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    assert verdict(swapped, tmp_path) == dict(GOOD, out_of_order=1)


def test_L5_the_verifier_allows_another_order_of_keys(lines, tmp_path):
    by_key = sorted(lines, key=key_of)
    assert verdict(by_key, tmp_path) == GOOD


def test_L5_the_verifier_counts_a_repeated_line(lines, tmp_path):
    at = support.chance("repeated").randrange(len(lines))
    assert verdict(lines + [lines[at]], tmp_path) == dict(GOOD, duplicated=1)


def test_L5_the_verifier_counts_what_was_never_sent(lines, tmp_path):
    assert verdict(lines, tmp_path, messages=203) == dict(GOOD, lost=3)


def test_L5_the_verifier_sees_a_payload_under_a_foreign_key(lines, tmp_path):
    message = json.loads(lines[0])
    message["key"] = "customer-9999"
    changed = [json.dumps(message).encode() + b"\n"] + lines[1:]
    assert verdict(changed, tmp_path) == dict(GOOD, malformed=1, lost=1, distinct=199)


def test_L5_the_verifier_does_not_take_an_unfinished_line(lines, tmp_path):
    assert verdict(lines[:-1] + [lines[-1][:-1]], tmp_path) == dict(GOOD, lost=1, distinct=199)


# ---- the example ----


def test_orders_end_with_a_whole_number_per_customer_on_sigterm(serve, keep, tmp_path):
    server = serve(memory=True)
    orders = keep(support.produce(server, tmp_path, 0, 10, 500))
    api = support.Api(server.port)
    support.wait_until(lambda: api.send("Scan", {"TableName": "orders", "Limit": 30})[1].get(
        "Count") == 30, "some orders")
    orders.signal(signal.SIGTERM)
    assert orders.wait() == 0
    counts = {}
    for item in support.scan(api, "orders"):
        counts[item["pk"]["S"]] = counts.get(item["pk"]["S"], 0) + 1
    assert len(counts) == 10 and len(set(counts.values())) == 1


def test_orders_end_when_their_relay_cannot_go_on(tmp_path):
    target = pathlib.Path(tmp_path) / "file"
    target.symlink_to("/dev/full")
    run = subprocess.run([support.ORDERS, "--endpoint", "memory:", "--messages", "20", "--keys",
                          "5", "--deliver-to", str(tmp_path)], capture_output=True, timeout=60,
                         env=support.environment())
    assert run.returncode == 1
    assert b"orders: opening the relay" in run.stderr
