#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4 vectors, made by botocore's signer under a frozen clock.

    generate.py DIR     writes DIR/<case>.vector for every case
    generate.py --check compares them with the files beside this script; 1 when they differ

A file is a list of sections, each begun by a line "=== name". A body section "repeat TEXT COUNT"
stands for a body that is too long to be written out.
"""
import datetime
import hashlib
import hmac
import pathlib
import sys
import tempfile
from unittest import mock

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CLOCK = datetime.datetime(2026, 11, 20, 23, 44, 0)
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "dynamodb.us-east-1.amazonaws.com"
JSON = ("content-type", "application/x-amz-json-1.0")


def target(operation):
    return ("x-amz-target", "DynamoDB_20120810." + operation)


def case(method="POST", path="/", query="", headers=(), body="", region="us-east-1",
         service="dynamodb", host=HOST, token="", clock=CLOCK, secret=SECRET, normalize=True):
    return locals()


CASES = {
    "post-empty-body": case(headers=[JSON, target("ListTables")]),
    "post-json": case(headers=[JSON, target("ListTables")], body='{"Limit":10}'),
    "post-utf8-body": case(headers=[JSON, target("PutItem")],
                           body='{"Item":{"pk":{"S":"Grüße 水 🌊"}}}'),
    "post-16k-body": case(headers=[JSON, target("PutItem")], body="repeat 0123456789abcdef 1024"),
    "post-1m-body": case(headers=[JSON, target("PutItem")], body="repeat 0123456789abcdef 65536"),
    "body-64-bytes": case(body="repeat x 64"),
    "body-55-bytes": case(body="repeat x 55"),
    "get-vanilla": case(method="GET"),
    "header-spaces-folded": case(headers=[("my-header", "  a   b \t c  ")]),
    "header-empty-value": case(headers=[("my-header", "")]),
    "header-only-spaces": case(headers=[("my-header", "   ")]),
    "header-order-by-name": case(headers=[("z-last", "1"), ("a-first", "2"), ("m-middle", "3")]),
    "header-names-prefix-each-other": case(headers=[("x-amz-target-extra", "2"),
                                                    ("x-amz-target", "1"), ("x-amz", "0")]),
    "header-given-twice": case(headers=[("my-header", "b"), ("my-header", "a")]),
    "query-order": case(method="GET", query="b=2&a=1&c=3"),
    "query-unreserved": case(method="GET", query="x=-._~0189azAZ"),
    "query-encoded": case(method="GET", query="key%20one=a%2Fb%3D&%C3%BC=%E6%B0%B4"),
    "query-duplicates-by-value": case(method="GET", query="a=2&a=1&a=10"),
    "query-without-value": case(method="GET", query="flag&b="),
    "query-name-prefix": case(method="GET", query="ab=1&a=2&a-b=0"),
    "path-dot-segments": case(method="GET", path="/a/./b/../c"),
    "path-dots-above-root": case(method="GET", path="/../../a"),
    "path-repeated-slashes": case(method="GET", path="//a///b//"),
    "path-trailing-slash": case(method="GET", path="/a/b/"),
    "path-encoded-again": case(method="GET", path="/2015-03-31/functions/a%3Ab/invocations"),
    "path-all-removed": case(method="GET", path="/a/.."),
    "path-s3-as-sent": case(method="GET", path="/bucket/./a%20b//c", service="s3",
                            host="s3.us-east-1.amazonaws.com", normalize=False),
    "session-token": case(headers=[JSON, target("GetItem")], body="{}",
                          token="AQoDYXdzEPT//////////wEXAMPLE+token/with=signs=="),
    "region-eu": case(region="eu-central-1", host="dynamodb.eu-central-1.amazonaws.com"),
    "region-gov": case(region="us-gov-west-1", host="dynamodb.us-gov-west-1.amazonaws.com"),
    "service-sqs": case(service="sqs", host="sqs.us-east-1.amazonaws.com", body="{}",
                        headers=[("content-type", "application/x-amz-json-1.0")]),
    "service-sns-form": case(service="sns", host="sns.us-east-1.amazonaws.com",
                             body="Action=Publish&Message=a%20b",
                             headers=[("content-type", "application/x-www-form-urlencoded")]),
    "host-with-port": case(host="127.0.0.1:8000", body="{}"),
    "first-second-of-a-year": case(clock=datetime.datetime(2027, 1, 1, 0, 0, 0)),
    "leap-day": case(clock=datetime.datetime(2028, 2, 29, 12, 30, 59)),
    "secret-with-utf8-length": case(secret="s" * 128),
}


def expand(body):
    if body.startswith("repeat "):
        _, text, count = body.split(" ")
        return (text * int(count)).encode()
    return body.encode()


def signing_key(c):
    key = ("AWS4" + c["secret"]).encode()
    for part in (c["clock"].strftime("%Y%m%d"), c["region"], c["service"], "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


class FrozenClock(datetime.datetime):
    now_utc = CLOCK

    @classmethod
    def utcnow(cls):
        return cls.now_utc


def sign(c):
    """The request as botocore signs it, and every intermediate."""
    url = "http://%s%s%s" % (c["host"], c["path"], "?" + c["query"] if c["query"] else "")
    request = AWSRequest(method=c["method"], url=url, data=expand(c["body"]))
    request.headers.add_header("host", c["host"])
    for name, value in c["headers"]:
        request.headers.add_header(name, value)
    signer_class = SigV4Auth if c["normalize"] else S3SigV4Auth
    signer = signer_class(Credentials(ACCESS, c["secret"], c["token"] or None), c["service"],
                          c["region"])
    FrozenClock.now_utc = c["clock"]
    with mock.patch("botocore.auth.datetime.datetime", FrozenClock):
        signer.add_auth(request)
    authorization = request.headers["Authorization"]
    del request.headers["Authorization"]
    canonical = signer.canonical_request(request)
    text = signer.string_to_sign(request, canonical)
    headers = [(n.lower(), v) for n, v in request.headers.items()]
    return headers, canonical, text, signer.signature(text, request), authorization


def render(c):
    headers, canonical, text, signature, authorization = sign(c)
    sections = [
        ("method", c["method"]), ("path", c["path"]), ("query", c["query"]),
        ("headers", "\n".join("%s:%s" % h for h in headers)), ("body", c["body"]),
        ("date", c["clock"].strftime("%Y%m%dT%H%M%SZ")),
        ("wall_ms", str(int(c["clock"].replace(tzinfo=datetime.timezone.utc).timestamp()) * 1000)),
        ("region", c["region"]), ("service", c["service"]),
        ("normalize", "yes" if c["normalize"] else "no"),
        ("access_key_id", ACCESS), ("secret_access_key", c["secret"]),
        ("canonical_request", canonical), ("string_to_sign", text),
        ("signing_key", signing_key(c)), ("signature", signature),
        ("authorization", authorization),
    ]
    return "".join("=== %s\n%s\n" % s for s in sections)


def write(folder):
    for name, c in CASES.items():
        (folder / (name + ".vector")).write_bytes(render(c).encode())


def check():
    here = pathlib.Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as fresh:
        write(pathlib.Path(fresh))
        made = {p.name: p.read_bytes() for p in pathlib.Path(fresh).iterdir()}
    kept = {p.name: p.read_bytes() for p in here.glob("*.vector")}
    for name in sorted(made.keys() | kept.keys()):
        if made.get(name) != kept.get(name):
            print("differs from what botocore signs: " + name)
    return 0 if made == kept else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(pathlib.Path(sys.argv[1]))
