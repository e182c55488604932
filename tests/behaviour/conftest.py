# SPDX-License-Identifier: Apache-2.0
"""Behaviour tests: a real AWS client (boto3) against the program, over HTTP.

WEIR_TEST_ENDPOINT names a server that runs already. Otherwise the program named by WEIR_PROGRAM
(default build/src/cli/weir) is started with a database in memory on a free port, and ended with
SIGTERM, upon which it must exit with 0.

The fixtures: `client` and `streams` are boto3 clients that check no parameters themselves, so that
the server has to; `raw` posts a body as it is; `table` makes tables that go with the test.
"""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time
import uuid
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

START_SECONDS = 15
STOP_SECONDS = 15
ROOT = pathlib.Path(__file__).resolve().parents[2]


def _read_port(path, process):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.exit(f"the server ended at its start with {process.returncode}", 1)
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.02)
    process.kill()
    pytest.exit("the server wrote no port", 1)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    given = os.environ.get("WEIR_TEST_ENDPOINT")
    if given:
        yield given
        return
    program = os.environ.get("WEIR_PROGRAM", str(ROOT / "build/src/cli/weir"))
    port_file = tmp_path_factory.mktemp("server") / "port"
    process = subprocess.Popen(
        [program, "serve", "--memory", "--port", "0", "--port-file", str(port_file)]
    )
    yield f"http://127.0.0.1:{_read_port(port_file, process)}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_SECONDS) == 0


def _client(service, endpoint):
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False, retries={"max_attempts": 0}),
    )


@pytest.fixture(scope="session")
def client(endpoint):
    return _client("dynamodb", endpoint)


@pytest.fixture(scope="session")
def streams(endpoint):
    return _client("dynamodbstreams", endpoint)


class Answer:
    """Status, headers and body of one POST."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read()
        self.body = json.loads(self.text) if self.text else None

    @property
    def message(self):
        return self.body.get("message", self.body.get("Message"))

    @property
    def type(self):
        return self.body["__type"]


@pytest.fixture(scope="session")
def raw(endpoint):
    parts = urlsplit(endpoint)

    def post(operation, body, prefix="DynamoDB_20120810.", headers=None):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        text = body if isinstance(body, (bytes, str)) else json.dumps(body)
        sent = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": prefix + operation,
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/dynamodb/"
            "aws4_request, SignedHeaders=host, Signature=0",
        }
        sent.update(headers or {})
        connection.request("POST", "/", text, sent)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    return post


@pytest.fixture
def table(client):
    """table(sort=..., view=..., name=...) creates a table and returns its name."""
    names = []

    def create(partition="S", sort=None, view=None, name=None, **more):
        name = name or f"t-{uuid.uuid4().hex[:12]}"
        definitions = [{"AttributeName": "pk", "AttributeType": partition}]
        schema = [{"AttributeName": "pk", "KeyType": "HASH"}]
        if sort:
            definitions.append({"AttributeName": "sk", "AttributeType": sort})
            schema.append({"AttributeName": "sk", "KeyType": "RANGE"})
        if view:
            more["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
        more.setdefault("BillingMode", "PAY_PER_REQUEST")
        client.create_table(
            TableName=name, AttributeDefinitions=definitions, KeySchema=schema, **more
        )
        names.append(name)
        return name

    yield create
    for name in names:
        try:
            client.delete_table(TableName=name)
        except ClientError:
            pass


@pytest.fixture(scope="module")
def hash_table(client):
    """A table with the key pk (S), shared by the tests of a file."""
    name = f"h-{uuid.uuid4().hex[:12]}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    yield name
    client.delete_table(TableName=name)


@pytest.fixture(scope="module")
def range_table(client):
    """A table with the keys pk (S) and sk (S), shared by the tests of a file."""
    name = f"r-{uuid.uuid4().hex[:12]}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    yield name
    client.delete_table(TableName=name)


@pytest.fixture
def key():
    """A key of the test's own."""
    return {"pk": {"S": uuid.uuid4().hex}}


@pytest.fixture
def refused():
    """refused(call, "Exception", "exact message" or None) -> the parsed error."""

    def check(call, name, message=None):
        with pytest.raises(ClientError) as caught:
            call()
        error = caught.value.response["Error"]
        assert error["Code"] == name, error
        if message is not None:
            assert error["Message"] == message
        return caught.value.response

    return check


@pytest.fixture
def invalid(refused):
    """invalid(call, "exact message"): refused with ValidationException."""
    return lambda call, message=None: refused(call, "ValidationException", message)
