/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/support/test_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/server.h"

#define STOP_MS 5000

struct test_server {
    struct engine *engine;
    struct api *api;
    struct server *server;
};

static enum weir_status start(struct test_server *s, struct weir_error *err)
{
    struct engine_options options = {.env = env_system(), .stream_shards = 1};
    enum weir_status status = kv_mem_open(&options.kv, err);
    options.opened.created = true;
    if (status == WEIR_OK) {
        status = engine_open(&options, &s->engine, err);
    }
    if (status == WEIR_OK) {
        status = engine_committer_start(s->engine, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    s->api = api_new(s->engine);
    assert_non_null(s->api);
    struct server_options server = {.api = s->api, .env = env_system()};
    return server_start(&server, &s->server, err);
}

struct test_server *test_server_start(void)
{
    struct weir_error err = {0};
    struct test_server *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    if (start(s, &err) != WEIR_OK) {
        fail_msg("no server: %s", err.message);
    }
    return s;
}

uint16_t test_server_port(const struct test_server *server)
{
    return server_port(server->server);
}

void test_server_stop(struct test_server *server)
{
    if (server != NULL) {
        server_stop(server->server, STOP_MS);
        engine_committer_stop(server->engine);
        api_free(server->api);
        engine_close(server->engine);
        free(server);
    }
}
