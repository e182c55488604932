# SPDX-License-Identifier: Apache-2.0
"""`weir serve --require-signature`: who is let in, who is refused and what they are told."""
import gzip
import http.client
import json
import socket

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import pytest

import support

SECRET = "a/secret+of=somebody"
OTHER = "another.secret"
TOKEN = "FwoGZXIvYXdzEHwaDexample"
KEYS = "# for the tests\nAKIDONE %s\nTEMPORARY %s %s\n" % (SECRET, OTHER, TOKEN)


def keys_file(folder, text=KEYS, mode=0o600):
    path = folder / "keys"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    process = support.Serve(folder, "--require-signature", keys_file(folder), "--region",
                            "us-east-1", memory=True)
    yield process
    assert process.stop() == 0, process.log
    for secret in (SECRET, OTHER, TOKEN):
        assert secret not in process.log


def client(server, key="AKIDONE", secret=SECRET, token=None, region="us-east-1", name="dynamodb"):
    return boto3.client(name, endpoint_url=server.endpoint, region_name=region,
                        aws_access_key_id=key, aws_secret_access_key=secret,
                        aws_session_token=token,
                        config=botocore.config.Config(retries={"total_max_attempts": 1}))


def refused(call, code, text):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert text in answer["Error"]["Message"]
    assert SECRET not in answer["Error"]["Message"] and OTHER not in answer["Error"]["Message"]


def test_boto3_is_let_in_with_the_right_secret(signed):
    dynamodb = client(signed)
    dynamodb.create_table(TableName="boto", BillingMode="PAY_PER_REQUEST",
                          AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                          KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                          StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    for value in ("", "plain", "Grüße ☃", "x" * 300000):
        dynamodb.put_item(TableName="boto", Item={"pk": {"S": "a"}, "v": {"S": value}})
        item = dynamodb.get_item(TableName="boto", Key={"pk": {"S": "a"}})["Item"]
        assert item["v"]["S"] == value
    assert client(signed, name="dynamodbstreams").list_streams()["Streams"]
    assert client(signed, "TEMPORARY", OTHER, TOKEN).list_tables()["TableNames"] == ["boto"]


def test_boto3_is_refused_with_another_secret_key_token_or_region(signed):
    refused(client(signed, secret=SECRET[:-1]).list_tables, "InvalidSignatureException",
            "The request signature we calculated does not match")
    refused(client(signed, key="NOBODY").list_tables, "UnrecognizedClientException",
            "The security token included in the request is invalid.")
    refused(client(signed, token=TOKEN).list_tables, "UnrecognizedClientException",
            "The security token included in the request is invalid")
    refused(client(signed, "TEMPORARY", OTHER).list_tables, "UnrecognizedClientException", "token")
    refused(client(signed, "TEMPORARY", OTHER, "stale").list_tables,
            "UnrecognizedClientException", "token")
    refused(client(signed, region="eu-west-1").list_tables, "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'eu-west-1'.")


def test_the_program_signs_with_the_environments_credentials(signed):
    words = ("outbox", "put", "key", "--type", "T", "--payload", "x", "--endpoint-url",
             signed.endpoint, "--table", "by-the-program")
    good = support.environment(AWS_ACCESS_KEY_ID="AKIDONE", AWS_SECRET_ACCESS_KEY=SECRET)
    run = support.weir(*words, env=good)
    assert run.returncode == 0, run.stderr
    assert client(signed).scan(TableName="by-the-program")["Count"] == 1
    bad = support.environment(AWS_ACCESS_KEY_ID="AKIDONE", AWS_SECRET_ACCESS_KEY="wrong")
    run = support.weir(*words, env=bad)
    assert run.returncode == 77
    assert b"InvalidSignatureException" in run.stderr
    temporary = support.environment(AWS_ACCESS_KEY_ID="TEMPORARY", AWS_SECRET_ACCESS_KEY=OTHER,
                                    AWS_SESSION_TOKEN=TOKEN)
    assert support.weir(*words, env=temporary).returncode == 0
    assert client(signed).scan(TableName="by-the-program")["Count"] == 2


class Wire:
    """A request that botocore signed, as bytes, and what the server answers to them."""

    def __init__(self, server, path="/", body=b"{}"):
        self.port = server.port
        headers = {"X-Amz-Target": "DynamoDB_20120810.DescribeTable",
                   "Content-Type": "application/x-amz-json-1.0"}
        request = botocore.awsrequest.AWSRequest("POST", server.endpoint + path, headers, body)
        botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKIDONE", SECRET), "dynamodb",
                                "us-east-1").add_auth(request)
        lines = ["POST %s HTTP/1.1" % path, "Host: 127.0.0.1:%d" % server.port,
                 "Content-Length: %d" % len(body)]
        lines += ["%s: %s" % pair for pair in request.headers.items()]
        self.head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        self.body = body

    def send(self, head=None, body=None):
        """The status and the answer; 0 when there was none."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall((head or self.head) + (self.body if body is None else body))
            answer = http.client.HTTPResponse(connection)
            try:
                answer.begin()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                return 0, b""


def test_the_path_and_the_query_are_checked_as_they_were_sent(signed):

    for path in ("/", "/?", "/?a=b", "/?b=%20x&a=%2F", "/?a"):
        status, answer = Wire(signed, path, b'{"TableName":"none"}').send()
        assert b"ResourceNotFoundException" in answer, (path, answer)
    wire = Wire(signed, "/?a=%20b")
    for changed in (b"/?a=+b", b"/?a=%21b", b"/?a= b", b"/?a=%2520b", b"/?b=%20b", b"/"):
        status, answer = wire.send(wire.head.replace(b"/?a=%20b", changed, 1))
        assert status == 400, changed
        assert b"InvalidSignatureException" in answer or b" " in changed, answer


def test_no_changed_byte_gets_through(signed):
    """Every byte of a signed request, changed to another at random: answered with an error, or not
    at all, and never done."""
    chance = support.chance("changed bytes")
    dynamodb = client(signed)
    name = "fragile-%d" % chance.randrange(1 << 30)
    dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST",
                          AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                          KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    wire = Wire(signed, body=json.dumps({"TableName": name}).encode())
    assert wire.send()[0] == 200
    whole = wire.head + wire.body
    unsigned = {b"user-agent", b"content-length", b"connection"}
    minor_version = wire.head.index(b"\r\n") - 1  # HTTP/1.2 is no other request
    answered = 0
    for at in range(len(whole)):
        line_start = whole.rfind(b"\r\n", 0, at) + 2
        header = whole[line_start:whole.find(b":", line_start)].lower()
        if at < len(wire.head) and (header in unsigned or whole[at] in b"\r\n" or
                                    at == minor_version):
            continue
        other = bytes([chance.choice([c for c in range(33, 127) if c != whole[at]])])
        if whole[at:at + 1].lower() == other.lower():
            continue  # names of headers are the same in either case
        if header == b"authorization" and whole[at:at + 1] == b" " and other == b",":
            continue  # either stands between the parts of the header
        changed = whole[:at] + other + whole[at + 1:]
        status, answer = wire.send(changed[:len(wire.head)], changed[len(wire.head):])
        assert status != 200, (at, changed)
        answered += status == 400
    assert answered > len(whole) / 2


def test_unsigned_and_old_requests_are_refused(signed):
    api = support.Api(signed.port)
    connection = http.client.HTTPConnection("127.0.0.1", signed.port, timeout=10)
    connection.request("POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    answer = connection.getresponse()
    assert answer.status == 400
    assert json.loads(answer.read()) == {
        "__type": "com.amazon.coral.service#MissingAuthenticationTokenException",
        "message": "Request is missing Authentication Token"}
    status, told = api.send("ListTables", {}, {"X-Amz-Date": "20200101T000000Z"})
    assert status == 400 and told["message"].startswith("Signature expired: 20200101T000000Z is ")


def test_a_large_and_a_compressed_body_are_checked_as_they_came(signed):
    big = json.dumps({"TableName": "none", "Pad": "x" * 600000}).encode()
    wire = Wire(signed, body=big)
    assert b"ResourceNotFoundException" in wire.send()[1]
    status, answer = wire.send(body=big[:-5] + b"y" + big[-4:])
    assert status == 400 and b"InvalidSignatureException" in answer
    packed = gzip.compress(b'{"TableName":"none"}')
    wire = Wire(signed, body=packed)
    head = wire.head.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    assert b"ResourceNotFoundException" in wire.send(head)[1]
    status, answer = wire.send(head, packed[:-1] + bytes([packed[-1] ^ 1]))
    assert status == 400 and b"InvalidSignatureException" in answer


def test_health_is_open_and_refusals_are_counted(signed):
    connection = http.client.HTTPConnection("127.0.0.1", signed.port, timeout=10)
    for path in ("/", "/livez", "/readyz", "/metrics"):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200
    for line in body.splitlines():
        if line.startswith("weir_server_calls_unauthenticated_total "):
            assert int(line.split()[1]) >= 1
            return
    raise AssertionError(body)


def test_metrics_are_for_this_machine_only(serve, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; tells the address of this machine
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    server = serve("--require-signature", keys_file(tmp_path), "--address", "0.0.0.0", memory=True)
    for path, status in (("/livez", 200), ("/metrics", 403)):
        connection = http.client.HTTPConnection(address, server.port, timeout=10)
        connection.request("GET", path)
        expected = 200 if address.startswith("127.") else status
        assert connection.getresponse().status == expected
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 200


def test_without_a_region_any_is_taken(serve, tmp_path):
    server = serve("--require-signature", keys_file(tmp_path), memory=True)
    for region in ("us-east-1", "eu-west-1", "local"):
        assert client(server, region=region).list_tables()["TableNames"] == []
    refused(client(server, region="eu-west-1", secret="wrong").list_tables,
            "InvalidSignatureException", "The request signature")


def test_the_keys_may_come_from_the_configuration_in_awss_form(serve, tmp_path):
    path = keys_file(tmp_path, "[default]\naws_access_key_id = AKIDONE\n"
                     "aws_secret_access_key = %s\n" % SECRET)
    config = tmp_path / "weir.yaml"
    config.write_text("server: { require_signature: %s }\n" % path)
    server = serve("--config", str(config), memory=True)
    assert "access_keys=1" in server.log
    assert client(server).list_tables()["TableNames"] == []
    refused(client(server, secret="x").list_tables, "InvalidSignatureException", "signature")


@pytest.mark.parametrize("text, mode, told", [
    (KEYS, 0o644, "chmod o="),
    ("AKIDONE\n", 0o600, "keys:1: a line is ACCESS_KEY_ID SECRET"),
    ("", 0o600, "has no access key"),
])
def test_a_file_of_keys_that_is_not_right_stops_the_start(tmp_path, text, mode, told):
    run = support.weir("serve", "--memory", "--port", "0", "--require-signature",
                       keys_file(tmp_path, text, mode))
    assert run.returncode != 0
    assert told in run.stderr.decode()
    assert SECRET not in run.stderr.decode()


def test_a_file_of_keys_that_is_not_there_is_named(tmp_path):
    run = support.weir("serve", "--memory", "--port", "0", "--require-signature",
                       str(tmp_path / "none"))
    assert run.returncode == 1
    assert "none: No such file" in run.stderr.decode()
