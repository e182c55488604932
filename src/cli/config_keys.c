/* SPDX-License-Identifier: Apache-2.0 */

/* The table of weir.yaml's keys: parser, checks, help and docs/CONFIGURATION.md come from it. */

#include <stddef.h>
#include <string.h>

#include "base/limits.h"
#include "cli/config_internal.h"
#include "outbox/outbox.h"

#define DAY_MS (24LL * 3600 * 1000)

static const struct config_key keys[] = {
    {"endpoint", CONFIG_TEXT, 0, 0, NULL, "the AWS profile's",
     "where tables are, unless --endpoint-url or AWS_ENDPOINT_URL_DYNAMODB says: a URL, file:DIR, "
     "memory:"},
    {"region", CONFIG_TEXT, 0, 0, NULL, "the AWS profile's",
     "AWS region, unless --region or AWS_REGION says"},
    {"server", CONFIG_MAP, 0, 0, NULL, "", "how weir dev and weir serve run the engine"},
    {"server.address", CONFIG_TEXT, 0, 0, NULL, "127.0.0.1", "address to listen on"},
    {"server.port", CONFIG_NUMBER, 0, 65535, NULL, "8000", "port to listen on; 0: any free one"},
    {"server.data", CONFIG_TEXT, 0, 0, NULL, ".weir", "folder of the engine's data"},
    {"server.durability", CONFIG_CHOICE, 0, 0, "sync|relaxed", "sync",
     "sync: an acknowledged write survives power loss; relaxed: the process's death"},
    {"server.require_signature", CONFIG_TEXT, 0, 0, NULL, "",
     "file of access keys; calls must be signed with one of them"},
    {"server.faults", CONFIG_TEXT, 0, 0, NULL, "",
     "calls that are made to fail, for tests: PutItem:throttle@1-3,*:500%10?seed=7"},
    {"outboxes", CONFIG_MAP, 0, 0, NULL, "", "outbox tables"},
    {"outboxes[].table", CONFIG_TEXT, 0, 0, NULL, "outbox", "the table's name"},
    {"outboxes[].layout", CONFIG_CHOICE, 0, 0, "partitioned|by-message", "partitioned",
     "partitioned: the ordering key and the message id are the table's keys; by-message: one row "
     "per message id, found by correlation and aggregate id too"},
    {"outboxes[].partition_name", CONFIG_TEXT, 0, 0, NULL, "pk; by-message PK",
     "its HASH attribute"},
    {"outboxes[].sort_name", CONFIG_TEXT, 0, 0, NULL, "sk", "its RANGE attribute"},
    {"outboxes[].ttl_name", CONFIG_TEXT, 0, 0, NULL, "ttl", "its TTL attribute"},
    {"outboxes[].names", CONFIG_TEXTS, 0, 0, NULL, "",
     "attributes that are called otherwise, each as field: attribute, e.g. payload: body"},
    {"outboxes[].pending_shards", CONFIG_NUMBER, 0, OUTBOX_SHARDS_MAX, NULL, "0",
     "partitioned: shards of an index over what is pending; 0: as the table has it, none when it "
     "is created"},
    {"outboxes[].payload_max", CONFIG_NUMBER, 1, LIMIT_ITEM_BYTES, NULL, "what fits into an item",
     "refuse larger payloads, in bytes"},
    {"outboxes[].retries", CONFIG_NUMBER, 0, 100, NULL, "3", "of one call to the table"},
    {"outboxes[].sink", CONFIG_CHOICE, 0, 0, "sqs|sns|kinesis|eventbridge", "",
     "refuse what this service's messages could not carry"},
    {"outboxes[].topics", CONFIG_TEXTS, 0, 0, NULL, "",
     "where messages go that name no destination, each as message type: topic"},
    {"outboxes[].strict_topics", CONFIG_CHOICE, 0, 0, "yes|no", "no",
     "refuse messages that have neither destination nor topic"},
    {"outboxes[].retention", CONFIG_DURATION_MS, 0, 3650 * DAY_MS, NULL, "7d",
     "how long published rows are kept; 0: for ever"},
    {"outboxes[].create", CONFIG_CHOICE, 0, 0, "yes|no", "yes", "create the table when missing"},
    {"outboxes[].stream", CONFIG_CHOICE, 0, 0, "yes|no", "yes",
     "create it with a stream, which a relay needs"},
    {"relays", CONFIG_MAP, 0, 0, NULL, "", "relays: each from an outbox to a sink"},
    {"relays[].name", CONFIG_TEXT, 0, 0, NULL, "relay", "names the relay's positions"},
    {"relays[].from", CONFIG_MAP, 0, 0, NULL, "", "the source"},
    {"relays[].from.outbox", CONFIG_TEXT, 0, 0, NULL, "outbox", "the outbox's table"},
    {"relays[].from.start", CONFIG_CHOICE, 0, 0, "horizon|now", "horizon",
     "where to begin without a stored position"},
    {"relays[].to", CONFIG_MAP, 0, 0, NULL, "", "the sink: one of the following"},
    {"relays[].to.stdout", CONFIG_MAP, 0, 0, NULL, "", "JSON lines on standard output"},
    {"relays[].to.file", CONFIG_MAP, 0, 0, NULL, "", "JSON lines appended to a file"},
    {"relays[].to.file.path", CONFIG_TEXT, 0, 0, NULL, "", "the file"},
    {"relays[].to.file.sync", CONFIG_CHOICE, 0, 0, "yes|no", "no",
     "on the disk before a message counts as delivered"},
    {"relays[].to.redis", CONFIG_MAP, 0, 0, NULL, "", "entries of a Redis or Valkey stream"},
    {"relays[].to.redis.url", CONFIG_TEXT, 0, 0, NULL, "",
     "redis://[[user]:password@]host[:port][/database]"},
    {"relays[].to.redis.stream", CONFIG_TEXT, 0, 0, NULL, "weir",
     "the stream, for messages without a destination"},
    {"relays[].to.redis.maxlen", CONFIG_NUMBER, 0, 1000000000000LL, NULL, "0",
     "trim the stream to about that many entries; 0: never"},
    {"relays[].to.redis.dedup_window_s", CONFIG_NUMBER, 1, 365 * 86400, NULL, "86400",
     "how long message ids are remembered, in seconds"},
    {"relays[].mark", CONFIG_CHOICE, 0, 0, "update|delete|none", "update",
     "update: mark rows as published; delete: delete them; none (also by "
     "OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED=true): leave them, the position is the truth"},
    {"relays[].retry", CONFIG_MAP, 0, 0, NULL, "", "when the sink fails"},
    {"relays[].retry.max", CONFIG_NUMBER, 1, 1000000, NULL, "3",
     "retries of a message that the sink rejects"},
    {"relays[].retry.backoff", CONFIG_DURATION_MS, 1, DAY_MS, NULL, "200ms", "the first wait"},
    {"relays[].retry.backoff_max", CONFIG_DURATION_MS, 1, DAY_MS, NULL, "10s",
     "doubling up to this"},
    {"relays[].position_table", CONFIG_TEXT, 0, 0, NULL, "weir-positions",
     "the table of positions and leases"},
    {"relays[].drain", CONFIG_DURATION_MS, 1, 3600 * 1000, NULL, "10s",
     "the time to finish what is in hand when it is stopped"},
};

const struct config_key *config_key_at(size_t index)
{
    return index < sizeof(keys) / sizeof(keys[0]) ? &keys[index] : NULL;
}

const struct config_key *config_key_find(const char *pattern)
{
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        if (strcmp(config_key_at(i)->path, pattern) == 0) {
            return config_key_at(i);
        }
    }
    return NULL;
}
