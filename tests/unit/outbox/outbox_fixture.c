/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/outbox/outbox_fixture.h"

struct weir_outbox *fixture_outbox(struct fixture *f, const struct weir_outbox_options *options)
{
    struct weir_outbox *outbox = NULL;
    if (weir_outbox_open(f->client, options, &outbox, &f->err) != WEIR_OK) {
        fail_msg("opening: %s: %s", weir_status_name(f->err.status), f->err.message);
    }
    return outbox;
}

struct weir_outbox_options by_message(void)
{
    struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
    options.layout = "by-message";
    return options;
}

const struct weir_value *fixture_row(struct fixture *f, const char *table, const char *key,
                                     const char *id)
{
    return fixture_item(
        f, table, arena_printf(f->arena, "{\"pk\":{\"S\":\"%s\"},\"sk\":{\"S\":\"%s\"}}", key, id));
}

const struct weir_value *fixture_message(struct fixture *f, const char *table, const char *id)
{
    return fixture_item(f, table, arena_printf(f->arena, "{\"PK\":{\"S\":\"MESSAGE#%s\"}}", id));
}

const struct weir_value *fixture_row_of(struct fixture *f, const struct weir_outbox *outbox,
                                        const char *key, const char *id)
{
    return strcmp(outbox->layout.kind->name, "by-message") == 0 ? fixture_message(f, "outbox", id)
                                                                : fixture_row(f, "outbox", key, id);
}

static void must(struct fixture *f, const char *what, enum weir_status status)
{
    if (status != WEIR_OK) {
        fail_msg("%s: %s: %s", what, weir_status_name(status), f->err.message);
    }
}

void fixture_add(struct fixture *f, struct weir_outbox *outbox, const char *key, const char *id,
                 int64_t created_ms)
{
    struct weir_message message = message_of(key, id);
    message.created_at_ms = created_ms;
    must(f, "adding", weir_outbox_add(outbox, &message, NULL, &f->err));
}

void fixture_mark(struct fixture *f, struct weir_outbox *outbox, const char *key, const char *id)
{
    must(f, "marking", weir_outbox_mark(outbox, key, strlen(key), id, strlen(id), &f->err));
}

struct weir_message full_message_of(const char *key, const char *id)
{
    struct weir_message message = message_of(key, id);
    message.content_type = text("application/json");
    message.destination = text("orders");
    message.aggregate_id = text(key);
    message.aggregate_type = text("order");
    message.correlation_id = text("c");
    message.causation_id = text("d");
    message.traceparent = text("00-x");
    message.tracestate = text("y=1");
    message.created_at_ms = 1700000000123;
    return message;
}

void fixture_assert_texts(struct fixture *f, const struct weir_value *row,
                          const char *const (*wanted)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(fixture_text(f, row, wanted[i][0]), wanted[i][1]);
    }
}

static const struct weir_value *parsed(struct fixture *f, char *json, size_t len)
{
    struct weir_value *document = NULL;
    assert_int_equal(strlen(json), len);
    must(f, "parsing", json_parse(f->arena, bytes_of(json, len), &document, &f->err));
    weir_free(json);
    return document;
}

const struct weir_value *fixture_pending(struct fixture *f, struct weir_outbox *outbox,
                                         const char *key, uint32_t limit, const char **token)
{
    char *page = NULL;
    size_t len = 0;
    struct weir_text given = text(*token);
    must(f, "pending",
         weir_outbox_pending(outbox, key, key == NULL ? 0 : strlen(key), limit, given.ptr,
                             given.len, &page, &len, &f->err));
    const struct weir_value *document = parsed(f, page, len);
    *token = value_get(document, "next") == NULL ? NULL : member_text(f, document, "next");
    return value_get(document, "messages");
}

const char *fixture_ids(struct fixture *f, const struct weir_value *messages)
{
    const char *all = "";
    for (uint32_t i = 0; i < messages->u.list.count; i++) {
        all = arena_printf(f->arena, "%s%s%s", all, i == 0 ? "" : " ",
                           member_text(f, &messages->u.list.at[i], "id"));
    }
    return all;
}

const char *fixture_all_pending(struct fixture *f, struct weir_outbox *outbox, const char *key,
                                uint32_t limit)
{
    const char *token = NULL, *all = "";
    do {
        const char *ids = fixture_ids(f, fixture_pending(f, outbox, key, limit, &token));
        all = arena_printf(f->arena, "%s%s%s", all, all[0] == '\0' ? "" : " ", ids);
    } while (token != NULL);
    return all;
}

const struct weir_value *fixture_get(struct fixture *f, struct weir_outbox *outbox, const char *key,
                                     const char *id)
{
    char *json = NULL;
    size_t len = 0;
    must(f, "getting",
         weir_outbox_get(outbox, key, strlen(key), id, strlen(id), &json, &len, &f->err));
    return parsed(f, json, len);
}

void fixture_each_layout(void (*test)(struct fixture *f, struct weir_outbox *outbox))
{
    static const char *const layouts[] = {"partitioned", "by-message"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        struct weir_outbox_options options = WEIR_OUTBOX_OPTIONS_INIT;
        fixture_open(&f);
        options.layout = layouts[i];
        struct weir_outbox *outbox = fixture_outbox(&f, &options);
        test(&f, outbox);
        weir_outbox_close(outbox);
        fixture_close(&f);
    }
}

const char *member_text(struct fixture *f, const struct weir_value *map, const char *name)
{
    return fixture_text(f, map, name);
}
