// SPDX-License-Identifier: Apache-2.0
// Ordinary use of AWS's SDK for JavaScript, one part of it a run:
//
//     node sdk.mjs URL PART
//
// Prints "PART done". Credentials and region come from the environment.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactGetItemsCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  paginateQuery,
  paginateScan,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
} from "@aws-sdk/client-dynamodb-streams";

const [endpoint, part] = process.argv.slice(2);
const client = new DynamoDBClient({ endpoint });
const TableName = "things";

const keyOf = (pk, sk) => ({ pk: { S: pk }, sk: { N: String(sk) } });
const numbersOf = (items) => items.map((item) => Number(item.sk.N));
const countTo = (end) => Array.from({ length: end }, (_, number) => number);

async function createTable() {
  await client.send(new CreateTableCommand({
    TableName,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "N" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
  }));
  await waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName });
}

// Sends until nothing is left over; how often it took.
async function writeAll(requests) {
  let left = { [TableName]: requests };
  let sent = 0;
  while (Object.keys(left).length > 0) {
    left = (await client.send(new BatchWriteItemCommand({ RequestItems: left }))).UnprocessedItems;
    sent += 1;
  }
  return sent;
}

async function readAll(pages) {
  const items = [];
  let count = 0;
  for await (const page of pages) {
    items.push(...page.Items);
    count += 1;
  }
  return { items, count };
}

const parts = {
  async types() {
    const item = {
      ...keyOf("Grüße ☃", "-12345678901234567890.123456789"),
      s: { S: "" },
      b: { B: new Uint8Array([0, 1]) },
      n: { N: "0.25" },
      t: { BOOL: true },
      f: { NULL: true },
      l: { L: [{ N: "1" }, { M: { three: { L: [{ N: "3" }] } } }] },
      m: { M: { a: { M: {} } } },
      ss: { SS: ["x", "y"] },
      ns: { NS: ["1", "2.5"] },
      bs: { BS: [new Uint8Array([49])] },
    };
    await client.send(new PutItemCommand({ TableName, Item: item }));
    const Key = { pk: item.pk, sk: item.sk };
    const read = await client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
    for (const value of [read.Item.ss.SS, read.Item.ns.NS]) {
      value.sort();
    }
    assert.deepEqual(read.Item, item);
  },

  async conditions() {
    const ConditionExpression = "attribute_not_exists(pk)";
    const Item = { ...keyOf("a", 1), v: { N: "1" } };
    await client.send(new PutItemCommand({ TableName, Item, ConditionExpression }));
    await assert.rejects(client.send(new PutItemCommand({
      TableName,
      Item,
      ConditionExpression,
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    })), (error) => {
      assert.equal(error.name, "ConditionalCheckFailedException");
      assert.deepEqual(error.Item, Item);
      return true;
    });
    const changed = await client.send(new UpdateItemCommand({
      TableName,
      Key: keyOf("a", 1),
      UpdateExpression: "SET v = v + :one",
      ConditionExpression: "v = :one",
      ExpressionAttributeValues: { ":one": { N: "1" } },
      ReturnValues: "UPDATED_NEW",
    }));
    assert.deepEqual(changed.Attributes, { v: { N: "2" } });
  },

  async transactions() {
    const put = (number, more) => ({ Put: { TableName, Item: keyOf("t", number), ...more } });
    const write = { TransactItems: [put(1), put(2)], ClientRequestToken: "once" };
    await client.send(new TransactWriteItemsCommand(write));
    await client.send(new TransactWriteItemsCommand(write));
    const TransactItems = [put(3), put(1, { ConditionExpression: "attribute_not_exists(pk)" })];
    await assert.rejects(client.send(new TransactWriteItemsCommand({ TransactItems })), (error) => {
      assert.equal(error.name, "TransactionCanceledException");
      assert.deepEqual(error.CancellationReasons.map((reason) => reason.Code),
        ["None", "ConditionalCheckFailed"]);
      return true;
    });
    const read = await client.send(new TransactGetItemsCommand({
      TransactItems: [1, 2, 3].map((number) => ({ Get: { TableName, Key: keyOf("t", number) } })),
    }));
    assert.deepEqual(read.Responses.map((answer) => Boolean(answer.Item)), [true, true, false]);
  },

  async pages() {
    const requests = countTo(60).map((number) => ({
      PutRequest: { Item: { ...keyOf("q", number), filler: { S: "x".repeat(40000) } } },
    }));
    for (let begin = 0; begin < requests.length; begin += 20) {
      await writeAll(requests.slice(begin, begin + 20));
    }
    const queried = await readAll(paginateQuery({ client }, {
      TableName,
      KeyConditionExpression: "pk = :p AND sk >= :from",
      ExpressionAttributeValues: { ":p": { S: "q" }, ":from": { N: "5" } },
      ScanIndexForward: false,
    }));
    assert.equal(queried.count, 3);
    assert.deepEqual(numbersOf(queried.items), countTo(60).slice(5).reverse());
    const scanned = await readAll(paginateScan({ client, pageSize: 9 }, { TableName }));
    assert.deepEqual(numbersOf(scanned.items), countTo(60));
  },

  async unprocessed() {
    const requests = countTo(20).map((number) => ({ PutRequest: { Item: keyOf("u", number) } }));
    assert.equal(await writeAll(requests), 3);
    let left = { [TableName]: { Keys: countTo(20).map((number) => keyOf("u", number)) } };
    const read = [];
    while (Object.keys(left).length > 0) {
      const answer = await client.send(new BatchGetItemCommand({ RequestItems: left }));
      read.push(...answer.Responses[TableName]);
      left = answer.UnprocessedKeys;
    }
    assert.deepEqual(numbersOf(read).sort((a, b) => a - b), countTo(20));
  },

  async stream() {
    for (const number of [0, 1, 2]) {
      await client.send(new PutItemCommand({ TableName, Item: keyOf("s", number) }));
    }
    await client.send(new DeleteItemCommand({ TableName, Key: keyOf("s", 1) }));
    const streams = new DynamoDBStreamsClient({ endpoint });
    const listed = await streams.send(new ListStreamsCommand({}));
    assert.deepEqual(listed.Streams.map((stream) => stream.TableName), [TableName]);
    const StreamArn = listed.Streams[0].StreamArn;
    const described = await streams.send(new DescribeStreamCommand({ StreamArn }));
    const records = [];
    for (const { ShardId } of described.StreamDescription.Shards) {
      const { ShardIterator } = await streams.send(new GetShardIteratorCommand({
        StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON",
      }));
      records.push(...(await streams.send(new GetRecordsCommand({ ShardIterator }))).Records);
    }
    assert.deepEqual(records.map((record) => [record.eventName, record.dynamodb.Keys.sk.N]),
      [["INSERT", "0"], ["INSERT", "1"], ["INSERT", "2"], ["REMOVE", "1"]]);
  },

  async checksums() {
    let checked = 0;
    client.middlewareStack.add((next) => async (request) => {
      const answer = await next(request);
      const chunks = [];
      for await (const chunk of answer.response.body) {
        chunks.push(chunk);
      }
      const body = Buffer.concat(chunks);
      assert.equal(Number(answer.response.headers["x-amz-crc32"]), crc32(body));
      answer.response.body = body;
      checked += 1;
      return answer;
    }, { step: "deserialize", priority: "low" });
    await client.send(new PutItemCommand({
      TableName, Item: { ...keyOf("c", 1), v: { S: "☃".repeat(50000) } },
    }));
    const read = await client.send(new GetItemCommand({ TableName, Key: keyOf("c", 1) }));
    assert.equal(read.Item.v.S.length, 50000);
    await client.send(new DescribeTableCommand({ TableName }));
    assert.equal(checked, 3);
  },
};

// node:zlib has crc32 from version 22 on; a gzip file ends with it in all.
function crc32(bytes) {
  return zlib.gzipSync(bytes).readUInt32LE(zlib.gzipSync(bytes).length - 8);
}

await createTable();
await parts[part]();
console.log(part + " done");
