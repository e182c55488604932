/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Creating a table is asynchronous on the service: the call returns while the table is CREATING. So
 * every path ends in the same wait, which also serves the process that lost the race to create.
 */

#include "client/ensure.h"

#include "base/error.h"

#define ENSURE_POLL_FIRST_MS 20
#define ENSURE_POLL_MAX_MS 2000

struct ensure {
    struct weir_client *client;
    const struct client_table_wish *wish;
    struct arena *arena;
    uint64_t deadline_ns;
    uint32_t poll_ms;
};

static enum weir_status call_by_name(const struct ensure *e, const char *operation,
                                     struct weir_value **ret_response, struct weir_error *err)
{
    struct weir_value *document = value_new_map(e->arena, VALUE_PLAIN);
    value_add_str(e->arena, document, "TableName", e->wish->table);
    return client_call(e->client, operation, document, e->arena, ret_response, NULL, err);
}

static enum weir_status describe(const struct ensure *e, const struct weir_value **ret_table,
                                 struct weir_error *err)
{
    struct weir_value *response = NULL;
    enum weir_status status = call_by_name(e, "DescribeTable", &response, err);
    if (status == WEIR_OK) {
        *ret_table = value_get(response, "Table");
    }
    return status;
}

static bool text_is(const struct weir_value *map, const char *name, const char *text)
{
    const struct weir_value *member = value_get(map, name);
    return member != NULL && member->type == VALUE_S && bytes_eq_str(member->u.bytes, text);
}

/* One pause between looks at the table; false when the time is over. */
static bool pause_before_next_look(struct ensure *e)
{
    struct weir_env *env = client_env(e->client);
    if (env_mono_ns(env) >= e->deadline_ns) {
        return false;
    }
    env_sleep_ms(env, e->poll_ms);
    e->poll_ms = e->poll_ms * 2 > ENSURE_POLL_MAX_MS ? ENSURE_POLL_MAX_MS : e->poll_ms * 2;
    return true;
}

static enum weir_status create(const struct ensure *e, struct weir_error *err)
{
    struct weir_value *response = NULL;
    enum weir_status status =
        client_call(e->client, "CreateTable", e->wish->create, e->arena, &response, NULL, err);
    return status == WEIR_RESOURCE_IN_USE ? WEIR_OK : status;
}

/* After CreateTable the service may not know the table for a moment: that is waited for too. */
static enum weir_status wait_active(struct ensure *e, const struct weir_value **ret_table,
                                    struct weir_error *err)
{
    bool created = false;
    for (;;) {
        enum weir_status status = describe(e, ret_table, err);
        if (status == WEIR_OK && text_is(*ret_table, "TableStatus", "ACTIVE")) {
            return WEIR_OK;
        }
        if (status == WEIR_RESOURCE_NOT_FOUND && !created) {
            if (e->wish->create == NULL) {
                return status;
            }
            status = create(e, err);
            created = true;
            if (status != WEIR_OK) {
                return status;
            }
            continue;
        }
        if (status != WEIR_OK && status != WEIR_RESOURCE_NOT_FOUND) {
            return status;
        }
        if (!pause_before_next_look(e)) {
            return error_set(err, WEIR_TIMEOUT, "table %.*s is not ACTIVE after %u ms",
                             BYTES_ARG(e->wish->table), e->wish->wait_ms);
        }
    }
}

static enum weir_status enable_ttl(const struct ensure *e, struct weir_error *err)
{
    struct weir_value *response = NULL;
    struct weir_value *document = value_new_map(e->arena, VALUE_PLAIN);
    value_add_str(e->arena, document, "TableName", e->wish->table);
    struct weir_value *specification = value_add_map(e->arena, document, "TimeToLiveSpecification");
    value_add_str(e->arena, specification, "AttributeName", e->wish->ttl_attribute);
    value_add_bool(e->arena, specification, "Enabled", true);
    return client_call(e->client, "UpdateTimeToLive", document, e->arena, &response, NULL, err);
}

static bool ttl_is_on(const struct weir_value *response)
{
    const struct weir_value *description = value_get(response, "TimeToLiveDescription");
    return text_is(description, "TimeToLiveStatus", "ENABLED") ||
           text_is(description, "TimeToLiveStatus", "ENABLING");
}

static enum weir_status ensure_ttl(const struct ensure *e, struct weir_error *err)
{
    struct weir_value *response = NULL;
    enum weir_status status = call_by_name(e, "DescribeTimeToLive", &response, err);
    if (status != WEIR_OK || ttl_is_on(response)) {
        return status;
    }
    status = enable_ttl(e, err);
    if (status == WEIR_OK) {
        return WEIR_OK;
    }
    /* Another instance may have turned it on in between: then the refusal is what was wanted. */
    if (call_by_name(e, "DescribeTimeToLive", &response, NULL) == WEIR_OK && ttl_is_on(response)) {
        return WEIR_OK;
    }
    return status;
}

enum weir_status client_table_ensure(struct weir_client *client,
                                     const struct client_table_wish *wish, struct arena *arena,
                                     const struct weir_value **ret_description,
                                     struct weir_error *err)
{
    struct ensure e = {
        .client = client,
        .wish = wish,
        .arena = arena,
        .deadline_ns = env_mono_ns(client_env(client)) + (uint64_t)wish->wait_ms * 1000000u,
        .poll_ms = ENSURE_POLL_FIRST_MS,
    };
    const struct weir_value *table = NULL;
    enum weir_status status = wait_active(&e, &table, err);
    if (status == WEIR_OK && wish->ttl_attribute.len > 0) {
        status = ensure_ttl(&e, err);
    }
    if (status != WEIR_OK) {
        return error_wrap(err, status, "preparing table %.*s", BYTES_ARG(wish->table));
    }
    *ret_description = table;
    return WEIR_OK;
}
