/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_CLIENT_FIXTURE_H
#define WEIR_TESTS_CLIENT_FIXTURE_H

/* A client of a scripted server, with an environment of its own: nothing of this machine's. */

#include "client/client_internal.h"
#include "unit/client/script_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* Names and values in turn, ended by NULL. */
static const char *pairs_get(void *arg, const char *name)
{
    for (const char *const *at = arg; at != NULL && at[0] != NULL; at += 2) {
        if (strcmp(at[0], name) == 0) {
            return at[1];
        }
    }
    return NULL;
}

struct fixture {
    struct script_server *server;
    struct weir_client *client;
    struct arena *arena;
    struct weir_value *document;
    struct weir_error err;
};

static inline void fixture_open_with(struct fixture *f, const struct script_step *steps,
                                     size_t count, struct weir_client_options options,
                                     const char *const *pairs)
{
    char url[64];
    struct aws_environment environment = {pairs_get, (void *)(uintptr_t)pairs};
    *f = (struct fixture){.server = script_server_start(steps, count)};
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", script_server_port(f->server));
    options.struct_size = sizeof(options);
    options.endpoint_url = url;
    enum weir_status status =
        client_open_with(&options, &environment, env_system(), &f->client, &f->err);
    if (status != WEIR_OK) {
        fail_msg("%s: %s", weir_status_name(status), f->err.message);
    }
    f->arena = arena_new(LIMIT_REQUEST_ARENA_BYTES);
}

static inline void fixture_open(struct fixture *f, const struct script_step *steps, size_t count,
                                uint32_t max_attempts)
{
    fixture_open_with(f, steps, count, (struct weir_client_options){.max_attempts = max_attempts},
                      NULL);
}

static inline void fixture_close(struct fixture *f)
{
    weir_client_close(f->client);
    script_server_stop(f->server);
    arena_free(f->arena);
}

static inline enum weir_status fixture_call(struct fixture *f, const char *operation,
                                            const char *json)
{
    char *answer = NULL;
    f->err = (struct weir_error){0};
    enum weir_status status = weir_call(f->client, operation, strlen(operation), json, strlen(json),
                                        &answer, NULL, &f->err);
    weir_free(answer);
    return status;
}

#define STEPS(...) ((const struct script_step[]){__VA_ARGS__})
#define FAILURE(name) \
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#" name "\",\"message\":\"as scripted\"}"

#endif
