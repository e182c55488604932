# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping `weir serve`: who is refused and what they are told; how it ends."""
import os
import signal
import socket
import shutil
import tempfile
import threading

import pytest

import support


def test_M6_a_second_process_is_told_who_holds_the_folder_and_how_to_reach_it(serve, tmp_path):
    server = serve()
    run = support.weir("serve", "--data", str(tmp_path / "data"), "--port", "0")
    assert run.returncode == 75
    told = run.stderr.decode()
    assert str(tmp_path / "data") in told
    assert "process %d" % server.pid in told
    assert server.endpoint in told
    assert support.Api(server.port).call("ListTables") == {"TableNames": []}


def test_M6_an_embedded_user_of_the_same_folder_is_told_too(serve, tmp_path):
    server = serve()
    run = support.weir("outbox", "stats", "--endpoint-url", "file:%s" % (tmp_path / "data"))
    assert run.returncode == 75
    assert "process %d" % server.pid in run.stderr.decode()
    assert server.endpoint in run.stderr.decode()


def test_M6_the_folder_of_a_killed_process_is_free_again(serve, tmp_path):
    serve().kill()
    assert serve(name="again").running()


def test_a_port_in_use_is_named(serve, tmp_path):
    server = serve()
    run = support.weir("serve", "--data", str(tmp_path / "other"), "--port", str(server.port))
    assert run.returncode == 1
    assert "port %d: the port is in use" % server.port in run.stderr.decode()


def test_an_address_that_is_not_ours_is_named(tmp_path):
    run = support.weir("serve", "--memory", "--address", "192.0.2.1", "--port", "0")
    assert run.returncode == 1
    assert b"192.0.2.1" in run.stderr


@pytest.fixture
def unprivileged():
    """Runs the program as nobody when the tests run as root, to whom every folder is open; from a
    copy, since the build may lie in a folder that is closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(support.PROGRAM, folder)
        command = [program]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program]

        def run(*words):
            return support.subprocess.run([*command, *words], capture_output=True, timeout=60,
                                          cwd="/", env=support.environment())
        yield run


def test_a_data_folder_that_cannot_be_entered_is_named(tmp_path, unprivileged):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    run = unprivileged("serve", "--data", str(closed / "data"), "--port", "0")
    assert run.returncode in (1, 77)
    assert str(closed) in run.stderr.decode()
    assert "ermission denied" in run.stderr.decode()


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path, unprivileged):
    folder = "/usr/share"
    run = unprivileged("serve", "--data", folder, "--port", "0")
    assert run.returncode in (1, 77)
    assert folder in run.stderr.decode()
    assert "ermission denied" in run.stderr.decode()


@pytest.mark.parametrize("data", ["", "/dev/null", "no/such/parent"])
def test_a_data_folder_that_cannot_be_is_an_error(tmp_path, data):
    run = support.weir("serve", "--data", data, "--port", "0", cwd=tmp_path)
    assert run.returncode in (1, 64)
    assert run.stderr.startswith(b"weir: ")


def test_a_port_file_that_cannot_be_written_is_named(tmp_path):
    path = str(tmp_path / "no" / "port")
    run = support.weir("serve", "--memory", "--port", "0", "--port-file", path)
    assert run.returncode == 1
    assert path in run.stderr.decode()


@pytest.mark.parametrize("words", [
    ["--port", "65536"], ["--port", "-1"], ["--port", "x"], ["--port", ""], ["--threads", "0"],
    ["--durability", "none"], ["--stream-shards", "0"], ["--memory", "--data", "d"], ["extra"],
])
def test_wrong_options_are_usage_errors(tmp_path, words):
    run = support.weir("serve", *words, cwd=tmp_path)
    assert run.returncode == 64
    assert run.stderr.startswith(b"weir: ")
    assert run.stdout == b""
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_fault_point_ends_the_start(tmp_path):
    run = support.weir("serve", "--memory", "--port", "0",
                       env=support.environment(WEIR_FAULTS="no.such=kill@1"))
    assert run.returncode == 64
    assert b"no.such" in run.stderr


# ---- the end ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(serve, number):
    server = serve()
    server.signal(number)
    assert server.wait(10) == 0


def test_sigterm_ends_with_0_while_clients_are_connected(serve):
    server = serve()
    apis = [support.Api(server.port) for _ in range(20)]
    for api in apis:
        api.call("ListTables")
    with socket.create_connection(("127.0.0.1", server.port)):
        assert server.stop(4) == 0


def half_a_request(server):
    """A connection whose request the server is reading, and never will have read."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
                       b"Expect: 100-continue\r\n\r\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 100")
    return connection


def test_a_request_that_never_ends_does_not_hold_the_stop_for_ever(serve):
    server = serve()
    with half_a_request(server):
        assert server.stop(10) == 0


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_cuts_the_stop_short(serve, number, code):
    server = serve()
    with half_a_request(server):
        server.signal(number)
        support.wait_until(lambda: "stopping" in server.log, "the first signal to be taken")
        server.signal(number)
        assert server.wait(4) == code


def test_sigterm_ends_with_0_during_writes_and_keeps_the_acknowledged(serve):
    server = serve()
    support.create_table(support.Api(server.port), "table")
    acknowledged, mutex = [0], threading.Lock()

    def write(writer):
        api = support.Api(server.port)
        try:
            for number in range(1000000):
                status, _ = api.send("PutItem", {"TableName": "table", "Item": {
                    "pk": {"S": "%d.%d" % (writer, number)}}})
                if status != 200:
                    return
                with mutex:
                    acknowledged[0] += 1
        except support.Unanswered:
            pass

    threads = support.in_threads(write, 4)
    support.wait_until(lambda: acknowledged[0] > 100, "100 writes")
    assert server.stop(10) == 0
    for thread in threads:
        thread.join(30)
    server = serve(name="again")
    assert len(support.scan(support.Api(server.port), "table")) >= acknowledged[0]


def test_sigterm_ends_promptly_while_a_read_waits_at_the_tip(serve):
    server = serve()
    api = support.Api(server.port)
    support.create_table(api, "table")
    arn, shards = support.shards(api, "table")
    waiting = []

    def wait_at_tip(n):
        reader = support.Api(server.port)
        at = support.iterator(reader, arn, shards[n % len(shards)], "LATEST")
        waiting.append(n)
        try:
            reader.send("GetRecords", {"ShardIterator": at}, {"X-Weir-Wait-Ms": "20000"})
        except support.Unanswered:
            pass
        waiting.remove(n)

    threads = support.in_threads(wait_at_tip, 4)
    support.wait_until(lambda: len(waiting) == 4, "the readers")
    # A later answer on another connection shows that the loop has taken what came before.
    api.call("ListTables")
    assert len(waiting) == 4, "a read did not wait"
    assert server.stop(10) == 0
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
