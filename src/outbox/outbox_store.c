/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The outbox's handle. Each call works in an arena of its own, so the handle holds nothing that
 * changes after opening, and any thread may use it.
 */

#include "outbox/outbox_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/options.h"

#define DEFAULT_RETRIES 3

enum weir_status outbox_no_memory(struct weir_error *err)
{
    return error_set(err, WEIR_NO_MEMORY, "no memory for the outbox");
}

enum weir_status outbox_refuse(struct weir_error *err, enum weir_status status, const char *format,
                               ...)
{
    char message[WEIR_ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    struct weir_error before = {0};
    if (err != NULL) {
        before = *err;
    }
    (void)error_set(err, status, "%s", message);
    if (err != NULL) {
        err->outcome = before.status == WEIR_OK ? WEIR_NOT_APPLIED : before.outcome;
        memcpy(err->request_id, before.request_id, sizeof(err->request_id));
        err->http_status = before.http_status;
    }
    return status;
}

enum weir_status outbox_not_found(const struct outbox_layout *layout, struct weir_bytes key,
                                  struct weir_bytes id, struct weir_error *err)
{
    return layout->kind->row_prefix != NULL
               ? outbox_refuse(err, WEIR_NOT_FOUND, "there is no message %.*s", BYTES_ARG(id))
               : outbox_refuse(err, WEIR_NOT_FOUND, "there is no message %.*s of key %.*s",
                               BYTES_ARG(id), BYTES_ARG(key));
}

static enum weir_status open_with(struct weir_outbox *outbox,
                                  const struct weir_outbox_options *options, struct weir_error *err)
{
    struct arena *a = arena_new(OUTBOX_CALL_BYTES);
    outbox->names = arena_new(OUTBOX_NAMES_BYTES);
    if (outbox->names == NULL || a == NULL) {
        arena_free(a);
        return outbox_no_memory(err);
    }
    enum weir_status status = outbox_layout_init(outbox->names, options, &outbox->layout, err);
    if (status == WEIR_OK) {
        status = outbox_table_prepare(outbox, options, a, err);
    }
    arena_free(a);
    return status;
}

/* Without a number of its own an outbox does not try more often than its client is told to. */
static uint32_t attempts_of(const struct weir_client *client, uint32_t retries)
{
    uint32_t of_client = client_max_attempts(client);
    if (retries == WEIR_OUTBOX_NO_RETRIES) {
        return 1;
    }
    if (retries != 0) {
        return retries + 1;
    }
    return of_client < DEFAULT_RETRIES + 1 ? of_client : DEFAULT_RETRIES + 1;
}

enum weir_status weir_outbox_open(struct weir_client *client,
                                  const struct weir_outbox_options *options,
                                  struct weir_outbox **ret_outbox, struct weir_error *err)
{
    struct weir_outbox_options ours;
    if (client == NULL) {
        return error_set(err, WEIR_CLOSED, "the client of an outbox must be open");
    }
    enum weir_status status =
        options_take(&ours, sizeof(ours), options, "WEIR_OUTBOX_OPTIONS_INIT", err);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir_outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL) {
        return outbox_no_memory(err);
    }
    outbox->client = client;
    outbox->max_attempts = attempts_of(client, ours.retries);
    status = open_with(outbox, &ours, err);
    if (status != WEIR_OK) {
        weir_outbox_close(outbox);
        return status;
    }
    *ret_outbox = outbox;
    return WEIR_OK;
}

void weir_outbox_close(struct weir_outbox *outbox)
{
    if (outbox != NULL) {
        arena_free(outbox->names);
        free(outbox);
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

static enum weir_status begin(const struct weir_outbox *outbox, size_t bytes,
                              struct arena **ret_arena, struct weir_error *err)
{
    if (outbox == NULL) {
        return error_set(err, WEIR_CLOSED, "the outbox is not open");
    }
    struct arena *a = arena_new(bytes);
    if (a == NULL) {
        return outbox_no_memory(err);
    }
    *ret_arena = a;
    return WEIR_OK;
}

enum weir_status outbox_call(const struct weir_outbox *outbox, const char *operation,
                             const struct weir_value *document, struct arena *a,
                             struct weir_value **ret_response,
                             const struct weir_value **ret_members, struct weir_error *err)
{
    return client_call_within(outbox->client, outbox->max_attempts, operation, document, a,
                              ret_response, ret_members, err);
}

enum weir_status outbox_txn_new(const struct weir_outbox *outbox, struct weir_txn **ret_txn,
                                struct weir_error *err)
{
    enum weir_status status = weir_txn_new(outbox->client, ret_txn, err);
    if (status == WEIR_OK) {
        txn_limit_attempts(*ret_txn, outbox->max_attempts);
    }
    return status;
}

enum weir_status outbox_call_begin(const struct weir_outbox *outbox, struct arena **ret_arena,
                                   struct weir_error *err)
{
    return begin(outbox, OUTBOX_CALL_BYTES, ret_arena, err);
}

enum weir_status outbox_page_begin(const struct weir_outbox *outbox, uint32_t limit,
                                   struct arena **ret_arena, struct weir_error *err)
{
    if (outbox != NULL && (limit == 0 || limit > OUTBOX_LIMIT_MAX)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "limit is %u, it must be 1 to %d", limit,
                         OUTBOX_LIMIT_MAX);
    }
    return begin(outbox, OUTBOX_PAGE_BYTES, ret_arena, err);
}

enum weir_status outbox_text_of(const struct weir_value *document, char **ret_json,
                                size_t *ret_json_len, struct weir_error *err)
{
    struct buf text;
    buf_init(&text, OUTBOX_TEXT_MAX);
    json_write(&text, document);
    size_t len = text.len;
    buf_put_u8(&text, 0);
    if (buf_status(&text) != WEIR_OK) {
        buf_fini(&text);
        return error_set(err, WEIR_NO_MEMORY, "no memory for the answer's text");
    }
    *ret_json = (char *)text.ptr;
    *ret_json_len = len;
    return WEIR_OK;
}
