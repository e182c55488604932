// SPDX-License-Identifier: Apache-2.0
// The work of store_bench.c with AWS's SDK for JavaScript: the same requests but for
// times and tokens. Run in a folder below which the SDK is installed (tools/bench.py does that):
//
//     node store_sdk.mjs URL COUNT SIDE_BY_SIDE

import { createHash, randomUUID } from "node:crypto";
import {
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";

const endpoint = process.argv[2];
const [count, sideBySide] = process.argv.slice(3).map(Number);
const client = new DynamoDBClient({ endpoint });

const ORDERS = "sdk-orders";
const OUTBOX = "sdk-outbox";
const DEDUP = "sdk-dedup";
const KEYS = {
  [ORDERS]: [["pk", "S"], ["sk", "N"]],
  [OUTBOX]: [["pk", "S"], ["sk", "S"]],
  [DEDUP]: [["worker_id", "S"], ["message_id", "S"]],
};
const WEEK_S = 604800;
const HOUR_S = 3600;
const LEASE_S = 60;
const NOTHING_HASH = createHash("sha256").update("").digest();

const seconds = (ms) => Math.floor(ms / 1000);
const keyOf = (number) => `customer-${String(number % 1000).padStart(4, "0")}`;
const idOf = (kind, number) => `${kind}-${String(number).padStart(8, "0")}`;

async function createTables() {
  for (const [name, keys] of Object.entries(KEYS)) {
    await client.send(new CreateTableCommand({
      TableName: name,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: keys.map(([key, kind]) => ({ AttributeName: key, AttributeType: kind })),
      KeySchema: keys.map(([key], i) => ({ AttributeName: key, KeyType: i === 0 ? "HASH" : "RANGE" })),
      StreamSpecification: name === OUTBOX
        ? { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" } : undefined,
    }));
  }
}

function rowOf(number, kind) {
  const payload = `{"customer":"${keyOf(number)}","sequence":${number},"total":"149.95"}`;
  return {
    contentType: { S: "application/json" },
    createdAt: { S: new Date().toISOString() },
    destination: { S: "orders" },
    isPublished: { BOOL: false },
    messageType: { S: "OrderPlaced" },
    payload: { S: Buffer.from(payload).toString("base64") },
    pk: { S: keyOf(number) },
    sk: { S: idOf(kind, number) },
  };
}

const stage = (number) => client.send(new TransactWriteItemsCommand({
  ClientRequestToken: randomUUID(),
  TransactItems: [
    {
      Put: {
        TableName: ORDERS,
        Item: { pk: { S: keyOf(number) }, sk: { N: String(number) }, total: { N: "149.95" } },
      },
    },
    {
      Put: {
        TableName: OUTBOX,
        Item: rowOf(number, "staged"),
        ConditionExpression: "attribute_not_exists(#key)",
        ExpressionAttributeNames: { "#key": "pk" },
      },
    },
  ],
}));

const add = (number) => client.send(new PutItemCommand({
  TableName: OUTBOX,
  Item: rowOf(number, "added"),
  ConditionExpression: "attribute_not_exists(#key)",
  ExpressionAttributeNames: { "#key": "pk" },
  ReturnConsumedCapacity: "TOTAL",
}));

function mark(number) {
  const now = Date.now();
  return client.send(new UpdateItemCommand({
    TableName: OUTBOX,
    Key: { pk: { S: keyOf(number) }, sk: { S: idOf("added", number) } },
    ConditionExpression: "attribute_exists(#proof)",
    UpdateExpression:
      "SET #published = :true, #at = :now, #ttl = :ttl REMOVE #pending ADD #count :one",
    ExpressionAttributeValues: {
      ":now": { S: new Date(now).toISOString() },
      ":one": { N: "1" },
      ":true": { BOOL: true },
      ":ttl": { N: String(seconds(now) + WEEK_S) },
    },
    ExpressionAttributeNames: {
      "#proof": "messageType",
      "#published": "isPublished",
      "#at": "publishedAt",
      "#count": "dispatchCount",
      "#pending": "pendingShard",
      "#ttl": "ttl",
    },
  }));
}

async function claim(number) {
  let now = Date.now();
  const token = randomUUID();
  const key = { message_id: { S: idOf("claimed", number) }, worker_id: { S: "shipping" } };
  await client.send(new PutItemCommand({
    TableName: DEDUP,
    Item: {
      claimed_at: { S: new Date(now).toISOString() },
      expires_at: { N: String(seconds(now) + LEASE_S) },
      lease_until: { N: String(now + LEASE_S * 1000) },
      payload_hash: { B: NOTHING_HASH },
      status: { S: "INPROGRESS" },
      token: { S: token },
      ...key,
    },
    ConditionExpression:
      "attribute_not_exists(worker_id) OR expires_at < :now_s AND " +
      "attribute_not_exists(messageType) OR lease_until < :now_ms AND payload_hash = :hash",
    ExpressionAttributeValues: {
      ":hash": { B: NOTHING_HASH },
      ":now_ms": { N: String(now) },
      ":now_s": { N: String(seconds(now)) },
    },
    ReturnValues: "ALL_OLD",
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  }));
  now = Date.now();
  await client.send(new UpdateItemCommand({
    TableName: DEDUP,
    Key: key,
    ConditionExpression: "#token = :token AND #status = :held",
    UpdateExpression:
      "SET #status = :completed, completed_at = :now, expires_at = :expires REMOVE lease_until",
    ExpressionAttributeNames: { "#token": "token", "#status": "status" },
    ExpressionAttributeValues: {
      ":completed": { S: "COMPLETED" },
      ":expires": { N: String(seconds(now) + HOUR_S) },
      ":held": { S: "INPROGRESS" },
      ":now": { S: new Date(now).toISOString() },
      ":token": { S: token },
    },
    ReturnValuesOnConditionCheckFailure: "ALL_OLD",
  }));
}

async function measure(name, work) {
  const start = performance.now();
  const before = process.cpuUsage();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      await work(next++);
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
  const cpu = process.cpuUsage(before);
  console.log(JSON.stringify({
    name,
    messages: count,
    per_second: (count * 1000) / (performance.now() - start),
    cpu_us: (cpu.user + cpu.system) / count,
  }));
}

await createTables();
await measure("stage and commit", stage);
await measure("add", add);
await measure("mark", mark);
await measure("claim and complete", claim);
client.destroy();
