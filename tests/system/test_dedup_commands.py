# SPDX-License-Identifier: Apache-2.0
"""weir dedup: the deduplication store from a shell; exit codes tell the outcomes apart."""
import base64
import json

import pytest

import support


@pytest.fixture
def store(shared, request):
    """The options that name a table of the test's own."""
    name = request.node.name.translate(str.maketrans("[]=/ ,{}\"':", "-" * 11))[:80]
    return ["-t", "dedup-" + name, "--endpoint-url", shared.endpoint]


@pytest.fixture
def run(store):
    """run("claim", "w", "m") checks the exit code."""
    def run(command, *words, code=0, **more):
        done = support.weir("dedup", command, *words, *store, **more)
        assert done.returncode == code, (command, words, done.returncode, done.stderr)
        return done
    return run


def claim(run, *words, **more):
    return run("claim", "w", "m", *words, **more).stdout.decode().strip()


def answer(done):
    return json.loads(done.stdout)


def test_claim_complete_check(run):
    token = claim(run)
    assert len(token) == 36
    assert run("check", "w", "m").stdout == b"new\n"
    run("complete", "w", "m", "--token", token)
    assert run("check", "w", "m", code=4).stdout == b"duplicate\n"
    assert run("check", "other", "m").stdout == b"new\n"
    assert answer(run("check", "w", "m", "-o", "json", code=4)) == {"outcome": "duplicate"}


def test_a_held_claim_is_code_75_and_prints_nothing_on_stdout(run):
    claim(run)
    refused = run("claim", "w", "m", code=75)
    assert refused.stdout == b"" and b"another claim holds it" in refused.stderr
    refused = answer(run("claim", "w", "m", "-o", "json", code=75))
    assert refused["outcome"] == "in-progress" and refused["until"].endswith("Z")


def test_a_completed_claim_is_code_4_and_gives_the_result(run):
    run("complete", "w", "m", "--token", claim(run), "--result", "-", stdin=b"\x00any\nbytes")
    assert run("claim", "w", "m", code=4).stdout == b"\x00any\nbytes"
    found = answer(run("claim", "w", "m", "-o", "json", code=4))
    assert found["outcome"] == "completed"
    assert base64.b64decode(found["resultBase64"]) == b"\x00any\nbytes"


def test_a_claim_in_json_has_token_and_end(run):
    found = answer(run("claim", "w", "m", "--lease", "5m", "-o", "json"))
    assert found["outcome"] == "acquired" and found["takenOver"] is False
    until = answer(run("renew", "w", "m", "--token", found["token"], "--lease", "1h", "-o", "json"))
    assert until["until"] > found["until"]


def test_a_lease_that_ended_is_taken_over_and_its_holder_is_refused(run):
    first = claim(run, "--lease", "1ms")
    found = answer(run("claim", "w", "m", "-o", "json"))
    assert found["takenOver"] is True
    lost = run("complete", "w", "m", "--token", first, code=1)
    assert b"not held by this claim" in lost.stderr
    run("complete", "w", "m", "--token", found["token"])


def test_release_gives_back_at_once(run):
    run("release", "w", "m", "--token", claim(run))
    claim(run)


def test_a_failure_waits_and_says_why(run):
    run("fail", "w", "m", "--token", claim(run), "--error", "no stock", "--retry-after", "1h")
    found = answer(run("claim", "w", "m", "-o", "json", code=75))
    assert found["outcome"] == "failed"
    assert base64.b64decode(found["errorBase64"]) == b"no stock"
    assert b"may be claimed from" in run("claim", "w", "m", code=75).stderr


def test_another_payload_under_the_same_id_is_refused(run):
    run("release", "w", "m", "--token", claim(run, "--payload", "one"))
    claim(run, "--payload", "one")
    refused = run("claim", "w", "m", "--payload", "-", stdin=b"two", code=1)
    assert b"payload" in refused.stderr


def test_forget_makes_the_message_new(run):
    run("complete", "w", "m", "--token", claim(run))
    run("forget", "w", "m")
    assert run("check", "w", "m").stdout == b"new\n"
    run("forget", "w", "m", code=3)


def test_one_of_many_claims_wins(run, store):
    codes = []

    def one(_):
        done = support.weir("dedup", "claim", "w", "raced", *store)
        codes.append(done.returncode)
    claim(run)  # makes the table
    for thread in support.in_threads(one, 8):
        thread.join()
    assert sorted(codes) == [0] + [75] * 7


@pytest.mark.parametrize("words", [
    ["check"], ["check", "w"], ["check", "w", "m", "more"], ["check", "", "m"],
    ["complete", "w", "m"], ["complete", "w", "m", "--token", "short"],
    ["claim", "w", "m", "--lease", "soon"], ["claim", "w", "m", "--lease", "0s"],
    ["fail", "w", "m", "--token", "x" * 36, "--retry-after", "-1s"],
])
def test_what_is_missing_or_wrong_is_usage(run, words):
    claim(run)
    refused = run(*words, code=64)
    assert refused.stdout == b"" and refused.stderr.startswith(b"weir: ")


def test_a_missing_table_is_code_3_and_is_not_made(run):
    refused = run("check", "w", "m", "-o", "json", code=3)
    assert json.loads(refused.stderr)["error"]["code"] == "ResourceNotFoundException"
    run("check", "w", "m", code=3)


# ---- ls and purge ----


def rows(run, *words):
    return answer(run("ls", *words, "-o", "json"))["rows"]


def fill(run, *messages):
    for message in messages:
        token = run("claim", "w", message).stdout.decode().strip()
        run("complete", "w", message, "--token", token)


def test_ls_shows_what_is_remembered(run):
    fill(run, "a", "b")
    run("claim", "other", "c")
    assert {(row["worker"], row["message"], row["status"]) for row in rows(run)} == {
        ("w", "a", "COMPLETED"), ("w", "b", "COMPLETED"), ("other", "c", "INPROGRESS")}
    assert [row["message"] for row in rows(run, "-w", "w")] == ["a", "b"]
    assert [row["message"] for row in rows(run, "--state", "in-progress")] == ["c"]
    lines = run("ls", "-w", "w").stdout.decode().splitlines()
    assert [line.split()[1:] for line in lines] == [["COMPLETED", "w", "a"],
                                                    ["COMPLETED", "w", "b"]]


def test_ls_goes_on_where_a_page_ended(run):
    fill(run, "a", "b", "c")
    first = answer(run("ls", "-w", "w", "-n", "2", "-o", "json"))
    second = answer(run("ls", "-w", "w", "--next", first["next"], "-o", "json"))
    assert [r["message"] for r in first["rows"] + second["rows"]] == ["a", "b", "c"]
    assert b"--next" in run("ls", "-w", "w", "-n", "2").stderr


def test_purge_deletes_what_was_completed_before(run):
    fill(run, "a", "b")
    run("claim", "w", "running")
    assert answer(run("purge", "--before", "1h", "-y", "-o", "json"))["deleted"] == 0
    assert answer(run("purge", "--before", "0s", "-y", "-n", "1", "-o", "json"))["deleted"] == 1
    done = run("purge", "--before", "2999-01-01T00:00:00.000Z", "-y")
    assert done.stdout.split() == [b"deleted", b"1"]
    assert [row["message"] for row in rows(run)] == ["running"]


def test_purge_of_a_worker_takes_its_claims_too(run):
    run("claim", "w", "running")
    run("claim", "other", "running")
    assert answer(run("purge", "--all", "-w", "w", "--yes", "-o", "json"))["deleted"] == 1
    assert [row["worker"] for row in rows(run)] == ["other"]


def test_purge_asks_first_and_there_is_nobody_to_ask(run):
    fill(run, "a")
    refused = run("purge", "--before", "0s", code=64)
    assert b"--yes" in refused.stderr
    assert len(rows(run)) == 1


@pytest.mark.parametrize("words", [
    ["purge", "-y"], ["purge", "-y", "--expired", "--before", "1h"], ["purge", "-y", "--all"],
    ["purge", "-y", "--before", "yesterday"], ["purge", "-y", "--expired", "-n", "0"],
    ["ls", "-n", "0"], ["ls", "-n", "1001"], ["ls", "--state", "lost"]])
def test_wrong_ls_and_purge_are_usage(run, words):
    fill(run, "a")
    assert run(*words, code=64).stdout == b""
    assert len(rows(run)) == 1


# ---- run ----


def execute(store, *command, options=(), **more):
    return support.weir("dedup", "run", "w", "m", *store, *options, "--", *command, **more)


def test_run_runs_once_and_completes(store, run, tmp_path):
    mark = tmp_path / "ran"
    command = ["sh", "-c", "echo said; echo x >> %s" % mark]
    assert execute(store, *command).stdout == b"said\n"
    again = execute(store, *command)
    assert again.returncode == 0 and again.stdout == b"" and b"processed before" in again.stderr
    assert mark.read_text() == "x\n"
    assert run("check", "w", "m", code=4)


def test_run_says_as_asked_that_it_did_not_run(store, run):
    assert execute(store, "true").returncode == 0
    assert execute(store, "true", options=["-q"]).stderr == b""
    assert json.loads(execute(store, "true", options=["-o", "json"]).stderr) == {
        "outcome": "completed"}
    run("forget", "w", "m")
    claim(run)
    held = execute(store, "true", options=["-o", "json"])
    assert held.returncode == 75 and json.loads(held.stderr) == {"outcome": "in-progress"}
    run("forget", "w", "m")
    failed = execute(store, "/no/such/command", options=["-o", "json"])
    assert failed.returncode == 127
    assert "/no/such/command: " in json.loads(failed.stderr)["error"]["message"]


def test_run_gives_a_message_back_whose_command_failed(store):
    assert execute(store, "sh", "-c", "exit 7").returncode == 7
    assert execute(store, "sh", "-c", "kill -KILL $$").returncode == 128 + 9
    assert execute(store, "/no/such/command").returncode == 127
    assert execute(store, "true").returncode == 0


def test_run_does_not_run_what_another_claim_holds(store, run):
    claim(run)
    refused = execute(store, "echo", "ran")
    assert refused.returncode == 75 and refused.stdout == b""


def test_run_renews_its_lease_while_the_command_runs(store, run):
    """A command five times as long as the lease still holds it at its end."""
    done = execute(store, "sleep", "1", options=["--lease", "200ms"])
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    run("check", "w", "m", code=4)


def test_run_tells_that_its_claim_was_lost(store, run):
    stolen = "%s dedup forget w m %s" % (support.PROGRAM, " ".join(store))
    done = execute(store, "sh", "-c", stolen)
    assert done.returncode == 1 and b"not held by this claim" in done.stderr
    assert run("check", "w", "m").stdout == b"new\n"


def test_a_stop_reaches_the_command_and_the_message_is_given_back(store, run, tmp_path, keep):
    started = tmp_path / "started"
    process = keep(support.Process(
        [support.PROGRAM, "dedup", "run", "w", "m", *store, "--", "sh", "-c",
         "trap 'exit 5' TERM; touch %s; sleep 60 & wait" % started], tmp_path / "run.log"))
    support.wait_until(started.exists, "the command")
    assert process.stop() == 5
    assert run("claim", "w", "m")


def test_run_needs_a_command(store):
    assert support.weir("dedup", "run", "w", "m", *store).returncode == 64
