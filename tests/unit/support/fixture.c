/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/support/fixture.h"

#include <ftw.h>
#include <pthread.h>

#include "unit/support/test_server.h"
#include "value/value.h"
#include "weir/engine.h"

#define CLOCK_SEED 20261120
#define ARENA_BYTES ((size_t)64 << 20)
#define LOOPBACK "http://127.0.0.1:"

static enum fixture_endpoint where;
static char folder[64]; /* of the test under way; "": none */

enum fixture_endpoint fixture_where(void)
{
    return where;
}

/* ---- the groups ------------------------------------------------------------------------------ */

static const char *given_endpoint(void)
{
    const char *url = getenv("WEIR_TEST_ENDPOINT_URL");
    return url == NULL || url[0] == '\0' ? NULL : url;
}

/* Nothing of the machine's own configuration has a say; any keys will do. */
static void isolate(void)
{
    static const char *const unset[] = {"AWS_PROFILE",       "AWS_ENDPOINT_URL",
                                        "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION",
                                        "AWS_MAX_ATTEMPTS",  "AWS_RETRY_MODE"};
    for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++) {
        (void)unsetenv(unset[i]);
    }
    (void)setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    (void)setenv("AWS_ACCESS_KEY_ID", "weirtests", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "weirtests", 1);
    (void)setenv("AWS_REGION", "us-east-1", 1);
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* Also what a test that failed left behind. */
static void remove_folder(void)
{
    if (folder[0] != '\0') {
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        folder[0] = '\0';
    }
}

static int run_over(enum fixture_endpoint endpoint, const char *name,
                    const struct CMUnitTest *tests, size_t count)
{
    static const char *const labels[] = {"memory:", "file:", "http:", "the given endpoint"};
    char title[128];
    where = endpoint;
    isolate();
    (void)snprintf(title, sizeof(title), "%s over %s", name, labels[endpoint]);
    print_message("%s\n", title);
    int failed = _cmocka_run_group_tests(title, tests, count, NULL, NULL);
    remove_folder();
    return failed;
}

int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    if (given_endpoint() != NULL) {
        return run_over(FIXTURE_GIVEN, name, tests, count);
    }
    for (enum fixture_endpoint at = FIXTURE_MEMORY; at <= FIXTURE_HTTP; at++) {
        failed += run_over(at, name, tests, count);
    }
    return failed;
}

int fixture_run_http(const char *name, const struct CMUnitTest *tests, size_t count)
{
    return given_endpoint() != NULL ? 0 : run_over(FIXTURE_HTTP, name, tests, count);
}

/* ---- a test's database ----------------------------------------------------------------------- */

struct weir_client *fixture_client(const char *endpoint)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    options.endpoint_url = endpoint;
    if (weir_engine_register(&err) != WEIR_OK ||
        weir_client_open(&options, &client, &err) != WEIR_OK) {
        fail_msg("%s: %s: %s", endpoint, weir_status_name(err.status), err.message);
    }
    return client;
}

static void delete_tables(struct fixture *f)
{
    const struct weir_value *names = value_get(fixture_call(f, "ListTables", "{}"), "TableNames");
    for (uint32_t i = 0; i < names->u.list.count; i++) {
        struct weir_bytes name = names->u.list.at[i].u.bytes;
        (void)fixture_call(f, "DeleteTable",
                           arena_printf(f->arena, "{\"TableName\":\"%.*s\"}", (int)name.len,
                                        (const char *)name.ptr));
    }
}

static void open_given(struct fixture *f)
{
    const char *url = given_endpoint();
    if (strncmp(url, LOOPBACK, strlen(LOOPBACK)) != 0) {
        fail_msg("WEIR_TEST_ENDPOINT_URL is %s: only a server on " LOOPBACK
                 "PORT is used, since all its tables are deleted",
                 url);
    }
    f->client = fixture_client(url);
    delete_tables(f);
}

static void open_http(struct fixture *f)
{
    char url[64];
    f->server = test_server_start();
    (void)snprintf(url, sizeof(url), LOOPBACK "%u", (unsigned)test_server_port(f->server));
    f->client = fixture_client(url);
}

static void open_file(struct fixture *f)
{
    char url[128];
    remove_folder();
    (void)snprintf(folder, sizeof(folder), "/tmp/weir-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(url, sizeof(url), "file:%s/data?durability=relaxed", folder);
    f->client = fixture_client(url);
}

void fixture_open(struct fixture *f)
{
    *f = (struct fixture){.arena = arena_new(ARENA_BYTES)};
    assert_non_null(f->arena);
    switch (where) {
    case FIXTURE_MEMORY:
        f->client = fixture_client("memory:");
        break;
    case FIXTURE_FILE:
        open_file(f);
        break;
    case FIXTURE_HTTP:
        open_http(f);
        break;
    case FIXTURE_GIVEN:
        open_given(f);
        break;
    }
    f->clock = env_fake_new(CLOCK_SEED, env_wall_ms(env_system()));
    assert_non_null(f->clock);
}

void fixture_close(struct fixture *f)
{
    weir_client_close(f->client);
    test_server_stop(f->server);
    env_fake_free(f->clock);
    arena_free(f->arena);
    remove_folder();
}

struct weir_env *fixture_clock(struct fixture *f, int64_t off_ms)
{
    struct weir_env *clock =
        env_fake_new((uint64_t)(CLOCK_SEED + off_ms), env_wall_ms(f->clock) + off_ms);
    assert_non_null(clock);
    return clock;
}

/* ---- looking --------------------------------------------------------------------------------- */

const struct weir_value *fixture_call(struct fixture *f, const char *operation, const char *json)
{
    char *answer = NULL;
    size_t len = 0;
    struct weir_value *document = NULL;
    enum weir_status status = weir_call(f->client, operation, strlen(operation), json, strlen(json),
                                        &answer, &len, &f->err);
    if (status == WEIR_OK) {
        status = json_parse(f->arena, bytes_of(answer, len), &document, &f->err);
    }
    weir_free(answer);
    if (status != WEIR_OK) {
        fail_msg("%s %s: %s: %s", operation, json, weir_status_name(status), f->err.message);
    }
    return document;
}

const struct weir_value *fixture_item(struct fixture *f, const char *table, const char *key_json)
{
    struct weir_value *item = NULL;
    char *json = arena_printf(f->arena, "{\"TableName\":\"%s\",\"ConsistentRead\":true,\"Key\":%s}",
                              table, key_json);
    const struct weir_value *found = value_get(fixture_call(f, "GetItem", json), "Item");
    if (found != NULL) {
        assert_int_equal(value_to_item(f->arena, found, &item, &f->err), WEIR_OK);
    }
    return item;
}

unsigned fixture_count(struct fixture *f, const char *table)
{
    const struct weir_value *response = fixture_call(
        f, "Scan", arena_printf(f->arena, "{\"TableName\":\"%s\",\"ConsistentRead\":true}", table));
    return value_get(response, "Items")->u.list.count;
}

const char *fixture_text(struct fixture *f, const struct weir_value *item, const char *name)
{
    const struct weir_value *value = value_get(item, name);
    return value == NULL ? ""
                         : arena_printf(f->arena, "%.*s", (int)value->u.bytes.len,
                                        (const char *)value->u.bytes.ptr);
}

const struct weir_value *fixture_table(struct fixture *f, const char *table)
{
    char *json = arena_printf(f->arena, "{\"TableName\":\"%s\"}", table);
    return value_get(fixture_call(f, "DescribeTable", json), "Table");
}

void assert_member(const struct weir_value *map, const char *name, const char *wanted)
{
    const struct weir_value *member = value_get(map, name);
    if (member == NULL || !bytes_eq_str(member->u.bytes, wanted)) {
        fail_msg("%s is not %s", name, wanted);
    }
}

void assert_keys_alone(const struct weir_value *table, const char *partition, const char *sort)
{
    const struct weir_value *schema = value_get(table, "KeySchema");
    const struct weir_value *definitions = value_get(table, "AttributeDefinitions");
    assert_int_equal(schema->u.list.count, 2);
    assert_member(&schema->u.list.at[0], "AttributeName", partition);
    assert_member(&schema->u.list.at[0], "KeyType", "HASH");
    assert_member(&schema->u.list.at[1], "AttributeName", sort);
    assert_member(&schema->u.list.at[1], "KeyType", "RANGE");
    assert_int_equal(definitions->u.list.count, 2);
    assert_member(&definitions->u.list.at[0], "AttributeType", "S");
    assert_member(&definitions->u.list.at[1], "AttributeType", "S");
}

bool fixture_has_ttl(struct fixture *f, const char *table, const char *attribute)
{
    char *json = arena_printf(f->arena, "{\"TableName\":\"%s\"}", table);
    const struct weir_value *ttl =
        value_get(fixture_call(f, "DescribeTimeToLive", json), "TimeToLiveDescription");
    const struct weir_value *name = value_get(ttl, "AttributeName");
    const struct weir_value *status = value_get(ttl, "TimeToLiveStatus");
    return status != NULL && bytes_starts_with(status->u.bytes, BYTES_LIT("ENABL")) &&
           (attribute == NULL || (name != NULL && bytes_eq_str(name->u.bytes, attribute)));
}

/* ---- opening at once ------------------------------------------------------------------------- */

struct opening {
    enum weir_status (*open)(struct weir_client *client, struct weir_error *err);
    struct weir_client *client;
    enum weir_status status;
    struct weir_error err;
};

static void *open_one(void *arg)
{
    struct opening *opening = arg;
    opening->status = opening->open(opening->client, &opening->err);
    return NULL;
}

void fixture_open_at_once(struct fixture *f, enum weir_status (*open)(struct weir_client *client,
                                                                      struct weir_error *err))
{
    struct opening openings[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        openings[i] = (struct opening){.open = open, .client = f->client};
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, &openings[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        if (openings[i].status != WEIR_OK) {
            fail_msg("%s", openings[i].err.message);
        }
    }
}
