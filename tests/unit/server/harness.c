/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define AWAIT_ROUNDS 20000

static const struct server_tuning patient = {.deadline_ms = LIMIT_REQUEST_DEADLINE_MS,
                                             .idle_ms = SERVER_IDLE_MS,
                                             .sweep_ms = 1000,
                                             .large_bytes = SERVER_LARGE_BYTES};
static const struct server_tuning impatient = {
    .deadline_ms = 300, .idle_ms = 300, .sweep_ms = 20, .large_bytes = SERVER_LARGE_BYTES};
static const struct server_tuning cramped = {.deadline_ms = LIMIT_REQUEST_DEADLINE_MS,
                                             .idle_ms = SERVER_IDLE_MS,
                                             .sweep_ms = 1000,
                                             .large_bytes = (size_t)1024 * 1024};

static const char *const further_names[] = {"weir.example", NULL};

static int setup(void **state, uint32_t threads, const struct server_tuning *tuning)
{
    struct harness *h = calloc(1, sizeof(*h));
    h->api = fake_api_new();
    struct server_options options = {
        .api = h->api, .env = env_system(), .threads = threads, .hosts = further_names};
    struct weir_error err = {0};
    enum weir_status status = server_start_tuned(&options, tuning, &h->server, &err);
    if (status != WEIR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    h->port = server_port(h->server);
    *state = h;
    return 0;
}

int harness_setup(void **state)
{
    return setup(state, 1, &patient);
}

int harness_setup_two_loops(void **state)
{
    return setup(state, 2, &patient);
}

int harness_setup_impatient(void **state)
{
    return setup(state, 1, &impatient);
}

int harness_setup_cramped(void **state)
{
    return setup(state, 1, &cramped);
}

int harness_teardown(void **state)
{
    struct harness *h = *state;
    fake_release(h->api);
    server_stop(h->server, 5000);
    fake_api_free(h->api);
    free(h);
    return 0;
}

void await_counter(struct harness *h, size_t offset_in_counters, uint64_t value)
{
    uint64_t now = 0;
    for (unsigned i = 0; i < AWAIT_ROUNDS; i++) {
        struct front_counters counters;
        server_read_counters(h->server, &counters);
        memcpy(&now, (const char *)&counters + offset_in_counters, sizeof(now));
        if (now == value) {
            return;
        }
        (void)usleep(1000);
    }
    fail_msg("the counter is at %lu, not %lu", (unsigned long)now, (unsigned long)value);
}

void await_held(struct harness *h, unsigned count)
{
    for (unsigned i = 0; i < AWAIT_ROUNDS && fake_held(h->api) != count; i++) {
        (void)usleep(1000);
    }
    assert_int_equal(fake_held(h->api), count);
}

void exchange(struct harness *h, const char *text, struct http_answer *ret_answer)
{
    struct http_client client;
    http_open(&client, h->port);
    http_send_str(&client, text);
    http_read(&client, ret_answer);
    http_close(&client);
}

void assert_status(struct harness *h, const char *text, int status)
{
    struct http_answer answer;
    exchange(h, text, &answer);
    if (answer.status != status) {
        fail_msg("%d instead of %d for\n%s", answer.status, status, text);
    }
    http_answer_fini(&answer);
}

void assert_body_is(const struct http_answer *answer, const char *text)
{
    if (!bytes_eq_str(buf_bytes(&answer->body), text)) {
        fail_msg("body is %.*s, not %s", (int)answer->body.len, (const char *)answer->body.ptr,
                 text);
    }
}

void assert_crc_is_right(const struct http_answer *answer)
{
    char text[32];
    assert_true(http_header(answer, "x-amz-crc32", text, sizeof(text)));
    assert_int_equal(strtoul(text, NULL, 10), crc32_z(0, answer->body.ptr, answer->body.len));
}
