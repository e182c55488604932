/* SPDX-License-Identifier: Apache-2.0 */
/* weir_call: any operation with its JSON, for bindings and for people. */
#include "client/json_call.h"
#include "client/operation.h"

#include "base/error.h"
#include "base/options.h"

#include <stdlib.h>

/* An answer of 64 MiB of text, escaped again. */
#define RESPONSE_BYTES_MAX ((size_t)256 * 1024 * 1024)

static enum weir_status render(const struct weir_value *document, char **ret_json,
                               size_t *ret_json_len, struct weir_error *err)
{
    struct buf text;
    buf_init(&text, RESPONSE_BYTES_MAX);
    json_write(&text, document);
    char *copy = buf_status(&text) == WEIR_OK ? malloc(text.len + 1) : NULL;
    if (copy == NULL) {
        buf_fini(&text);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for the answer's text");
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret_json = copy;
    *ret_json_len = text.len;
    buf_fini(&text);
    return WEIR_OK;
}

/* ---- shared with the queue ------------------------------------------------------------------- */

enum weir_status json_call_options(const struct weir_call_options *given,
                                   struct weir_call_options *ret_options, struct weir_error *err)
{
    return options_take(ret_options, sizeof(*ret_options), given, "WEIR_CALL_OPTIONS_INIT", err);
}

enum weir_status json_call_request(struct arena *arena, const struct weir_call_options *options,
                                   struct weir_bytes operation, struct weir_bytes json,
                                   struct client_request *request, struct weir_error *err)
{
    struct weir_value *document = NULL;
    const char *name = operation_name(arena, operation);
    if (name == NULL) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "the operation's name is not 1 to 64 letters and digits");
    }
    enum weir_status status = json_parse(arena, json, &document, err);
    if (status == WEIR_OK) {
        request->operation = name;
        request->document = document;
        request->arena = arena;
        request->timeout_ms = options->timeout_ms;
        request->max_attempts = options->max_attempts;
        request->count_capacity = options->count_capacity != 0;
    }
    return status;
}

enum weir_status json_call_result(const struct client_request *request,
                                  struct weir_call_result *ret_result, struct weir_error *err)
{
    enum weir_status status = request->status;
    *ret_result = (struct weir_call_result){
        .struct_size = sizeof(*ret_result),
        .attempts = request->attempts,
        .capacity = request->capacity,
    };
    memcpy(ret_result->request_id, request->request_id, sizeof(ret_result->request_id));
    if (status == WEIR_OK) {
        status = render(request->response, &ret_result->json, &ret_result->json_len, err);
        if (status != WEIR_OK && err != NULL &&
            operation_find(bytes_str(request->operation))->writes) {
            err->outcome = WEIR_APPLIED;
        }
        return status;
    }
    if (request->error_members != NULL) {
        (void)render(request->error_members, &ret_result->json, &ret_result->json_len, NULL);
    }
    if (err != NULL) {
        *err = request->error;
    }
    return status;
}

void json_call_give(const struct weir_call_result *result, struct weir_call_result *to)
{
    options_give(to, result, sizeof(*result));
}

/* ---- synchronous ----------------------------------------------------------------------------- */

static enum weir_status call_in(struct arena *arena, struct weir_client *client,
                                const struct weir_call_options *options,
                                struct weir_bytes operation, struct weir_bytes json,
                                struct weir_call_result *ret_result, struct weir_error *err)
{
    struct client_request request = {.operation = NULL};
    enum weir_status status = json_call_request(arena, options, operation, json, &request, err);
    if (status != WEIR_OK) {
        return status;
    }
    (void)client_run(client, &request);
    return json_call_result(&request, ret_result, err);
}

static enum weir_status call(struct weir_client *client, const struct weir_call_options *options,
                             struct weir_bytes operation, struct weir_bytes json,
                             struct weir_call_result *ret_result, struct weir_error *err)
{
    *ret_result = (struct weir_call_result)WEIR_CALL_RESULT_INIT;
    if (client == NULL) {
        return error_set(err, WEIR_CLOSED, "no client: it was never opened");
    }
    struct arena *arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    if (arena == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a request");
    }
    enum weir_status status = call_in(arena, client, options, operation, json, ret_result, err);
    arena_free(arena);
    return status;
}

enum weir_status weir_call_with(struct weir_client *client, const struct weir_call_options *options,
                                const char *operation, size_t operation_len, const char *json,
                                size_t json_len, struct weir_call_result *ret_result,
                                struct weir_error *err)
{
    struct weir_call_options known;
    struct weir_call_result result;
    if (!options_sized(ret_result)) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "the result's struct_size is not set: begin with WEIR_CALL_RESULT_INIT");
    }
    enum weir_status status = json_call_options(options, &known, err);
    if (status != WEIR_OK) {
        return status;
    }
    status = call(client, &known, bytes_of(operation, operation_len), bytes_of(json, json_len),
                  &result, err);
    json_call_give(&result, ret_result);
    return status;
}

enum weir_status weir_call(struct weir_client *client, const char *operation, size_t operation_len,
                           const char *json, size_t json_len, char **ret_json, size_t *ret_json_len,
                           struct weir_error *err)
{
    const struct weir_call_options options = WEIR_CALL_OPTIONS_INIT;
    struct weir_call_result result;
    if (ret_json == NULL) {
        return error_set(err, client == NULL ? WEIR_CLOSED : WEIR_INVALID_ARGUMENT,
                         client == NULL ? "no client: it was never opened"
                                        : "nowhere to put the answer");
    }
    enum weir_status status = call(client, &options, bytes_of(operation, operation_len),
                                   bytes_of(json, json_len), &result, err);
    if (status != WEIR_OK) {
        weir_free(result.json);
        return status;
    }
    *ret_json = result.json;
    if (ret_json_len != NULL) {
        *ret_json_len = result.json_len;
    }
    return WEIR_OK;
}

void weir_free(void *memory)
{
    free(memory);
}
