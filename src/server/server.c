/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the whole: listening socket, pool, fronts. */
#include "server/server.h"

#include "base/error.h"
#include "server/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define BLOCK_THREADS_DEFAULT 2
#define THREADS_MAX 256

/* Each connection is a file. As far as the hard limit allows; less is no failure. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* All threads must be joined. */
static void server_free(struct server *server)
{
    for (uint32_t i = 0; i < server->front_count; i++) {
        front_fini(&server->fronts[i]);
    }
    free(server->fronts);
    if (server->listen_fd >= 0) {
        (void)close(server->listen_fd);
    }
    pages_fini(server);
    host_rules_fini(&server->hosts);
    weather_free(server->weather);
    free(server->signature_region_text);
    free(server);
}

void server_stop(struct server *server, uint32_t deadline_ms)
{
    if (server == NULL) {
        return;
    }
    server->stop_ms = deadline_ms;
    for (uint32_t i = 0; i < server->front_count; i++) {
        if (server->fronts[i].thread_started) {
            front_stop(&server->fronts[i]);
        }
    }
    for (uint32_t i = 0; i < server->front_count; i++) {
        front_join(&server->fronts[i]);
    }
    pool_stop(&server->pool);
    server_free(server);
}

static enum weir_status start_fronts(struct server *server, uint32_t count, struct weir_error *err)
{
    server->fronts = calloc(count, sizeof(*server->fronts));
    if (server->fronts == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for %u loops", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        server->front_count = i + 1;
        enum weir_status status = front_init(&server->fronts[i], server, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        enum weir_status status = front_start(&server->fronts[i], err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

/* Signals are for the program's own threads. */
static enum weir_status start_threads(struct server *server, const struct server_options *options,
                                      struct weir_error *err)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    uint32_t block_threads =
        options->block_threads == 0 ? BLOCK_THREADS_DEFAULT : options->block_threads;
    enum weir_status status = pool_start(&server->pool, block_threads, err);
    if (status == WEIR_OK) {
        status = start_fronts(server, options->threads == 0 ? 1 : options->threads, err);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* What calls meet before the API: signatures, weather. */
static enum weir_status set_rules(struct server *server, const struct server_options *options,
                                  struct weir_error *err)
{
    server->signature_keys = options->signature_keys;
    if (options->signature_region != NULL) {
        server->signature_region_text = strdup(options->signature_region);
        if (server->signature_region_text == NULL) {
            return error_set(err, WEIR_NO_MEMORY, "no memory for the server");
        }
        server->signature_region = bytes_str(server->signature_region_text);
    }
    return options->faults == NULL ? WEIR_OK
                                   : weather_new(options->faults, server->operations, server->env,
                                                 &server->weather, err);
}

static enum weir_status start(struct server *server, const struct server_options *options,
                              struct weir_error *err)
{
    enum weir_status status = set_rules(server, options, err);
    if (status != WEIR_OK) {
        return status;
    }
    const char *address = options->address == NULL ? "127.0.0.1" : options->address;
    if (!host_rules_init(&server->hosts, address, options->hosts) ||
        pages_mount_builtin(server) != WEIR_OK) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the server");
    }
    raise_file_limit();
    status = listen_open(address, options->port, &server->listen_fd, &server->port, err);
    return status == WEIR_OK ? start_threads(server, options, err) : status;
}

enum weir_status server_start_tuned(const struct server_options *options,
                                    const struct server_tuning *tuning, struct server **ret_server,
                                    struct weir_error *err)
{
    if (options->threads > THREADS_MAX || options->block_threads > THREADS_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "a server has at most %d threads of a kind",
                         THREADS_MAX);
    }
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the server");
    }
    server->api = options->api;
    server->env = options->env;
    server->tuning = *tuning;
    server->listen_fd = -1;
    pages_init(server);
    enum weir_status status = start(server, options, err);
    if (status != WEIR_OK) {
        server_stop(server, 0);
        return status;
    }
    *ret_server = server;
    return WEIR_OK;
}

enum weir_status server_start(const struct server_options *options, struct server **ret_server,
                              struct weir_error *err)
{
    static const struct server_tuning tuning = {.deadline_ms = LIMIT_REQUEST_DEADLINE_MS,
                                                .idle_ms = SERVER_IDLE_MS,
                                                .sweep_ms = 1000,
                                                .large_bytes = SERVER_LARGE_BYTES};
    return server_start_tuned(options, &tuning, ret_server, err);
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_read_counters(const struct server *server, struct front_counters *ret_counters)
{
    struct front_counters sum = {0};
    for (uint32_t i = 0; i < server->front_count; i++) {
        const struct front_counters *one = &server->fronts[i].counters;
        sum.requests += counter_read(&one->requests);
        sum.errors += counter_read(&one->errors);
        sum.connections += counter_read(&one->connections);
        sum.open += counter_read(&one->open);
        sum.suspended += counter_read(&one->suspended);
        sum.cut += counter_read(&one->cut);
        sum.away += counter_read(&one->away);
        sum.unauthenticated += counter_read(&one->unauthenticated);
    }
    *ret_counters = sum;
}

const char *server_fault(const struct server *server, unsigned index)
{
    const struct weather *weather = server->weather;
    return weather == NULL || index >= weather_rule_count(weather)
               ? NULL
               : weather_rule_text(weather, index);
}

void server_read_figures(const struct server *server, struct server_figures *ret_figures)
{
    struct front_counters sum;
    server_read_counters(server, &sum);
    *ret_figures = (struct server_figures){
        .requests = sum.requests, .errors = sum.errors, .connections = sum.connections};
}
