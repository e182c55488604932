/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a server of the same HTTP library does: what requests to weir's server are
 * compared with. One loop, libmicrohttpd driven from libuv through its epoll descriptor as
 * src/server/front.c drives it; every request gets the same 200 bytes.
 *
 *     empty_server [port]      prints the port it found, runs until it gets SIGTERM or SIGINT
 */
#include <microhttpd.h>

#include "base/error.h"
#include "base/loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_BYTES 200
#define PUMP_ROUNDS 4

struct empty {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct loop_poll *poll;
    struct loop_timer *timer;
    char body[BODY_BYTES];
};

static struct loop *loop_to_stop; /* for the signal handler */

static void on_signal(int number)
{
    (void)number;
    loop_stop(loop_to_stop);
}

static enum MHD_Result answer(const struct empty *empty, struct MHD_Connection *connection)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        BODY_BYTES, (void *)(uintptr_t)empty->body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **context)
{
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    if (*context == NULL) {
        *context = arg; /* the head; the body follows */
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    return answer(arg, connection);
}

static void on_ready(void *arg, int events)
{
    (void)events;
    struct empty *empty = arg;
    MHD_UNSIGNED_LONG_LONG after_ms = 0;
    bool has_more = true;
    for (unsigned i = 0; i < PUMP_ROUNDS && has_more && after_ms == 0; i++) {
        (void)MHD_run(empty->daemon);
        has_more = MHD_get_timeout(empty->daemon, &after_ms) == MHD_YES;
    }
    if (has_more) {
        loop_timer_start(empty->loop, empty->timer, after_ms);
    }
}

static void on_timer(void *arg)
{
    on_ready(arg, 0);
}

static bool start(struct empty *empty, uint16_t port)
{
    memset(empty->body, 'x', sizeof(empty->body));
    empty->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TURBO, port, NULL, NULL, on_access,
                                     empty, MHD_OPTION_END);
    if (empty->daemon == NULL) {
        return false;
    }
    empty->poll = loop_poll_new(
        empty->loop, MHD_get_daemon_info(empty->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
        on_ready, empty);
    empty->timer = loop_timer_new(empty->loop, on_timer, empty);
    if (empty->poll == NULL || empty->timer == NULL) {
        return false;
    }
    loop_poll_set(empty->loop, empty->poll, LOOP_READABLE);
    return true;
}

int main(int argc, char **argv)
{
    struct empty empty = {0};
    struct weir_error err = {0};
    uint16_t port = argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0;
    if (loop_uv_new(env_system(), &empty.loop, &err) != WEIR_OK || !start(&empty, port)) {
        (void)fprintf(stderr, "cannot start on port %u %s\n", port, err.message);
        return 1;
    }
    loop_to_stop = empty.loop;
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    (void)printf("%u\n", MHD_get_daemon_info(empty.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)fflush(stdout);
    loop_run(empty.loop);
    loop_poll_free(empty.loop, empty.poll);
    loop_timer_free(empty.loop, empty.timer);
    MHD_stop_daemon(empty.daemon);
    loop_free(empty.loop);
    return 0;
}
