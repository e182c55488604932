#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The work of store_bench.c with boto3: the same requests, but for times and tokens. (A boto3 before
1.28 cannot ask for the item that failed a condition; then it is not asked for.)

    store_boto3.py --endpoint URL [--count N] [--side-by-side N]
"""

import argparse
import base64
import concurrent.futures
import datetime
import hashlib
import json
import threading
import time
import uuid

import boto3
import botocore.config

ORDERS, OUTBOX, DEDUP = "boto3-orders", "boto3-outbox", "boto3-dedup"
KEYS = {ORDERS: [("pk", "S"), ("sk", "N")], OUTBOX: [("pk", "S"), ("sk", "S")],
        DEDUP: [("worker_id", "S"), ("message_id", "S")]}
WEEK_S, HOUR_S, LEASE_S = 604800, 3600, 60
NOTHING_HASH = hashlib.sha256(b"").digest()


def iso(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (moment.microsecond // 1000)


def create_tables(client):
    for name, keys in KEYS.items():
        more = {}
        if name == OUTBOX:
            more["StreamSpecification"] = {"StreamEnabled": True,
                                           "StreamViewType": "NEW_AND_OLD_IMAGES"}
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}
                                  for key, kind in keys],
            KeySchema=[{"AttributeName": key, "KeyType": role}
                       for (key, _), role in zip(keys, ("HASH", "RANGE"))], **more)


def key_of(number):
    return "customer-%04d" % (number % 1000)


def row_of(number, kind):
    payload = '{"customer":"%s","sequence":%d,"total":"149.95"}' % (key_of(number), number)
    return {"contentType": {"S": "application/json"}, "createdAt": {"S": iso(time.time())},
            "destination": {"S": "orders"}, "isPublished": {"BOOL": False},
            "messageType": {"S": "OrderPlaced"},
            "payload": {"S": base64.b64encode(payload.encode()).decode()},
            "pk": {"S": key_of(number)}, "sk": {"S": "%s-%08d" % (kind, number)}}


def stage(client, number):
    client.transact_write_items(
        ClientRequestToken=str(uuid.uuid4()),
        TransactItems=[
            {"Put": {"TableName": ORDERS,
                     "Item": {"pk": {"S": key_of(number)}, "sk": {"N": str(number)},
                              "total": {"N": "149.95"}}}},
            {"Put": {"TableName": OUTBOX, "Item": row_of(number, "staged"),
                     "ConditionExpression": "attribute_not_exists(#key)",
                     "ExpressionAttributeNames": {"#key": "pk"}}}])


def add(client, number):
    client.put_item(TableName=OUTBOX, Item=row_of(number, "added"),
                    ConditionExpression="attribute_not_exists(#key)",
                    ExpressionAttributeNames={"#key": "pk"}, ReturnConsumedCapacity="TOTAL")


def mark(client, number):
    now = time.time()
    client.update_item(
        TableName=OUTBOX, Key={"pk": {"S": key_of(number)}, "sk": {"S": "added-%08d" % number}},
        ConditionExpression="attribute_exists(#proof)",
        UpdateExpression="SET #published = :true, #at = :now, #ttl = :ttl REMOVE #pending "
                         "ADD #count :one",
        ExpressionAttributeValues={":now": {"S": iso(now)}, ":one": {"N": "1"},
                                   ":true": {"BOOL": True},
                                   ":ttl": {"N": str(int(now) + WEEK_S)}},
        ExpressionAttributeNames={"#proof": "messageType", "#published": "isPublished",
                                  "#at": "publishedAt", "#count": "dispatchCount",
                                  "#pending": "pendingShard", "#ttl": "ttl"})


def on_failure(client):
    known = client.meta.service_model.operation_model("PutItem").input_shape.members
    name = "ReturnValuesOnConditionCheckFailure"
    return {name: "ALL_OLD"} if name in known else {}


def claim(client, number):
    now = time.time()
    token = str(uuid.uuid4())
    key = {"message_id": {"S": "claimed-%08d" % number}, "worker_id": {"S": "shipping"}}
    client.put_item(
        TableName=DEDUP,
        Item={"claimed_at": {"S": iso(now)}, "expires_at": {"N": str(int(now) + LEASE_S)},
              "lease_until": {"N": str(int((now + LEASE_S) * 1000))},
              "payload_hash": {"B": NOTHING_HASH}, "status": {"S": "INPROGRESS"},
              "token": {"S": token}, **key},
        ConditionExpression="attribute_not_exists(worker_id) OR expires_at < :now_s AND "
                            "attribute_not_exists(messageType) OR lease_until < :now_ms AND "
                            "payload_hash = :hash",
        ExpressionAttributeValues={":hash": {"B": NOTHING_HASH},
                                   ":now_ms": {"N": str(int(now * 1000))},
                                   ":now_s": {"N": str(int(now))}},
        ReturnValues="ALL_OLD", **on_failure(client))
    now = time.time()
    client.update_item(
        TableName=DEDUP, Key=key, ConditionExpression="#token = :token AND #status = :held",
        UpdateExpression="SET #status = :completed, completed_at = :now, expires_at = :expires "
                         "REMOVE lease_until",
        ExpressionAttributeNames={"#token": "token", "#status": "status"},
        ExpressionAttributeValues={":completed": {"S": "COMPLETED"},
                                   ":expires": {"N": str(int(now) + HOUR_S)},
                                   ":held": {"S": "INPROGRESS"}, ":now": {"S": iso(now)},
                                   ":token": {"S": token}}, **on_failure(client))


def run_threads(client, work, count, threads):
    numbers = iter(range(count))
    lock = threading.Lock()

    def thread():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            work(client, number)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(thread) for _ in range(threads)]:
            future.result()


def measure(client, name, work, count, threads):
    start, cpu = time.monotonic(), time.process_time()
    run_threads(client, work, count, threads)
    cpu, seconds = time.process_time() - cpu, time.monotonic() - start
    print(json.dumps({"name": name, "messages": count, "per_second": count / seconds,
                      "cpu_us": cpu * 1e6 / count}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--side-by-side", type=int, default=1)
    options = parser.parse_args()
    client = boto3.client(
        "dynamodb", endpoint_url=options.endpoint,
        config=botocore.config.Config(max_pool_connections=max(10, options.side_by_side)))
    create_tables(client)
    for name, work in (("stage and commit", stage), ("add", add), ("mark", mark),
                       ("claim and complete", claim)):
        measure(client, name, work, options.count, options.side_by_side)


if __name__ == "__main__":
    main()
