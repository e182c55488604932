# SPDX-License-Identifier: Apache-2.0
"""System tests: the program as a whole, from outside.

WEIR_BUILD names the build folder (build/test), WEIR_PROGRAM another program `weir`; WEIR_SEED gives
the seed of what is random (printed), and WEIR_SOAK=1 runs long series in full.
"""
import os
import subprocess

import pytest

import support


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("rerun: WEIR_SEED=%d WEIR_BUILD=%s /usr/bin/python3 -m pytest "
                                "tests/system" % (support.SEED, support.BUILD))


@pytest.fixture
def keep():
    """keep(process): ended with the test; its log is shown when the test fails."""
    processes = []

    def take(process):
        processes.append(process)
        return process

    yield take
    for process in reversed(processes):
        process.kill()
        print("---- %s\n%s" % (process.log_path.name, process.log[-3000:]))


@pytest.fixture
def serve(keep, tmp_path):
    """serve(option, ...) starts `weir serve` in the test's folder."""
    return lambda *options, **more: keep(support.Serve(tmp_path, *options, **more))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server in memory for all tests of a file."""
    process = support.Serve(tmp_path_factory.mktemp("shared"), memory=True)
    yield process
    assert process.stop() == 0, process.log


@pytest.fixture
def api(shared):
    api = support.Api(shared.port)
    yield api
    api.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """What `meson install` would bring, in a folder of its own: the prefix in it."""
    folder = tmp_path_factory.mktemp("install")
    subprocess.run(["meson", "install", "-C", str(support.BUILD), "--no-rebuild", "--quiet"], check=True,
                   env=dict(os.environ, DESTDIR=str(folder)), stdout=subprocess.DEVNULL, timeout=60)
    return folder / "usr/local"
