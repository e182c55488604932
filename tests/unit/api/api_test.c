/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture and the short calls of the API's tests. */
#include "api_test.h"

#include <stdlib.h>

int test_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct weir_error err = {0};
    assert_non_null(f);
    f->env = env_fake_new(7, TEST_START_MS);
    struct engine_options options = {.env = f->env, .stream_shards = 1};
    assert_int_equal(kv_mem_open(&options.kv, &err), WEIR_OK);
    if (engine_open(&options, &f->engine, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
    f->api = api_new(f->engine);
    f->a = arena_new((size_t)1 << 30);
    *state = f;
    return 0;
}

int test_teardown(void **state)
{
    struct fixture *f = *state;
    api_free(f->api);
    engine_close(f->engine);
    arena_free(f->a);
    env_fake_free(f->env);
    free(f);
    return 0;
}

/* ---- calls ---------------------------------------------------------------------------------- */

struct weir_value *test_parse(struct fixture *f, const char *json)
{
    char *text = arena_printf(f->a, "%s", json);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    struct weir_value *doc;
    struct weir_error err = {0};
    if (json_parse(f->a, bytes_str(text), &doc, &err) != WEIR_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    return doc;
}

static void note_wake(struct api_call *call)
{
    ((struct fixture *)call->owner)->wakes++;
}

struct api_call *test_call(struct fixture *f, const char *request)
{
    struct api_call *call = ARENA_NEW(f->a, struct api_call);
    call->arena = f->a;
    call->request = test_parse(f, request);
    call->wake = note_wake;
    call->owner = f;
    return call;
}

void test_turn(struct fixture *f)
{
    while (engine_turn(f->engine)) {
    }
}

struct api_call *test_run(struct fixture *f, const char *operation, const char *request)
{
    struct api_call *call = test_call(f, request);
    call->may_block = true;
    enum api_progress progress = api_start_named(f->api, call, bytes_str(operation));
    while (progress != API_DONE) {
        assert_int_equal(progress, API_WAITING);
        unsigned before = f->wakes;
        test_turn(f);
        assert_int_equal(f->wakes, before + 1);
        progress = api_resume(call);
    }
    return call;
}

const char *test_body(struct fixture *f, const struct api_call *call)
{
    struct buf body;
    buf_init(&body, (size_t)64 << 20);
    api_render(call, &body);
    buf_put_u8(&body, 0);
    assert_int_equal(buf_status(&body), WEIR_OK);
    char *text = (char *)(uintptr_t)arena_dup(f->a, buf_bytes(&body)).ptr;
    buf_fini(&body);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '"' ? '\'' : *c;
    }
    return text;
}

const struct weir_value *test_ok(struct fixture *f, const char *operation, const char *request)
{
    struct api_call *call = test_run(f, operation, request);
    if (call->status != WEIR_OK) {
        fail_msg("%s: %s", operation, call->error.message);
    }
    assert_int_equal(api_http_status(call), 200);
    return call->response;
}

void test_fails(struct fixture *f, const char *operation, const char *request,
                enum weir_status status, const char *message)
{
    struct api_call *call = test_run(f, operation, request);
    assert_string_equal(weir_status_name(call->status), weir_status_name(status));
    assert_int_equal(call->error.status, status);
    if (message != NULL) {
        assert_string_equal(call->error.message, message);
    }
}

/* ---- tables --------------------------------------------------------------------------------- */

void test_create(struct fixture *f, bool stream)
{
    const char *spec = stream ? ",'StreamSpecification':{'StreamEnabled':true,"
                                "'StreamViewType':'NEW_AND_OLD_IMAGES'}"
                              : "";
    test_ok(f, "CreateTable",
            arena_printf(f->a,
                         "{'TableName':'tab','BillingMode':'PAY_PER_REQUEST',"
                         "'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}],"
                         "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'}]%s}",
                         spec));
}

void test_put(struct fixture *f, const char *pk)
{
    test_ok(f, "PutItem", arena_printf(f->a, "{'TableName':'tab','Item':{'pk':{'S':'%s'}}}", pk));
}

const char *test_text(struct fixture *f, const struct weir_value *map, const char *name)
{
    const struct weir_value *member = value_get(map, name);
    return member == NULL ? "" : arena_printf(f->a, "%.*s", BYTES_ARG(member->u.bytes));
}
