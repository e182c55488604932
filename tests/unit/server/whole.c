/* SPDX-License-Identifier: Apache-2.0 */
#include "whole.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct whole *whole_new(struct server_options options)
{
    struct whole *w = calloc(1, sizeof(*w));
    struct engine_options engine = {.env = env_system(), .stream_shards = 1};
    struct weir_error err = {0};
    assert_non_null(w);
    assert_int_equal(kv_mem_open(&engine.kv, &err), WEIR_OK);
    assert_int_equal(engine_open(&engine, &w->engine, &err), WEIR_OK);
    assert_int_equal(engine_committer_start(w->engine, &err), WEIR_OK);
    w->api = api_new(w->engine);
    assert_non_null(w->api);
    options.api = w->api;
    options.env = env_system();
    if (server_start(&options, &w->server, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
    http_open(&w->client, server_port(w->server));
    return w;
}

void whole_free(struct whole *w)
{
    http_close(&w->client);
    server_stop(w->server, 5000);
    api_free(w->api);
    engine_committer_stop(w->engine);
    engine_close(w->engine);
    free(w);
}

void expect(struct whole *w, const char *operation, const char *body, int status, const char *part)
{
    struct http_answer answer;
    http_post(&w->client, operation, bytes_str(body), "");
    http_read(&w->client, &answer);
    buf_put_u8(&answer.body, 0);
    if (answer.status != status || strstr((const char *)answer.body.ptr, part) == NULL) {
        fail_msg("%s: %d %s, not %d with %s", operation, answer.status,
                 (const char *)answer.body.ptr, status, part);
    }
    http_answer_fini(&answer);
}
