/* SPDX-License-Identifier: Apache-2.0 */
/* weir_call: any operation with its JSON, for bindings and for people. */
#include "client/client.h"
#include "client/operation.h"

#include "base/error.h"

#include <stdlib.h>

/* An answer of 64 MiB of text, escaped again. */
#define RESPONSE_BYTES_MAX ((size_t)256 * 1024 * 1024)

static enum weir_status render(const struct weir_value *response, char **ret_json,
                               size_t *ret_json_len, struct weir_error *err)
{
    struct buf text;
    buf_init(&text, RESPONSE_BYTES_MAX);
    json_write(&text, response);
    char *copy = buf_status(&text) == WEIR_OK ? malloc(text.len + 1) : NULL;
    if (copy == NULL) {
        buf_fini(&text);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for the answer's text");
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret_json = copy;
    if (ret_json_len != NULL) {
        *ret_json_len = text.len;
    }
    buf_fini(&text);
    return WEIR_OK;
}

static enum weir_status call_in(struct arena *arena, struct weir_client *client,
                                struct weir_bytes operation, struct weir_bytes json,
                                char **ret_json, size_t *ret_json_len, struct weir_error *err)
{
    const char *name = operation_name(arena, operation);
    if (name == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "the operation's name is not 1 to 64 letters and digits");
    }
    struct weir_value *document = NULL;
    struct weir_value *response = NULL;
    enum weir_status status = json_parse(arena, json, &document, err);
    if (status != WEIR_OK) {
        return status;
    }
    status = client_call(client, name, document, arena, &response, NULL, err);
    if (status == WEIR_OK) {
        status = render(response, ret_json, ret_json_len, err);
        if (status != WEIR_OK && err != NULL && operation_find(operation)->writes) {
            err->outcome = WEIR_APPLIED;
        }
    }
    return status;
}

enum weir_status weir_call(struct weir_client *client, const char *operation, size_t operation_len,
                           const char *json, size_t json_len, char **ret_json, size_t *ret_json_len,
                           struct weir_error *err)
{
    if (client == NULL || ret_json == NULL) {
        return error_set(err, client == NULL ? WEIR_CLOSED : WEIR_INVALID_ARGUMENT,
                         client == NULL ? "no client: it was never opened"
                                        : "nowhere to put the answer");
    }
    struct arena *arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    if (arena == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a request");
    }
    enum weir_status status = call_in(arena, client, bytes_of(operation, operation_len),
                                      bytes_of(json, json_len), ret_json, ret_json_len, err);
    arena_free(arena);
    return status;
}

void weir_free(void *memory)
{
    free(memory);
}
