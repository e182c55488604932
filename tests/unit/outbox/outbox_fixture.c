/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/outbox/outbox_fixture.h"

#include <ftw.h>

bool fixture_on_disk;

static char folder[64]; /* of the test under way; "" : none */

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

void fixture_open(struct fixture *f)
{
    char endpoint[128] = "memory:";
    if (fixture_on_disk) {
        (void)snprintf(folder, sizeof(folder), "/tmp/weir-outbox-XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void)snprintf(endpoint, sizeof(endpoint), "file:%s/data?durability=relaxed", folder);
    }
    *f = (struct fixture){.client = fixture_client(endpoint), .arena = arena_new(64u << 20)};
    assert_non_null(f->arena);
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
    weir_client_close(f->client);
    arena_free(f->arena);
    if (folder[0] != '\0') {
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        folder[0] = '\0';
    }
}

int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        char title[64];
        fixture_on_disk = on_disk == 1;
        (void)snprintf(title, sizeof(title), "%s over %s", name, on_disk ? "file:" : "memory:");
        failed += _cmocka_run_group_tests(title, tests, count, NULL, NULL);
    }
    return failed;
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

struct weir_outbox *fixture_outbox(struct fixture *f, const struct weir_outbox_options *options)
{
    struct weir_outbox *outbox = NULL;
    if (weir_outbox_open(f->client, options, &outbox, &f->err) != WEIR_OK) {
        fail_msg("opening: %s: %s", weir_status_name(f->err.status), f->err.message);
    }
    return outbox;
}

const struct weir_value *fixture_row(struct fixture *f, const char *table, const char *key,
                                     const char *id)
{
    struct weir_value *item = NULL;
    char *json = arena_printf(f->arena,
                              "{\"TableName\":\"%s\",\"ConsistentRead\":true,"
                              "\"Key\":{\"pk\":{\"S\":\"%s\"},\"sk\":{\"S\":\"%s\"}}}",
                              table, key, id);
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
