# SPDX-License-Identifier: Apache-2.0
"""The example programs in Python, on the installed library."""
import json
import shutil
import subprocess

import pytest

import support

EXAMPLES = support.ROOT / "examples/python"


@pytest.fixture
def python(installed, tmp_path):
    """python(file, word, ...) runs an example with Debian's Python and gives its output."""
    library = next(installed.rglob("libweir.so.0")).parent
    environment = support.environment(LD_LIBRARY_PATH=str(library), AWS_DEFAULT_REGION="us-east-1",
                                      PYTHONDONTWRITEBYTECODE="1")

    def run(name, *words, code=0):
        done = subprocess.run(["/usr/bin/python3", str(EXAMPLES / name), *words], env=environment,
                              cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr
    return run


CALLED = ("{'id': {'S': 'o-1'}, 'total': {'N': '12.5'}}\n"
          "ConditionalCheckFailedException not applied\n")


def test_any_operation_by_ctypes(python, shared):
    assert python("call.py") == CALLED
    for _ in range(2):  # the table is there the second time
        assert python("call.py", shared.endpoint) == CALLED


def test_an_error_by_ctypes_says_what_is_wrong(python):
    assert "nowhere:" in python("call.py", "nowhere:", code=1)


def test_memory_by_ctypes_needs_the_engine_and_http_does_not(installed, tmp_path, shared):
    library = next(installed.rglob("libweir.so.0"))
    shutil.copy(library, tmp_path / "libweir.so.0")
    env = support.environment(LD_LIBRARY_PATH=str(tmp_path), PYTHONDONTWRITEBYTECODE="1")
    for endpoint, code, said in ((shared.endpoint, 0, CALLED), ("memory:", 1, "libweir-engine")):
        done = subprocess.run(["/usr/bin/python3", str(EXAMPLES / "call.py"), endpoint], env=env, cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == code and said in done.stdout + done.stderr, done.stdout + done.stderr


def test_boto3_commits_what_weir_renders(python, serve, tmp_path):
    server = serve(memory=True)
    for words, said in ((("r-1", "o-1"), "placed o-1\n"), (("r-1", "o-1"), "placed before\n"),
                        (("r-1", "o-2"), "placed before\n"), (("r-2", "o-2"), "placed o-2\n")):
        assert python("place_order.py", server.endpoint, *words) == said
    api = support.Api(server.port)
    assert sorted(item["id"]["S"] for item in support.scan(api, "orders")) == ["o-1", "o-2"]
    api.close()
    done = support.weir("relay", "run", "--endpoint-url", server.endpoint, "--to", "stdout", "--once",
                        cwd=tmp_path)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(m["key"], m["type"], m["correlationId"], json.loads(m["data"])) for m in messages] == [
        ("customer-1", "OrderPlaced", "r-1", {"order": "o-1"}),
        ("customer-1", "OrderPlaced", "r-2", {"order": "o-2"})]
