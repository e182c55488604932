#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3's own transaction with an order, its message, and the memory of the request that asked for
it: place_order.py ENDPOINT REQUEST-ID ORDER-ID

A request that comes twice (a retry of the caller's, a redelivery of a queue) places one order and
sends one message. weir only renders two elements; boto3 commits.
"""
import sys

import boto3

import weir

endpoint, request_id, order_id = sys.argv[1:]
dynamodb = boto3.client("dynamodb", endpoint_url=endpoint)
if "orders" not in dynamodb.list_tables()["TableNames"]:
    dynamodb.create_table(TableName="orders", BillingMode="PAY_PER_REQUEST",
                          AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                          KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])

with weir.Client(endpoint) as client:
    message = client.outbox().render(key="customer-1", type="OrderPlaced", correlation_id=request_id,
                                     content_type="application/json",
                                     payload='{"order": "%s"}' % order_id)
    seen = client.dedup().render("orders", request_id)

order = {"Put": {"TableName": "orders", "Item": {"id": {"S": order_id}, "total": {"N": "12.50"}}}}
try:
    dynamodb.transact_write_items(TransactItems=[seen, order, message])
    print("placed", order_id)
except dynamodb.exceptions.TransactionCanceledException as error:
    if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
        raise
    print("placed before")
