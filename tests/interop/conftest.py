# SPDX-License-Identifier: Apache-2.0
"""Clients of others against weir, and weir's client against servers of others.

`./dev interop` runs these with a Python environment of its own, which has the boto3 of
requirements.txt instead of the distribution's, and the JavaScript SDK beside it (WEIR_NODE_FOLDER).
WEIR_PROGRAM names the program.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time

import boto3
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ["WEIR_PROGRAM"]
KEY, SECRET = "AKIDINTEROP", "a/secret+of=somebody"
WAIT_SECONDS = 20

sys.path.insert(0, str(ROOT / "tools"))
import interop  # noqa: E402  it knows how the other servers are started


def environment(key=KEY, secret=SECRET):
    """The environment without what a developer's AWS set-up would change."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("AWS_", "WEIR_"))}
    return dict(kept, AWS_EC2_METADATA_DISABLED="true", AWS_REGION="us-east-1",
                AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret,
                AWS_SHARED_CREDENTIALS_FILE="/nonexistent", AWS_CONFIG_FILE="/nonexistent")


def client(service, url, key=KEY, secret=SECRET):
    """With the SDK's own settings."""
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key,
                        aws_secret_access_key=secret)


def weir(*words, key=KEY, secret=SECRET):
    return subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, env=environment(key, secret))


@pytest.fixture
def serve(tmp_path):
    """serve(option, ...) starts `weir serve`, which takes only calls signed with KEY, and returns
    its URL."""
    processes = []
    keys = tmp_path / "keys"
    keys.write_text("%s %s\n" % (KEY, SECRET))
    keys.chmod(0o600)

    def start(*options):
        port = tmp_path / ("port%d" % len(processes))
        process = subprocess.Popen(
            [PROGRAM, "serve", "--memory", "--port", "0", "--port-file", str(port),
             "--require-signature", str(keys), *options], env=environment())
        processes.append(process)
        until = time.monotonic() + WAIT_SECONDS
        while not port.exists():
            assert process.poll() is None and time.monotonic() < until, "weir serve did not start"
            time.sleep(0.02)
        return "http://127.0.0.1:" + port.read_text().strip()

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


@pytest.fixture(scope="session")
def moto():
    with interop.Running(interop.Moto(), "-signatures") as running:
        yield running.url


@pytest.fixture(scope="session")
def dynamodb_local():
    with interop.Running(interop.DynamoDBLocal(), "-signatures") as running:
        yield running.url
