/* SPDX-License-Identifier: Apache-2.0 */
/* TCP streams of the loop, against a server that is a thread of the test on a port of its own. */
#include "base/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* A listening socket, and a thread that serves the one connection as `serve` says. */
struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    void (*serve)(int fd);
};

/* On 127.0.0.1; the port refuses connections as long as nobody listens. */
static int socket_bound(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void *server_run(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->listener, NULL, NULL);
    if (fd >= 0) {
        s->serve(fd);
    }
    return NULL;
}

static void server_start(struct server *s, void (*serve)(int fd))
{
    s->serve = serve;
    s->listener = socket_bound(&s->port);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_join(struct server *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->listener);
}

static void serve_echo(int fd)
{
    uint8_t bytes[4096];
    for (ssize_t got; (got = read(fd, bytes, sizeof(bytes))) > 0;) {
        for (ssize_t done = 0, wrote; done < got; done += wrote) {
            wrote = send(fd, bytes + done, (size_t)(got - done), MSG_NOSIGNAL);
            if (wrote < 0) {
                break;
            }
        }
    }
    (void)close(fd);
}

static void serve_goodbye(int fd)
{
    (void)send(fd, "bye", 3, MSG_NOSIGNAL);
    (void)close(fd);
}

static sem_t reset_gate;

/* First the end of the stream, then a reset: the peer's next write is an EPIPE. Waits for the gate,
 * since a reset that comes too early makes the connecting fail. */
static void serve_reset(int fd)
{
    while (sem_wait(&reset_gate) != 0) {
    }
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)shutdown(fd, SHUT_WR);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(fd);
}

struct fixture {
    struct loop *loop;
    struct loop_tcp *tcp;
    struct server server;
    bool in_call; /* one of our calls to the loop is under way */
    int connected;
    int failed;
    enum weir_status status;
    char what[256];
    uint8_t *received;
    size_t received_len;
    size_t expected_len; /* stops the loop when so much has come; 0 = never */
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    *state = &f;
    return loop_uv_new(env_system(), &f.loop, NULL) == WEIR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    free(f->received);
    return 0;
}

static void on_connected(void *arg)
{
    struct fixture *f = arg;
    assert_false(f->in_call);
    f->connected++;
}

static void on_data(void *arg, struct weir_bytes bytes)
{
    struct fixture *f = arg;
    assert_false(f->in_call);
    f->received = realloc(f->received, f->received_len + bytes.len);
    assert_non_null(f->received);
    memcpy(f->received + f->received_len, bytes.ptr, bytes.len);
    f->received_len += bytes.len;
    if (f->expected_len != 0 && f->received_len >= f->expected_len) {
        loop_stop(f->loop);
    }
}

static void on_failed(void *arg, enum weir_status status, const char *what)
{
    struct fixture *f = arg;
    assert_false(f->in_call);
    f->failed++;
    f->status = status;
    assert_true(strlen(what) < sizeof(f->what));
    memcpy(f->what, what, strlen(what) + 1);
    loop_stop(f->loop);
}

static void connect_to(struct fixture *f, const char *host, uint16_t port)
{
    struct loop_tcp_handler handler = {on_connected, on_data, on_failed, f};
    f->in_call = true;
    f->tcp = loop_tcp_connect(f->loop, host, port, handler);
    f->in_call = false;
    assert_non_null(f->tcp);
}

static void write_to(struct fixture *f, struct weir_bytes bytes)
{
    f->in_call = true;
    loop_tcp_write(f->loop, f->tcp, bytes);
    f->in_call = false;
}

/* Lets the loop go on for a little, to see whether something comes that must not. */
static void settle(struct fixture *f)
{
    struct loop_timer *timer =
        loop_timer_new(f->loop, (void (*)(void *))f->loop->ops->stop, f->loop);
    assert_non_null(timer);
    loop_timer_start(f->loop, timer, 20);
    loop_run(f->loop);
    loop_timer_free(f->loop, timer);
}

static void bytes_written_before_connected_come_back(void **state)
{
    struct fixture *f = *state;
    server_start(&f->server, serve_echo);
    connect_to(f, "127.0.0.1", f->server.port);
    write_to(f, BYTES_LIT("hello "));
    write_to(f, BYTES_NONE);
    write_to(f, BYTES_LIT("weir"));
    assert_int_equal(loop_tcp_unsent(f->loop, f->tcp), 10);
    f->expected_len = 10;
    loop_run(f->loop);
    assert_int_equal(f->connected, 1);
    assert_int_equal(f->failed, 0);
    assert_int_equal(f->received_len, 10);
    assert_memory_equal(f->received, "hello weir", 10);
    assert_int_equal(loop_tcp_unsent(f->loop, f->tcp), 0);
    loop_tcp_close(f->loop, f->tcp);
    settle(f);
    server_join(&f->server);
    assert_int_equal(f->failed, 0);
}

static void many_megabytes_in_many_writes_stay_in_order(void **state)
{
    struct fixture *f = *state;
    enum { WRITES = 3000, WORDS = 700 };
    static uint8_t chunk[WORDS * 4];
    server_start(&f->server, serve_echo);
    connect_to(f, "127.0.0.1", f->server.port);
    for (uint32_t i = 0; i < WRITES; i++) {
        for (uint32_t word = 0; word < WORDS; word++) {
            put_be32(chunk + word * 4, i * WORDS + word);
        }
        write_to(f, bytes_of(chunk, sizeof(chunk)));
    }
    f->expected_len = (size_t)WRITES * sizeof(chunk);
    assert_int_equal(loop_tcp_unsent(f->loop, f->tcp), f->expected_len);
    loop_run(f->loop);
    assert_int_equal(f->failed, 0);
    assert_int_equal(f->received_len, f->expected_len);
    for (uint32_t word = 0; word < WRITES * WORDS; word++) {
        assert_int_equal(get_be32(f->received + (size_t)word * 4), word);
    }
    loop_tcp_close(f->loop, f->tcp);
    settle(f);
    server_join(&f->server);
}

static void refused_connection_fails_once(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int fd = socket_bound(&port);
    connect_to(f, "127.0.0.1", port);
    loop_run(f->loop);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->connected, 0);
    assert_int_equal(f->status, WEIR_UNREACHABLE);
    assert_non_null(strstr(f->what, "127.0.0.1"));
    assert_non_null(strstr(f->what, "refused"));
    write_to(f, BYTES_LIT("too late"));
    settle(f);
    assert_int_equal(f->failed, 1);
    loop_tcp_close(f->loop, f->tcp);
    (void)close(fd);
}

static void names_that_cannot_be_resolved_fail_once(void **state)
{
    struct fixture *f = *state;
    static char long_name[2000];
    memset(long_name, 'a', sizeof(long_name) - 1);
    const char *const hosts[] = {"", "no such host", long_name};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        f->failed = 0;
        connect_to(f, hosts[i], 0);
        loop_run(f->loop);
        settle(f);
        assert_int_equal(f->failed, 1);
        assert_int_equal(f->connected, 0);
        assert_int_equal(f->status, WEIR_UNREACHABLE);
        loop_tcp_close(f->loop, f->tcp);
    }
}

static void end_of_the_stream_is_a_failure_after_the_last_bytes(void **state)
{
    struct fixture *f = *state;
    server_start(&f->server, serve_goodbye);
    connect_to(f, "127.0.0.1", f->server.port);
    loop_run(f->loop);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->status, WEIR_UNREACHABLE);
    assert_non_null(strstr(f->what, "closed by the peer"));
    assert_int_equal(f->received_len, 3);
    loop_tcp_close(f->loop, f->tcp);
    server_join(&f->server);
}

static void write_after_reset(void *arg)
{
    struct fixture *f = arg;
    f->connected++;
    (void)sem_post(&reset_gate);
    server_join(&f->server);
    write_to(f, BYTES_LIT("to nobody"));
}

/* SIGPIPE has its default action here, which would end the test. */
static void write_to_a_reset_stream_fails_and_raises_no_signal(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sem_init(&reset_gate, 0, 0), 0);
    server_start(&f->server, serve_reset);
    struct loop_tcp_handler handler = {write_after_reset, on_data, on_failed, f};
    f->tcp = loop_tcp_connect(f->loop, "127.0.0.1", f->server.port, handler);
    assert_non_null(f->tcp);
    loop_run(f->loop);
    assert_int_equal(f->connected, 1);
    settle(f);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->status, WEIR_UNREACHABLE);
}

static void closed_stream_is_not_heard_of_again(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int fd = socket_bound(&port);
    connect_to(f, "127.0.0.1", port);
    loop_tcp_close(f->loop, f->tcp);
    connect_to(f, "", 0);
    loop_tcp_close(f->loop, f->tcp);
    loop_tcp_close(f->loop, NULL);
    settle(f);
    assert_int_equal(f->failed, 0);
    assert_int_equal(f->connected, 0);
    (void)close(fd);
}

static void close_in_failed(void *arg, enum weir_status status, const char *what)
{
    struct fixture *f = arg;
    on_failed(f, status, what);
    loop_tcp_close(f->loop, f->tcp);
}

static void stream_may_be_closed_in_its_own_callback(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int fd = socket_bound(&port);
    struct loop_tcp_handler handler = {on_connected, on_data, close_in_failed, f};
    f->tcp = loop_tcp_connect(f->loop, "127.0.0.1", port, handler);
    assert_non_null(f->tcp);
    loop_run(f->loop);
    settle(f);
    assert_int_equal(f->failed, 1);
    (void)close(fd);
}

static void free_closes_streams_in_every_state(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    int fd = socket_bound(&port);
    server_start(&f->server, serve_echo);
    connect_to(f, "127.0.0.1", f->server.port);
    write_to(f, BYTES_LIT("x"));
    f->expected_len = 1;
    loop_run(f->loop);
    assert_int_equal(f->received_len, 1);
    write_to(f, BYTES_LIT("unsent or not"));
    connect_to(f, "localhost", port);
    connect_to(f, "", 0);
    loop_free(f->loop);
    f->loop = NULL;
    assert_int_equal(f->failed, 0);
    server_join(&f->server);
    (void)close(fd);
}

static void more_than_the_bound_unsent_fails(void **state)
{
    struct fixture *f = *state;
    enum { CHUNK = 64 * 1024 * 1024 };
    uint8_t *chunk = calloc(1, CHUNK);
    assert_non_null(chunk);
    server_start(&f->server, serve_echo);
    connect_to(f, "127.0.0.1", f->server.port);
    for (int i = 0; i < 4; i++) {
        write_to(f, bytes_of(chunk, CHUNK));
    }
    write_to(f, BYTES_LIT("!"));
    free(chunk);
    loop_run(f->loop);
    settle(f);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->connected, 0);
    assert_int_equal(f->status, WEIR_NO_MEMORY);
    loop_tcp_close(f->loop, f->tcp);
    settle(f);
    (void)shutdown(f->server.listener, SHUT_RDWR); /* if it was never connected to */
    server_join(&f->server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_written_before_connected_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(many_megabytes_in_many_writes_stay_in_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refused_connection_fails_once, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_cannot_be_resolved_fail_once, setup, teardown),
        cmocka_unit_test_setup_teardown(end_of_the_stream_is_a_failure_after_the_last_bytes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(write_to_a_reset_stream_fails_and_raises_no_signal, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(closed_stream_is_not_heard_of_again, setup, teardown),
        cmocka_unit_test_setup_teardown(stream_may_be_closed_in_its_own_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(free_closes_streams_in_every_state, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_bound_unsent_fails, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
