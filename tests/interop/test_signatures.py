# SPDX-License-Identifier: Apache-2.0
"""What weir signs is accepted by servers that are not weir, and nothing else is."""
import json
import urllib.request

import pytest

from conftest import client, weir

ALLOW_ALL = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def authenticate_from(moto, calls):
    """moto lets so many calls pass unauthenticated, counted anew."""
    request = urllib.request.Request(moto + "/moto-api/reset-auth", calls,
                                     {"Content-Type": "text/plain"})
    urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture(scope="module")
def user(moto):
    """A user's key and secret; from then on moto verifies each call's signature."""
    iam = client("iam", moto)
    iam.create_user(UserName="weir")
    iam.put_user_policy(UserName="weir", PolicyName="all", PolicyDocument=ALLOW_ALL)
    made = iam.create_access_key(UserName="weir")["AccessKey"]
    authenticate_from(moto, b"0")
    yield {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    authenticate_from(moto, b"inf")


def items_and_messages(url, user):
    """The whole way: a table, an item of letters that want escaping, a message of the outbox."""
    def run(*words):
        done = weir(*words, "--endpoint-url", url, **user)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("table", "create", "orders", "--key", "pk:S", "--sort", "sk:N")
    run("item", "put", "orders", '{"pk": "Grüße & ☃ / + = %20", "sk": 1, "v": "a\\u0000b\\n"}')
    item = json.loads(run("item", "get", "orders", "Grüße & ☃ / + = %20", "1"))
    assert item["v"] == "a\0b\n" and item["sk"] == 1
    run("outbox", "put", "order-1", "--type", "Paid", "--payload", '{"n": 1}', "--id", "m-1")
    shown = run("outbox", "ls", "--output", "json")
    assert "m-1" in shown and "Paid" in shown


def test_moto_accepts_what_is_signed_with_the_key(moto, user):
    items_and_messages(moto, user)


def refused(url, code, key, secret, *words):
    done = weir(*words, "--endpoint-url", url, key=key, secret=secret)
    assert done.returncode == 77, (done.returncode, done.stderr)
    assert code in done.stderr
    assert secret not in done.stderr and not done.stdout


@pytest.mark.parametrize("words", [
    ("item", "put", "orders", '{"pk": "a", "sk": 1}'),
    ("item", "get", "orders", "a", "1"),
    ("outbox", "put", "order-1", "--type", "Paid", "--payload", "{}"),
])
def test_moto_refuses_another_secret_and_another_key(moto, user, words):
    wrong = user["secret"][:-1] + ("a" if user["secret"][-1] != "a" else "b")
    refused(moto, "SignatureDoesNotMatch", user["key"], wrong, *words)
    refused(moto, "InvalidClientTokenId", "AKIDNOBODY", user["secret"], *words)


def test_dynamodb_local_accepts_the_form(dynamodb_local):
    items_and_messages(dynamodb_local, {"key": "AKIDNOBODY", "secret": "x" * 40})
