# SPDX-License-Identifier: Apache-2.0
"""`weir serve --faults`: what clients make of bad weather. After every call the table is read, and
what the client said (done, not done, unknown) must be true."""
import http.client
import json
import subprocess
import sys
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

import support

TABLE = "orders"

# The rule's action; what boto3 without retries gets; whether the write was done.
ACTIONS = [
    ("throttle", "ThrottlingException", False),
    ("exceed", "ProvisionedThroughputExceededException", False),
    ("500", "InternalServerError", False),
    ("503", "ServiceUnavailable", False),
    ("500_after", "InternalServerError", True),
    ("drop_before", None, False),
    ("drop_after", None, True),
    ("cut", None, True),
]


def boto(server, attempts, read_timeout=30):
    return boto3.client("dynamodb", endpoint_url=server.endpoint, region_name="us-east-1",
                        aws_access_key_id="test", aws_secret_access_key="test",
                        config=botocore.config.Config(
                            read_timeout=read_timeout,
                            retries={"total_max_attempts": attempts, "mode": "standard"}))


def faults(server):
    """How often each rule acted."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/metrics")
    acted = {}
    for line in connection.getresponse().read().decode().splitlines():
        if line.startswith("weir_server_faults_total{rule="):
            rule, count = line.split('"')[1], line.rsplit(" ", 1)[1]
            acted[rule] = int(count)
    return acted


@pytest.fixture
def stormy(serve):
    """stormy(rules): a server under them, with a table."""
    def start(rules):
        server = serve("--faults", rules, memory=True)
        support.create_table(support.Api(server.port), TABLE)
        return server
    return start


def stored(server):
    return sorted(item["pk"]["S"] for item in support.scan(support.Api(server.port), TABLE))


def put(client, key="a"):
    return client.put_item(TableName=TABLE, Item={"pk": {"S": key}})


# botocore takes the cut answer of a write for a whole one unless its retries look at the checksum.
@pytest.mark.parametrize("action, code, applied", ACTIONS[:-1])
def test_boto3_without_retries_sees_the_fault(stormy, action, code, applied):
    server = stormy("PutItem:%s@1" % action)
    failures = (botocore.exceptions.ClientError, botocore.exceptions.HTTPClientError,
                botocore.exceptions.ResponseStreamingError)
    with pytest.raises(failures) as caught:
        put(boto(server, 1))
    if code:
        assert caught.value.response["Error"]["Code"] == code
    else:
        assert not isinstance(caught.value, botocore.exceptions.ClientError)
    assert stored(server) == (["a"] if applied else [])
    assert faults(server) == {"PutItem:%s@1" % action: 1}
    put(boto(server, 1), "b")
    assert "b" in stored(server)


@pytest.mark.parametrize("action, code, applied", ACTIONS)
def test_boto3_with_retries_gets_through(stormy, action, code, applied):
    server = stormy("PutItem:%s@1" % action)
    put(boto(server, 3))
    assert stored(server) == ["a"]
    assert faults(server) == {"PutItem:%s@1" % action: 1}


def test_boto3_reads_a_cut_page_again(stormy):
    server = stormy("Scan:cut@1,GetItem:cut@1")
    client = boto(server, 3)
    for i in range(50):
        put(client, "item %02d" % i)
    assert client.scan(TableName=TABLE)["Count"] == 50
    assert client.get_item(TableName=TABLE, Key={"pk": {"S": "item 07"}})["Item"]
    assert set(faults(server).values()) == {1}


def test_boto3_times_out_after_the_write_was_done(stormy):
    server = stormy("PutItem:delay=2s@1")
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        put(boto(server, 1, read_timeout=0.3))
    assert stored(server) == ["a"]
    start = time.monotonic()
    put(boto(server, 1), "b")
    assert time.monotonic() - start < 2
    assert stored(server) == ["a", "b"]


def test_half_of_a_batch_comes_back_and_was_not_done(stormy):
    server = stormy("BatchWriteItem:half@1,BatchGetItem:half@1")
    client = boto(server, 1)
    keys = ["item %d" % i for i in range(9)]
    left = client.batch_write_item(RequestItems={TABLE: [
        {"PutRequest": {"Item": {"pk": {"S": key}}}} for key in keys]})["UnprocessedItems"]
    assert [write["PutRequest"]["Item"]["pk"]["S"] for write in left[TABLE]] == keys[5:]
    assert stored(server) == keys[:5]
    assert client.batch_write_item(RequestItems=left)["UnprocessedItems"] == {}
    assert stored(server) == keys
    answer = client.batch_get_item(RequestItems={TABLE: {
        "Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True}})
    assert len(answer["Responses"][TABLE]) == 5
    assert answer["UnprocessedKeys"][TABLE]["ConsistentRead"] is True
    rest = client.batch_get_item(RequestItems=answer["UnprocessedKeys"])
    assert len(rest["Responses"][TABLE]) == 4


def test_boto3s_batch_writer_writes_everything_all_the_same(stormy):
    server = stormy("BatchWriteItem:half@1-3,BatchWriteItem:throttle@4")
    table = boto3.resource("dynamodb", endpoint_url=server.endpoint, region_name="us-east-1",
                           aws_access_key_id="test", aws_secret_access_key="test").Table(TABLE)
    with table.batch_writer() as batch:
        for i in range(60):
            batch.put_item(Item={"pk": "item %02d" % i})
    assert stored(server) == ["item %02d" % i for i in range(60)]
    assert faults(server)["BatchWriteItem:half@1-3"] == 3


def test_a_transaction_dropped_after_its_commit_is_repeated_by_its_token(stormy):
    server = stormy("TransactWriteItems:drop_after@1-2")
    boto(server, 3).transact_write_items(TransactItems=[
        {"Put": {"TableName": TABLE, "Item": {"pk": {"S": "a"}},
                 "ConditionExpression": "attribute_not_exists(pk)"}}])
    assert stored(server) == ["a"]
    assert faults(server) == {"TransactWriteItems:drop_after@1-2": 2}


def test_a_percentage_gives_the_same_faults_again_by_its_seed(stormy, serve, tmp_path):
    def pattern(server):
        client, seen = boto(server, 1), ""
        for i in range(60):
            try:
                client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}})
                seen += "-"
            except botocore.exceptions.ClientError:
                seen += "x"
        return seen
    server = stormy("GetItem:500%30")
    first = pattern(server)
    rule, = faults(server)
    assert first.count("x") == faults(server)[rule]
    assert "rule=%s" % rule in server.log.replace('"', "")
    assert rule.startswith("GetItem:500%30?seed=")
    server.stop()
    again = serve("--faults", rule, memory=True, name="again")
    support.create_table(support.Api(again.port), TABLE)
    assert pattern(again) == first


def test_rules_may_come_from_the_configuration(serve, tmp_path):
    config = tmp_path / "weir.yaml"
    config.write_text('server: { faults: "ListTables:503@1" }\n')
    server = serve("--config", str(config), memory=True)
    api = support.Api(server.port)
    assert api.send("ListTables", {})[0] == 503
    assert api.send("ListTables", {})[0] == 200


@pytest.mark.parametrize("rules, told", [
    ("PutItm:500", "it begins with an operation that the server has"),
    ("PutItem:explode", "the actions are throttle, exceed, 500,"),
    ("*:delay=1h", "delay has a time up to 60s"),
    ("*:500@0", "behind @ is the number of a call from 1"),
])
def test_rules_that_are_wrong_stop_the_start(rules, told):
    run = support.weir("serve", "--memory", "--port", "0", "--faults", rules)
    assert run.returncode == 64
    assert told in run.stderr.decode()


# ---- the library as the client: its three outcomes ---------------------------------------------

APPLIED, NOT_APPLIED, UNKNOWN = 0, 1, 2

CALL = """
import json, os, sys, weir
class Options(weir._ClientOptions):
    def __init__(self, **fields):
        super().__init__(timeout_ms=int(os.environ["TIMEOUT_MS"]), **fields)
weir._ClientOptions = Options
with weir.Client(sys.argv[1]) as client:
    try:
        print(json.dumps({"outcome": 0, "code": "",
                          "answer": client.call(sys.argv[2], json.loads(sys.argv[3]))}))
    except weir.Error as error:
        print(json.dumps({"outcome": error.outcome, "code": error.code}))
"""


def call(server, attempts, operation, document, timeout_ms=30000):
    """One call by the library, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", CALL, server.endpoint, operation, json.dumps(document)],
        capture_output=True, timeout=60, env=support.environment(
            PYTHONPATH=str(support.ROOT / "examples/python"), LD_LIBRARY_PATH=str(support.BUILD),
            AWS_MAX_ATTEMPTS=str(attempts), TIMEOUT_MS=str(timeout_ms)))
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


ITEM = {"TableName": TABLE, "Item": {"pk": {"S": "a"}}}
WRITES = {
    "PutItem": ITEM,
    "TransactWriteItems": {"ClientRequestToken": "token-1", "TransactItems": [{"Put": ITEM}]},
    "BatchWriteItem": {"RequestItems": {TABLE: [{"PutRequest": {"Item": ITEM["Item"]}}]}},
}


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("action, code, applied", ACTIONS)
def test_the_outcome_that_the_library_reports_is_true(stormy, operation, action, code, applied):
    server = stormy("%s:%s@1" % (operation, action))
    told = call(server, 1, operation, WRITES[operation])
    there = stored(server) == ["a"]
    assert there == applied
    # What a throttled service answers says that nothing was done; all else leaves it open.
    assert told["outcome"] == (NOT_APPLIED if action in ("throttle", "exceed") else UNKNOWN), told
    if code:
        assert told["code"] == code


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("action, code, applied", ACTIONS)
def test_the_library_with_retries_gets_through(stormy, operation, action, code, applied):
    server = stormy("%s:%s@1-2" % (operation, action))
    assert call(server, 4, operation, WRITES[operation])["outcome"] == APPLIED
    assert stored(server) == ["a"]
    assert sum(faults(server).values()) == 2


@pytest.mark.parametrize("operation", WRITES)
def test_a_time_out_after_the_write_is_unknown(stormy, operation):
    server = stormy("%s:delay=3s@1" % operation)
    told = call(server, 1, operation, WRITES[operation], timeout_ms=300)
    assert told == {"outcome": UNKNOWN, "code": "TIMEOUT"}
    assert stored(server) == ["a"]
    assert call(server, 1, operation, WRITES[operation])["outcome"] == APPLIED


def test_the_library_gives_half_a_batch_back(stormy):
    server = stormy("BatchWriteItem:half@1")
    told = call(server, 1, "BatchWriteItem", {"RequestItems": {TABLE: [
        {"PutRequest": {"Item": {"pk": {"S": key}}}} for key in "abcd"]}})
    left = told["answer"]["UnprocessedItems"][TABLE]
    assert [write["PutRequest"]["Item"]["pk"]["S"] for write in left] == ["c", "d"]
    assert stored(server) == ["a", "b"]


# ---- the program as the client ----------------------------------------------------------------

def outbox_put(server, attempts):
    """One message; the run, and the ids that the table then has."""
    run = support.weir("outbox", "put", "key", "--type", "T", "--payload", "hello", "--table",
                       "messages", "--endpoint-url", server.endpoint, "--output", "json",
                       env=support.environment(AWS_MAX_ATTEMPTS=str(attempts)))
    rows = support.scan(support.Api(server.port), "messages")
    return run, [row["sk"]["S"] for row in rows]


@pytest.mark.parametrize("action, code, applied", ACTIONS)
def test_the_programs_single_attempt_tells_the_truth(stormy, action, code, applied):
    """What was refused with a name was not done; for everything else there is no claim that it was
    not, whether it was done or not."""
    server = stormy("PutItem:%s" % action)
    run, ids = outbox_put(server, 1)
    assert run.returncode not in (0, 4), run.stdout
    assert len(ids) == int(applied)
    told = json.loads(run.stderr)["error"]
    if action in ("throttle", "exceed"):
        assert told["code"] == code and not ids
    assert faults(server) == {"PutItem:%s" % action: 1}


@pytest.mark.parametrize("action, code, applied", ACTIONS)
def test_the_program_with_retries_gets_its_message_in_once(stormy, action, code, applied):
    server = stormy("PutItem:%s@1" % action)
    run, ids = outbox_put(server, 3)
    assert len(ids) == 1
    assert faults(server) == {"PutItem:%s@1" % action: 1}
    if run.returncode == 0:
        assert json.loads(run.stdout)["id"] == ids[0]
    else:
        # The attempt that was thought lost had been done: it is there, and that is what is said.
        assert applied and run.returncode == 4
        assert "%s exists already" % ids[0] in run.stderr.decode()


def test_the_program_waits_for_a_late_answer(stormy):
    server = stormy("PutItem:delay=1s@1")
    run, ids = outbox_put(server, 1)
    assert run.returncode == 0 and json.loads(run.stdout)["id"] == ids[0]
