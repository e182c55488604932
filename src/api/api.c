/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Calls: finding the operation, checking the request's shape, and the ways in which a step of a
 * call ends. What an operation does is in its own file.
 */

#include "api/api.h"

#include "api/call.h"
#include "api/shape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct api *api_new(struct engine *engine)
{
    struct api *api = calloc(1, sizeof(*api));
    if (api != NULL) {
        api->engine = engine;
    }
    return api;
}

void api_free(struct api *api)
{
    free(api);
}

static enum api_progress start_unknown(struct api_call *call, struct weir_bytes name)
{
    if (operations_unsupported(name)) {
        (void)call_error(call, WEIR_UNKNOWN_OPERATION, "weir does not support the operation %.*s",
                         BYTES_ARG(name));
    } else {
        (void)call_error(call, WEIR_UNKNOWN_OPERATION, "the operation is not known");
    }
    return call_fail(call);
}

static enum api_progress start_operation(struct api *api, struct api_call *call,
                                         const struct api_operation *operation)
{
    call->api = api;
    call->operation = operation;
    if (shape_check(call, operation->shape) != WEIR_OK) {
        return call_fail(call);
    }
    return operation->start(call);
}

enum api_progress api_start_named(struct api *api, struct api_call *call, struct weir_bytes name)
{
    const struct api_operation *operation = operations_find(name);
    return operation == NULL ? start_unknown(call, name) : start_operation(api, call, operation);
}

static bool take_prefix(struct weir_bytes *target, struct weir_bytes prefix)
{
    if (!bytes_starts_with(*target, prefix)) {
        return false;
    }
    *target = bytes_of(target->ptr + prefix.len, target->len - prefix.len);
    return true;
}

enum api_progress api_start(struct api *api, struct api_call *call, struct weir_bytes target)
{
    enum api_service service = API_DYNAMODB;
    if (take_prefix(&target, BYTES_LIT("DynamoDBStreams_20120810."))) {
        service = API_STREAMS;
    } else if (!take_prefix(&target, BYTES_LIT("DynamoDB_20120810."))) {
        return start_unknown(call, BYTES_NONE);
    }
    const struct api_operation *operation = operations_find(target);
    if (operation == NULL || operation->service != service) {
        return start_unknown(call, target);
    }
    return start_operation(api, call, operation);
}

enum api_progress api_resume(struct api_call *call)
{
    WEIR_ASSERT(call->operation != NULL && call->operation->resume != NULL);
    return call->operation->resume(call);
}

void api_flush(struct api *api)
{
    engine_wake(api->engine);
}

/* ---- ends of a step ------------------------------------------------------------------------- */

enum api_progress call_answer(struct api_call *call, struct weir_value *response)
{
    if (response == NULL) {
        (void)call_no_memory(call);
        return call_fail(call);
    }
    call->status = WEIR_OK;
    call->response = response;
    return API_DONE;
}

enum api_progress call_fail(struct api_call *call)
{
    WEIR_ASSERT(call->error.status != WEIR_OK);
    if (call->error.status == WEIR_CLOSED) {
        (void)error_set(&call->error, WEIR_UNAVAILABLE, "the engine is stopping");
    }
    call->status = call->error.status;
    return API_DONE;
}

enum api_progress call_block(struct api_call *call)
{
    return call->may_block ? call->operation->resume(call) : API_BLOCKING;
}

static void request_done(struct engine_request *request)
{
    struct api_call *call = request->arg;
    call->wake(call);
}

enum api_progress call_submit(struct api_call *call)
{
    call->engine_request.arena = call->arena;
    call->engine_request.is_held = call->hold;
    call->engine_request.done = request_done;
    call->engine_request.arg = call;
    if (engine_submit(call->api->engine, &call->engine_request, &call->error) != WEIR_OK) {
        return call_fail(call);
    }
    return API_WAITING;
}

/* ---- errors --------------------------------------------------------------------------------- */

/* struct weir_error cuts its message; the answer carries the whole of it. */
__attribute__((format(printf, 2, 0))) static void
keep_long_text(struct api_call *call, const char *format, va_list args, size_t length)
{
    char *text = arena_alloc(call->arena, length + 1);
    struct weir_value *members = value_new_map(call->arena, VALUE_PLAIN);
    if (text == NULL || members == NULL) {
        return;
    }
    (void)vsnprintf(text, length + 1, format, args);
    value_add_str(call->arena, members, "message", bytes_of(text, length));
    call->error_members = members;
}

__attribute__((format(printf, 3, 0))) static enum weir_status
set_error(struct api_call *call, enum weir_status status, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char text[WEIR_ERROR_MESSAGE_MAX];
    int length = vsnprintf(text, sizeof(text), format, args);
    (void)error_set(&call->error, status, "%s", text);
    if (length >= (int)sizeof(text)) {
        keep_long_text(call, format, again, (size_t)length);
    }
    va_end(again);
    return status;
}

enum weir_status call_error(struct api_call *call, enum weir_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)set_error(call, status, format, args);
    va_end(args);
    return status;
}

enum weir_status call_invalid(struct api_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)set_error(call, WEIR_VALIDATION, format, args);
    va_end(args);
    return WEIR_VALIDATION;
}

enum weir_status call_no_memory(struct api_call *call)
{
    return error_set(&call->error, WEIR_NO_MEMORY, "the request needs more memory than it may use");
}

/* ---- tables --------------------------------------------------------------------------------- */

enum weir_status call_item_table(struct api_call *call, struct weir_bytes name,
                                 struct engine_table **ret_table)
{
    enum weir_status status = engine_table_ref(call->api->engine, name, ret_table, &call->error);
    if (status == WEIR_RESOURCE_NOT_FOUND) {
        return call_error(call, status, "Requested resource not found");
    }
    return status;
}

enum weir_status call_table(struct api_call *call, struct weir_bytes name,
                            struct engine_table **ret_table)
{
    enum weir_status status = engine_table_ref(call->api->engine, name, ret_table, &call->error);
    if (status == WEIR_RESOURCE_NOT_FOUND) {
        return call_error(call, status, "Requested resource not found: Table: %.*s not found",
                          BYTES_ARG(name));
    }
    return status;
}
