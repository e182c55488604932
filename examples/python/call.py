#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Any operation by its name: call.py [ENDPOINT]; without one, on the engine in memory."""
import sys

import weir

with weir.Client(sys.argv[1] if len(sys.argv) > 1 else "memory:") as client:
    try:
        client.call("CreateTable", {
            "TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]})
    except weir.Error as error:
        if error.code != "ResourceInUseException":
            raise
    client.call("PutItem", {"TableName": "orders",
                            "Item": {"id": {"S": "o-1"}, "total": {"N": "12.50"}}})
    print(client.call("GetItem", {"TableName": "orders", "Key": {"id": {"S": "o-1"}}})["Item"])
    try:
        client.call("PutItem", {"TableName": "orders", "Item": {"id": {"S": "o-1"}},
                                "ConditionExpression": "attribute_not_exists(id)"})
    except weir.Error as error:
        print(error.code, "applied" if error.outcome == 0 else "not applied")
