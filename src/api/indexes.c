/* SPDX-License-Identifier: Apache-2.0 */

/* Secondary indexes in requests and descriptions. See indexes.h. The texts are AWS's. */

#include "api/indexes.h"

#include "api/billing.h"
#include "api/describe.h"
#include "api/document.h"
#include "api/key_schema.h"
#include "api/request.h"
#include "api/shape.h"

#define LOCAL_INDEXES_MAX 5
#define GLOBAL_INDEXES_MAX 20
#define INCLUDED_MAX 20
#define INCLUDED_ALL_MAX 100 /* over all indexes of a table */

static const struct shape shape_included_name = {.kind = SHAPE_STRING,
                                                 .checks = SHAPE_MIN | SHAPE_MAX,
                                                 .min = 1,
                                                 .max = LIMIT_KEY_ATTRIBUTE_NAME_MAX};
static const struct shape shape_included = {.kind = SHAPE_LIST,
                                            .checks = SHAPE_MIN | SHAPE_MAX,
                                            .min = 1,
                                            .max = INCLUDED_MAX,
                                            .element = &shape_included_name};
static const struct shape shape_projection_type = {.kind = SHAPE_STRING,
                                                   .choices = "[ALL, INCLUDE, KEYS_ONLY]"};
static const struct shape_member projection_members[] = {
    {"ProjectionType", &shape_projection_type, false},
    {"NonKeyAttributes", &shape_included, false},
    {0},
};
static const struct shape shape_projection = {
    .kind = SHAPE_STRUCT, .name = "Projection", .members = projection_members};

static const struct shape_member local_members[] = {
    {"KeySchema", &shape_index_key_schema, true},
    {"Projection", &shape_projection, true},
    {"IndexName", &shape_index_name, true},
    {0},
};
static const struct shape shape_local_index = {
    .kind = SHAPE_STRUCT, .name = "LocalSecondaryIndex", .members = local_members};
const struct shape shape_local_indexes = {.kind = SHAPE_LIST, .element = &shape_local_index};

static const struct shape_member global_members[] = {
    {"KeySchema", &shape_index_key_schema, true},
    {"Projection", &shape_projection, true},
    {"IndexName", &shape_index_name, true},
    {"ProvisionedThroughput", &shape_throughput, false},
    {0},
};
static const struct shape shape_global_index = {
    .kind = SHAPE_STRUCT, .name = "GlobalSecondaryIndex", .members = global_members};
const struct shape shape_global_indexes = {.kind = SHAPE_LIST, .element = &shape_global_index};

/* ---- one index ------------------------------------------------------------------------------ */

static enum weir_status read_keys(struct api_call *call, const struct weir_value *from,
                                  struct engine_index *index)
{
    const struct weir_value *keys = request_member(from, "KeySchema");
    const struct weir_value *definitions = request_member(call->request, "AttributeDefinitions");
    if (keys->u.list.count > 2) {
        return call_invalid(call,
                            "weir does not support index keys of several attributes yet: %.*s",
                            BYTES_ARG(index->name));
    }
    enum weir_status status = key_schema_check_defined(call, keys, definitions);
    if (status == WEIR_OK) {
        status = key_schema_check_types(call, keys);
    }
    if (status == WEIR_OK) {
        key_schema_read(keys, definitions, &index->partition, &index->sort);
    }
    return status;
}

static enum weir_status check_local(struct api_call *call, const struct engine_table_spec *spec,
                                    const struct engine_index *index)
{
    if (index->sort.name.len == 0) {
        return call_invalid(call,
                            "One or more parameter values were invalid: Index KeySchema does not "
                            "have a range key for index: %.*s",
                            BYTES_ARG(index->name));
    }
    if (!bytes_eq(index->partition.name, spec->partition.name)) {
        return call_invalid(call,
                            "One or more parameter values were invalid: Index KeySchema does not "
                            "have the same leading hash key as table KeySchema for index: %.*s. "
                            "index hash key: %.*s, table hash key: %.*s",
                            BYTES_ARG(index->name), BYTES_ARG(index->partition.name),
                            BYTES_ARG(spec->partition.name));
    }
    return WEIR_OK;
}

static enum weir_status copy_included(struct api_call *call, const struct weir_value *names,
                                      struct engine_index *index)
{
    struct weir_bytes *included = ARENA_ARRAY(call->arena, struct weir_bytes, names->u.list.count);
    if (included == NULL) {
        return call_no_memory(call);
    }
    for (uint32_t i = 0; i < names->u.list.count; i++) {
        included[i] = names->u.list.at[i].u.bytes;
    }
    index->included = included;
    index->included_count = names->u.list.count;
    return WEIR_OK;
}

static enum weir_status read_projection(struct api_call *call, const struct weir_value *from,
                                        struct engine_index *index)
{
    const struct weir_value *projection = request_member(from, "Projection");
    const struct weir_value *names = request_member(projection, "NonKeyAttributes");
    struct weir_bytes type = request_string(projection, "ProjectionType");
    if (!engine_projection_parse(type, &index->projection)) {
        return call_invalid(call, "One or more parameter values were invalid: Unknown "
                                  "ProjectionType: null");
    }
    bool includes = index->projection == ENGINE_PROJECT_INCLUDE;
    if (includes != (names != NULL)) {
        return call_invalid(call,
                            "One or more parameter values were invalid: ProjectionType is %.*s, "
                            "but NonKeyAttributes is %s",
                            BYTES_ARG(type), includes ? "not specified" : "specified");
    }
    return includes ? copy_included(call, names, index) : WEIR_OK;
}

static enum weir_status read_throughput(struct api_call *call, const struct weir_value *from,
                                        bool provisioned, struct engine_index *index)
{
    const struct weir_value *throughput = request_member(from, "ProvisionedThroughput");
    if (index->local) {
        return WEIR_OK;
    }
    if (provisioned && throughput == NULL) {
        return call_invalid(call,
                            "One or more parameter values were invalid: ProvisionedThroughput "
                            "must be specified for index: %.*s",
                            BYTES_ARG(index->name));
    }
    if (!provisioned && throughput != NULL) {
        return call_invalid(call,
                            "One or more parameter values were invalid: ProvisionedThroughput "
                            "should not be specified for index: %.*s when BillingMode is "
                            "PAY_PER_REQUEST",
                            BYTES_ARG(index->name));
    }
    return billing_read_units(call, throughput, &index->read_units, &index->write_units);
}

static enum weir_status read_index(struct api_call *call, const struct weir_value *from,
                                   const struct engine_table_spec *spec, struct engine_index *index)
{
    index->name = request_string(from, "IndexName");
    enum weir_status status = read_keys(call, from, index);
    if (status == WEIR_OK && index->local) {
        status = check_local(call, spec, index);
    }
    if (status == WEIR_OK) {
        status = read_projection(call, from, index);
    }
    if (status == WEIR_OK) {
        status = read_throughput(call, from, spec->provisioned, index);
    }
    for (uint32_t i = 0; status == WEIR_OK && i < spec->index_count; i++) {
        if (bytes_eq(spec->indexes[i].name, index->name)) {
            status = call_invalid(
                call, "One or more parameter values were invalid: Duplicate index name: %.*s",
                BYTES_ARG(index->name));
        }
    }
    return status;
}

/* ---- all of a table ------------------------------------------------------------------------- */

static enum weir_status read_list(struct api_call *call, const struct weir_value *list, bool local,
                                  struct engine_table_spec *spec, struct engine_index *room)
{
    for (uint32_t i = 0; i < list->u.list.count; i++) {
        struct engine_index *index = &room[spec->index_count];
        index->local = local;
        enum weir_status status = read_index(call, &list->u.list.at[i], spec, index);
        if (status != WEIR_OK) {
            return status;
        }
        spec->index_count++;
    }
    return WEIR_OK;
}

static enum weir_status check_lists(struct api_call *call, const struct engine_table_spec *spec,
                                    const struct weir_value *local, const struct weir_value *global)
{
    if (local != NULL && local->u.list.count == 0) {
        return call_invalid(call, "One or more parameter values were invalid: List of "
                                  "LocalSecondaryIndexes is empty");
    }
    if (global != NULL && global->u.list.count == 0) {
        return call_invalid(call, "One or more parameter values were invalid: List of "
                                  "GlobalSecondaryIndexes is empty");
    }
    if (local != NULL && spec->sort.name.len == 0) {
        return call_invalid(call, "One or more parameter values were invalid: Table KeySchema does "
                                  "not have a range key, which is required when specifying a "
                                  "LocalSecondaryIndex");
    }
    if (local != NULL && local->u.list.count > LOCAL_INDEXES_MAX) {
        return call_invalid(call,
                            "One or more parameter values were invalid: Number of "
                            "LocalSecondaryIndexes exceeds per-table limit of %d",
                            LOCAL_INDEXES_MAX);
    }
    if (global != NULL && global->u.list.count > GLOBAL_INDEXES_MAX) {
        return call_invalid(call,
                            "One or more parameter values were invalid: GlobalSecondaryIndex "
                            "count exceeds the per-table limit of %d",
                            GLOBAL_INDEXES_MAX);
    }
    return WEIR_OK;
}

static enum weir_status check_included(struct api_call *call, const struct engine_table_spec *spec)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec->index_count; i++) {
        count += spec->indexes[i].included_count;
    }
    return count <= INCLUDED_ALL_MAX
               ? WEIR_OK
               : call_invalid(call,
                              "One or more parameter values were invalid: The indexes include more "
                              "than %d attributes together",
                              INCLUDED_ALL_MAX);
}

struct names {
    struct weir_bytes at[2 + 2 * (LOCAL_INDEXES_MAX + GLOBAL_INDEXES_MAX)];
    uint32_t count;
};

static void add_name(struct names *names, struct weir_bytes name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (bytes_eq(names->at[i], name)) {
            return;
        }
    }
    if (name.len > 0) {
        names->at[names->count++] = name;
    }
}

static enum weir_status unused_error(struct api_call *call, const struct names *used,
                                     const struct weir_value *definitions)
{
    struct buf text;
    buf_init(&text, 65536);
    key_schema_put_names(&text, definitions);
    buf_put_str(&text, "], keys used: [");
    for (uint32_t i = 0; i < used->count; i++) {
        buf_put_str(&text, i == 0 ? "" : ", ");
        buf_put(&text, used->at[i]);
    }
    enum weir_status status =
        call_invalid(call,
                     "One or more parameter values were invalid: Some AttributeDefinitions are not "
                     "used. AttributeDefinitions: [%.*s]",
                     BYTES_ARG(buf_bytes(&text)));
    buf_fini(&text);
    return status;
}

static enum weir_status check_all_used(struct api_call *call, const struct engine_table_spec *spec)
{
    const struct weir_value *definitions = request_member(call->request, "AttributeDefinitions");
    struct names used = {.count = 0};
    add_name(&used, spec->partition.name);
    add_name(&used, spec->sort.name);
    for (uint32_t i = 0; i < spec->index_count; i++) {
        add_name(&used, spec->indexes[i].partition.name);
        add_name(&used, spec->indexes[i].sort.name);
    }
    return used.count == definitions->u.list.count ? WEIR_OK
                                                   : unused_error(call, &used, definitions);
}

enum weir_status indexes_read(struct api_call *call, struct engine_table_spec *spec)
{
    const struct weir_value *local = request_member(call->request, "LocalSecondaryIndexes");
    const struct weir_value *global = request_member(call->request, "GlobalSecondaryIndexes");
    if (local == NULL && global == NULL) {
        return WEIR_OK;
    }
    struct engine_index *room =
        ARENA_ARRAY(call->arena, struct engine_index, LOCAL_INDEXES_MAX + GLOBAL_INDEXES_MAX);
    if (room == NULL) {
        return call_no_memory(call);
    }
    spec->indexes = room;
    enum weir_status status = check_lists(call, spec, local, global);
    if (status == WEIR_OK && local != NULL) {
        status = read_list(call, local, true, spec, room);
    }
    if (status == WEIR_OK && global != NULL) {
        status = read_list(call, global, false, spec, room);
    }
    if (status == WEIR_OK) {
        status = check_included(call, spec);
    }
    return status == WEIR_OK ? check_all_used(call, spec) : status;
}

/* ---- descriptions --------------------------------------------------------------------------- */

static void add_projection(struct api_call *call, struct weir_value *to,
                           const struct engine_index *index)
{
    struct arena *a = call->arena;
    struct weir_value *projection = value_add_map(a, to, "Projection");
    value_add_str(a, projection, "ProjectionType",
                  bytes_str(engine_projection_name(index->projection)));
    if (index->included_count == 0) {
        return;
    }
    struct weir_value *names = value_add_list(a, projection, "NonKeyAttributes");
    for (uint32_t i = 0; i < index->included_count; i++) {
        document_append_str(a, names, arena_dup(a, index->included[i]));
    }
}

static void add_throughput(struct api_call *call, struct weir_value *to,
                           const struct engine_index *index)
{
    struct arena *a = call->arena;
    struct weir_value *throughput = value_add_map(a, to, "ProvisionedThroughput");
    value_add_int(a, throughput, "NumberOfDecreasesToday", 0);
    value_add_int(a, throughput, "ReadCapacityUnits", (int64_t)index->read_units);
    value_add_int(a, throughput, "WriteCapacityUnits", (int64_t)index->write_units);
}

static void add_description(struct api_call *call, struct weir_value *list,
                            const struct engine_table *table, const struct engine_index *index,
                            const char *status)
{
    struct arena *a = call->arena;
    struct weir_value *to = document_append_map(a, list);
    struct weir_bytes table_arn = engine_table_arn(call->api->engine, a, table);
    uint64_t items = 0;
    uint64_t bytes = 0;
    engine_index_figures(index, &items, &bytes);
    value_add_str(a, to, "IndexName", arena_dup(a, index->name));
    describe_key_schema(call, to, &index->partition, &index->sort);
    add_projection(call, to, index);
    if (!index->local) {
        value_add_str(a, to, "IndexStatus", bytes_str(status));
        add_throughput(call, to, index);
    }
    value_add_int(a, to, "IndexSizeBytes", (int64_t)bytes);
    value_add_int(a, to, "ItemCount", (int64_t)items);
    value_add_str(a, to, "IndexArn",
                  bytes_str(arena_printf(a, "%.*s/index/%.*s", BYTES_ARG(table_arn),
                                         BYTES_ARG(index->name))));
}

static void add_descriptions(struct api_call *call, struct weir_value *to,
                             const struct engine_table *table, bool local, const char *status)
{
    struct weir_value *list = NULL;
    for (uint32_t i = 0; i < table->index_count; i++) {
        const struct engine_index *index = &table->indexes[i];
        if (index->local != local) {
            continue;
        }
        if (list == NULL) {
            list = value_add_list(call->arena, to,
                                  local ? "LocalSecondaryIndexes" : "GlobalSecondaryIndexes");
        }
        add_description(call, list, table, index, status);
    }
}

void indexes_describe(struct api_call *call, struct weir_value *to,
                      const struct engine_table *table, const char *status)
{
    add_descriptions(call, to, table, true, status);
    add_descriptions(call, to, table, false, status);
}
