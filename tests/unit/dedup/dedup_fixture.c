/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/dedup/dedup_fixture.h"

#include <ftw.h>

#define CLOCK_SEED 20261120

static bool on_disk;
static char folder[64]; /* of the test under way; "": none */

static void open_client(struct fixture *f)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    char endpoint[128] = "memory:";
    if (on_disk) {
        (void)snprintf(folder, sizeof(folder), "/tmp/weir-dedup-XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void)snprintf(endpoint, sizeof(endpoint), "file:%s/data?durability=relaxed", folder);
    }
    options.endpoint_url = endpoint;
    if (weir_engine_register(&f->err) != WEIR_OK ||
        weir_client_open(&options, &f->client, &f->err) != WEIR_OK) {
        fail_msg("%s: %s: %s", endpoint, weir_status_name(f->err.status), f->err.message);
    }
}

void fixture_open(struct fixture *f)
{
    *f = (struct fixture){.arena = arena_new(64u << 20)};
    assert_non_null(f->arena);
    open_client(f);
    /* From the real time on: the engine's own clock may judge the rows too. */
    f->clock = env_fake_new(CLOCK_SEED, env_wall_ms(env_system()));
    assert_non_null(f->clock);
    f->dedup = fixture_dedup(f, NULL);
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fixture_close(struct fixture *f)
{
    weir_dedup_close(f->dedup);
    weir_client_close(f->client);
    env_fake_free(f->clock);
    arena_free(f->arena);
    if (folder[0] != '\0') {
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        folder[0] = '\0';
    }
}

int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    for (int disk = 0; disk < 2; disk++) {
        char title[64];
        on_disk = disk == 1;
        (void)snprintf(title, sizeof(title), "%s over %s", name, on_disk ? "file:" : "memory:");
        failed += _cmocka_run_group_tests(title, tests, count, NULL, NULL);
    }
    return failed;
}

struct weir_dedup *fixture_dedup(struct fixture *f, const struct weir_dedup_options *options)
{
    struct weir_dedup *dedup = NULL;
    if (weir_dedup_open(f->client, options, &dedup, &f->err) != WEIR_OK) {
        fail_msg("opening: %s: %s", weir_status_name(f->err.status), f->err.message);
    }
    dedup->env = f->clock;
    return dedup;
}

struct weir_env *fixture_clock(struct fixture *f, int64_t off_ms)
{
    struct weir_env *clock =
        env_fake_new((uint64_t)(CLOCK_SEED + off_ms), env_wall_ms(f->clock) + off_ms);
    assert_non_null(clock);
    return clock;
}

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

const struct weir_value *fixture_row(struct fixture *f, const char *worker, const char *message)
{
    struct weir_value *item = NULL;
    char *json = arena_printf(f->arena,
                              "{\"TableName\":\"" TABLE "\",\"ConsistentRead\":true,\"Key\":"
                              "{\"worker_id\":{\"S\":\"%s\"},\"message_id\":{\"S\":\"%s\"}}}",
                              worker, message);
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

struct weir_claim fixture_claim(struct fixture *f, struct weir_dedup *dedup, const char *worker,
                                const char *message, enum weir_claim_outcome wanted)
{
    struct weir_claim_request request = request_of(worker, message, "payload");
    struct weir_claim claim = {0};
    if (weir_dedup_claim(dedup, &request, &claim, &f->err) != WEIR_OK) {
        fail_msg("claiming %s: %s", message, f->err.message);
    }
    assert_int_equal(claim.outcome, wanted);
    return claim;
}
