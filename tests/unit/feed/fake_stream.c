/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. An iterator is the text "<shard's index>:<number to read after>:<epoch>". */
#include "fake_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "weir/engine.h"

struct fake fake;
static uint32_t iterator_epoch;

/* ---- answers --------------------------------------------------------------------------------- */

static void finish(struct client_request *request, enum weir_status status)
{
    request->status = status;
    if (status != WEIR_OK) {
        (void)error_set(&request->error, status, "acted out: %s", weir_status_name(status));
    }
    request->complete(request);
}

static struct weir_bytes text_of(const struct client_request *request, const char *name)
{
    const struct weir_value *member = value_get(request->document, name);
    return member == NULL ? BYTES_NONE : member->u.bytes;
}

static struct weir_value *answer(struct client_request *request)
{
    request->response = value_new_map(request->arena, VALUE_PLAIN);
    return request->response;
}

static void describe_table(struct client_request *request)
{
    struct arena *a = request->arena;
    struct weir_value *table = value_add_map(a, answer(request), "Table");
    value_add_str(a, table, "TableName", BYTES_LIT(FAKE_TABLE));
    value_add_str(a, table, "TableStatus", BYTES_LIT("ACTIVE"));
    if (fake.view != NULL) {
        value_add_str(a, table, "LatestStreamArn", bytes_str(fake.arn));
        struct weir_value *specification = value_add_map(a, table, "StreamSpecification");
        value_add_bool(a, specification, "StreamEnabled", true);
        value_add_str(a, specification, "StreamViewType", bytes_str(fake.view));
    }
    finish(request, WEIR_OK);
}

static void list_one(struct arena *a, struct weir_value *list, const struct fake_shard *shard)
{
    struct weir_value *node = value_append(a, list);
    *node = (struct weir_value){.type = VALUE_M, .form = VALUE_PLAIN};
    value_add_str(a, node, "ShardId", bytes_str(shard->id));
    if (shard->parent[0] != '\0') {
        value_add_str(a, node, "ParentShardId", bytes_str(shard->parent));
    }
    struct weir_value *range = value_add_map(a, node, "SequenceNumberRange");
    value_add_str(a, range, "StartingSequenceNumber", BYTES_LIT("1"));
    if (shard->closed && !shard->looks_open) {
        value_add_str(a, range, "EndingSequenceNumber", BYTES_LIT("999999999"));
    }
}

static bool is_listed(const struct fake_shard *shard, struct weir_bytes parent)
{
    return shard->listed && !shard->gone &&
           (parent.len == 0 || bytes_eq_str(parent, shard->parent));
}

static void describe_stream(struct client_request *request)
{
    struct arena *a = request->arena;
    const struct weir_value *filter = value_get(request->document, "ShardFilter");
    struct weir_bytes after = text_of(request, "ExclusiveStartShardId");
    struct weir_bytes parent = BYTES_NONE;
    fake.lists++;
    if (filter != NULL) {
        fake.filtered_lists++;
        if (fake.no_filter) {
            finish(request, WEIR_VALIDATION);
            return;
        }
        parent = value_get(filter, "ShardId")->u.bytes;
    }
    struct weir_value *description = value_add_map(a, answer(request), "StreamDescription");
    value_add_str(a, description, "StreamStatus", bytes_str(fake.status));
    uint32_t i = 0, listed = 0, last = 0;
    while (after.len > 0 && i < fake.shard_count && !bytes_eq_str(after, fake.shards[i].id)) {
        i++;
    }
    i += after.len > 0 ? 1 : 0;
    struct weir_value *list = value_new_list(a, VALUE_PLAIN);
    for (; i < fake.shard_count && listed < fake.list_page; i++) {
        if (is_listed(&fake.shards[i], parent)) {
            list_one(a, list, &fake.shards[i]);
            last = i;
            listed++;
        }
    }
    value_add_value(a, description, "Shards", list);
    if (i < fake.shard_count) {
        value_add_str(a, description, "LastEvaluatedShardId", bytes_str(fake.shards[last].id));
    }
    finish(request, WEIR_OK);
}

static struct fake_shard *find(struct weir_bytes id)
{
    for (uint32_t i = 0; i < fake.shard_count; i++) {
        if (bytes_eq_str(id, fake.shards[i].id)) {
            return &fake.shards[i];
        }
    }
    return NULL;
}

static struct weir_bytes make_iterator(struct arena *a, const struct fake_shard *shard,
                                       uint64_t number)
{
    return bytes_str(
        arena_printf(a, "%d:%" PRIu64 ":%u", (int)(shard - fake.shards), number, iterator_epoch));
}

static void get_iterator(struct client_request *request)
{
    struct fake_shard *shard = find(text_of(request, "ShardId"));
    struct weir_bytes type = text_of(request, "ShardIteratorType");
    uint64_t number = 0;
    if (shard == NULL || shard->gone) {
        finish(request, WEIR_RESOURCE_NOT_FOUND);
        return;
    }
    if (bytes_eq_str(type, "AFTER_SEQUENCE_NUMBER")) {
        fake.after_iterators++;
        number = strtoull((const char *)text_of(request, "SequenceNumber").ptr, NULL, 10);
        if (number < shard->trimmed) {
            finish(request, WEIR_TRIMMED);
            return;
        }
    } else if (bytes_eq_str(type, "LATEST")) {
        fake.latest_iterators++;
        number = shard->count == 0 ? 0 : shard->records[shard->count - 1].number;
    } else {
        fake.horizon_iterators++;
        number = shard->trimmed;
    }
    value_add_str(request->arena, answer(request), "ShardIterator",
                  make_iterator(request->arena, shard, number));
    finish(request, WEIR_OK);
}

static void add_attribute(struct arena *a, struct weir_value *map, const char *name,
                          const char *text)
{
    value_add_str(a, value_add_map(a, map, name), "S", bytes_str(text));
}

static void write_record(struct arena *a, struct weir_value *list, const struct fake_record *record)
{
    char *number = arena_printf(a, "%" PRIu64, record->number);
    char *value = arena_printf(a, "%u", record->value);
    struct weir_value *node = value_append(a, list);
    *node = (struct weir_value){.type = VALUE_M, .form = VALUE_PLAIN};
    value_add_str(a, node, "eventID", bytes_str(number));
    if (!record->nameless) {
        value_add_str(a, node, "eventName",
                      record->by_ttl ? BYTES_LIT("REMOVE") : BYTES_LIT("INSERT"));
    }
    if (record->by_ttl) {
        struct weir_value *identity = value_add_map(a, node, "userIdentity");
        value_add_str(a, identity, "Type", BYTES_LIT("Service"));
        value_add_str(a, identity, "PrincipalId", BYTES_LIT("dynamodb.amazonaws.com"));
    }
    struct weir_value *change = value_add_map(a, node, "dynamodb");
    value_add_int(a, change, "ApproximateCreationDateTime", record->created_s);
    value_add_str(a, change, "SequenceNumber", bytes_str(number));
    add_attribute(a, value_add_map(a, change, "Keys"), "pk", value);
    add_attribute(a, value_add_map(a, change, record->by_ttl ? "OldImage" : "NewImage"), "pk",
                  value);
}

static void get_records(struct client_request *request)
{
    struct arena *a = request->arena;
    unsigned index = 0, epoch = 0;
    uint64_t number = 0;
    char text[64] = "";
    struct weir_bytes iterator = text_of(request, "ShardIterator");
    assert_true(iterator.len < sizeof(text));
    memcpy(text, iterator.ptr, iterator.len);
    assert_int_equal(sscanf(text, "%u:%" SCNu64 ":%u", &index, &number, &epoch), 3);
    struct fake_shard *shard = &fake.shards[index];
    if (epoch < iterator_epoch) {
        finish(request, WEIR_ITERATOR_EXPIRED);
        return;
    }
    if (shard->gone) {
        finish(request, WEIR_RESOURCE_NOT_FOUND);
        return;
    }
    if (number < shard->trimmed) {
        finish(request, WEIR_TRIMMED);
        return;
    }
    shard->reads++;
    bool empty = shard->empties > 0;
    shard->empties -= empty ? 1 : 0;
    struct weir_value *response = answer(request);
    struct weir_value *list = value_new_list(a, VALUE_PLAIN);
    uint32_t i = 0, sent = 0;
    while (i < shard->count && shard->records[i].number <= number) {
        i++;
    }
    for (; !empty && i < shard->count && sent < fake.read_page; i++, sent++) {
        write_record(a, list, &shard->records[i]);
        number = shard->records[i].number;
    }
    value_add_value(a, response, "Records", list);
    if (!shard->closed || i < shard->count) {
        value_add_str(a, response, "NextShardIterator", make_iterator(a, shard, number));
    }
    finish(request, WEIR_OK);
}

/* ---- the transport --------------------------------------------------------------------------- */

static void pass_on(struct client_request *request)
{
    request->status = client_call(fake.inner, request->operation, request->document, request->arena,
                                  &request->response, &request->error_members, &request->error);
    request->complete(request);
}

static bool acted_out(struct client_request *request)
{
    for (size_t i = 0; i < sizeof(fake.failures) / sizeof(fake.failures[0]); i++) {
        struct fake_failure *failure = &fake.failures[i];
        if (failure->count > 0 && strcmp(failure->operation, request->operation) == 0) {
            failure->count--;
            finish(request, failure->status);
            return true;
        }
    }
    return false;
}

static void dispatch(struct client_request *request)
{
    const char *operation = request->operation;
    if (strcmp(operation, "DescribeStream") == 0) {
        describe_stream(request);
    } else if (strcmp(operation, "GetShardIterator") == 0) {
        get_iterator(request);
    } else if (strcmp(operation, "GetRecords") == 0) {
        get_records(request);
    } else if (strcmp(operation, "DescribeTable") == 0 &&
               bytes_eq_str(text_of(request, "TableName"), FAKE_TABLE)) {
        describe_table(request);
    } else {
        pass_on(request);
    }
}

static void start(struct client_transport *transport, struct client_request *request)
{
    (void)transport;
    if (strcmp(request->operation, "UpdateItem") == 0) {
        fake.position_writes++;
    }
    if (acted_out(request)) {
        return;
    }
    if (fake.hold != NULL && strcmp(request->operation, fake.hold) == 0) {
        assert_true(fake.held_count < sizeof(fake.held) / sizeof(fake.held[0]));
        fake.held[fake.held_count++] = request;
    } else {
        dispatch(request);
    }
}

static void cancel(struct client_transport *transport, struct client_request *request)
{
    (void)transport;
    (void)request;
}

static void close_transport(struct client_transport *transport)
{
    (void)transport;
}

static const struct client_transport_ops ops = {
    .start = start, .cancel = cancel, .close = close_transport};

static enum weir_status open_transport(const char *endpoint,
                                       const struct weir_client_options *options,
                                       struct weir_env *env,
                                       struct client_transport **ret_transport,
                                       struct weir_error *err)
{
    (void)endpoint;
    (void)options;
    (void)env;
    (void)err;
    fake.base.ops = &ops;
    *ret_transport = &fake.base;
    return WEIR_OK;
}

void fake_release(void)
{
    fake.hold = NULL;
    for (uint32_t i = 0; i < fake.held_count; i++) {
        dispatch(fake.held[i]);
    }
    fake.held_count = 0;
}

void fake_init(void)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    options.endpoint_url = "memory:";
    fake = (struct fake){.view = "NEW_AND_OLD_IMAGES",
                         .status = "ENABLED",
                         .arn = "arn:fake:1",
                         .list_page = 100,
                         .read_page = 1000,
                         .next_number = 1};
    iterator_epoch = 0;
    assert_int_equal(weir_engine_register(NULL), WEIR_OK);
    assert_int_equal(client_transport_register("fake", open_transport, NULL), WEIR_OK);
    assert_int_equal(weir_client_open(&options, &fake.inner, NULL), WEIR_OK);
}

void fake_fini(void)
{
    for (uint32_t i = 0; i < fake.shard_count; i++) {
        free(fake.shards[i].records);
    }
    weir_client_close(fake.inner);
}

struct fake_shard *fake_add_shard(const char *id, const char *parent)
{
    assert_true(fake.shard_count < FAKE_SHARDS);
    struct fake_shard *shard = &fake.shards[fake.shard_count++];
    *shard = (struct fake_shard){.listed = true};
    (void)snprintf(shard->id, sizeof(shard->id), "%s", id);
    (void)snprintf(shard->parent, sizeof(shard->parent), "%s", parent == NULL ? "" : parent);
    return shard;
}

void fake_add_records(struct fake_shard *shard, uint32_t first_value, uint32_t count)
{
    if (shard->records == NULL) {
        shard->records = calloc(FAKE_RECORDS, sizeof(shard->records[0]));
    }
    assert_true(shard->count + count <= FAKE_RECORDS);
    for (uint32_t i = 0; i < count; i++) {
        shard->records[shard->count++] = (struct fake_record){
            .number = fake.next_number++,
            .value = first_value + i,
            .created_s = env_wall_ms(env_system()) / 1000,
        };
    }
}

void fake_fail(const char *operation, enum weir_status status, uint32_t count)
{
    for (size_t i = 0; i < sizeof(fake.failures) / sizeof(fake.failures[0]); i++) {
        if (fake.failures[i].count == 0) {
            fake.failures[i] = (struct fake_failure){operation, status, count};
            return;
        }
    }
    fail_msg("more than four failures at once");
}

void fake_expire_iterators(void)
{
    iterator_epoch++;
}
