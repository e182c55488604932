/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that accepts, and one per connection, which has a connection of its own to the server
 * for each request: see fault_proxy.h. */
#include "unit/support/fault_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "value/value.h"

#define CONNECTIONS_MAX 64
#define MESSAGE_MAX ((size_t)32 * 1024 * 1024)

struct connection {
    struct fault_proxy *proxy;
    pthread_t thread;
    int fd; /* closed when its thread has been joined */
};

struct fault_proxy {
    int listener;
    uint16_t port, server_port;
    pthread_t acceptor;
    struct connection connections[CONNECTIONS_MAX]; /* the acceptor's, then the stopper's */
    unsigned connection_count;

    pthread_mutex_t mu;
    enum proxy_fault fault; /* under mu */
    unsigned left, hits;    /* under mu */
};

static const struct {
    const char *text;
    int definite;
} faults[] = {
#define PROXY_ROW(name, text, definite) {text, definite},
    PROXY_FAULTS(PROXY_ROW)
#undef PROXY_ROW
};

const char *proxy_fault_text(enum proxy_fault fault)
{
    return faults[fault].text;
}

int proxy_fault_is_definite(enum proxy_fault fault)
{
    return faults[fault].definite;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* A request or an answer: its head, up to and including the empty line, and its body. */
struct message {
    struct buf bytes;
    size_t head_len, body_len;
};

static bool header(const struct message *message, const char *name, char *to, size_t size)
{
    size_t name_len = strlen(name);
    const char *at = (const char *)message->bytes.ptr;
    const char *end = at + message->head_len;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (strncasecmp(at, name, name_len) == 0 && at[name_len] == ':') {
            const char *value = at + name_len + 1;
            value += strspn(value, " ");
            (void)snprintf(to, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return true;
        }
        at = line_end + 1;
    }
    return false;
}

/* The head is whole: how long is the body? */
static void find_body(struct message *message)
{
    char length[32];
    const uint8_t *end = message->bytes.len < 4
                             ? NULL
                             : memmem(message->bytes.ptr, message->bytes.len, "\r\n\r\n", 4);
    if (end != NULL) {
        message->head_len = (size_t)(end - message->bytes.ptr) + 4;
        message->body_len = header(message, "Content-Length", length, sizeof(length))
                                ? strtoul(length, NULL, 10)
                                : 0;
    }
}

/* False: the peer is gone before a whole message was there. */
static bool receive(int fd, struct message *message)
{
    static __thread uint8_t chunk[65536];
    *message = (struct message){.head_len = 0};
    buf_init(&message->bytes, MESSAGE_MAX);
    while (message->head_len == 0 || message->bytes.len < message->head_len + message->body_len) {
        ssize_t got = recv(fd, chunk, sizeof(chunk), 0);
        if (got <= 0) {
            return false;
        }
        buf_put(&message->bytes, bytes_of(chunk, (size_t)got));
        if (message->head_len == 0) {
            find_body(message);
        }
    }
    return true;
}

static bool send_all(int fd, struct weir_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes = bytes_of(bytes.ptr + sent, bytes.len - (size_t)sent);
    }
    return true;
}

static struct weir_bytes body_of(const struct message *message)
{
    return bytes_of(message->bytes.ptr + message->head_len, message->body_len);
}

/* ---- the server ------------------------------------------------------------------------------ */

static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The server's answer to these bytes. */
static bool exchange(const struct fault_proxy *proxy, struct weir_bytes request,
                     struct message *ret_answer)
{
    int fd = connect_to(proxy->server_port);
    buf_init(&ret_answer->bytes, MESSAGE_MAX);
    bool good = fd >= 0 && send_all(fd, request) && receive(fd, ret_answer);
    (void)close(fd);
    return good;
}

/* ---- half of a batch ------------------------------------------------------------------------- */

/* Splits every table's list into the first half, which is done, and the rest. */
static void split(struct arena *a, const struct weir_value *tables, const char *member,
                  struct weir_value **ret_first, struct weir_value **ret_rest)
{
    *ret_first = value_new_map(a, VALUE_PLAIN);
    *ret_rest = value_new_map(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < tables->u.map.count; i++) {
        const struct value_member *table = &tables->u.map.at[i];
        struct weir_value first = *value_copy(a, &table->value);
        struct weir_value rest = *value_copy(a, &table->value);
        struct weir_value *first_list =
            member == NULL ? &first : (struct weir_value *)value_get(&first, member);
        struct weir_value *rest_list =
            member == NULL ? &rest : (struct weir_value *)value_get(&rest, member);
        uint32_t half = (first_list->u.list.count + 1) / 2;
        rest_list->u.list.at += half;
        rest_list->u.list.count -= half;
        first_list->u.list.count = half;
        *value_add(a, *ret_first, table->name) = first;
        if (rest_list->u.list.count > 0) {
            *value_add(a, *ret_rest, table->name) = rest;
        }
    }
}

static void put_message(struct buf *to, const char *first_line, const char *target,
                        const struct weir_value *document)
{
    struct buf body;
    buf_init(&body, MESSAGE_MAX);
    json_write(&body, document);
    buf_printf(to, "%s\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n",
               first_line);
    if (target != NULL) {
        buf_printf(to, "X-Amz-Target: %s\r\n", target);
    }
    buf_printf(to, "Content-Length: %zu\r\n\r\n", body.len);
    buf_put(to, buf_bytes(&body));
    buf_fini(&body);
}

/* False: it is no batch, or one of a single item. */
static bool half_of_batch(const struct fault_proxy *proxy, struct arena *a,
                          const struct message *request, struct buf *to)
{
    char target[128] = "";
    struct weir_value *document = NULL, *first, *rest, *done = NULL;
    (void)header(request, "X-Amz-Target", target, sizeof(target));
    bool writes = strstr(target, ".BatchWriteItem") != NULL;
    if ((!writes && strstr(target, ".BatchGetItem") == NULL) ||
        json_parse(a, body_of(request), &document, NULL) != WEIR_OK) {
        return false;
    }
    split(a, value_get(document, "RequestItems"), writes ? NULL : "Keys", &first, &rest);
    if (rest->u.map.count == 0) {
        return false;
    }
    struct weir_value *half = value_new_map(a, VALUE_PLAIN);
    struct buf out;
    struct message answer;
    value_add_value(a, half, "RequestItems", first);
    buf_init(&out, MESSAGE_MAX);
    put_message(&out, "POST / HTTP/1.1", target, half);
    bool good = exchange(proxy, buf_bytes(&out), &answer) &&
                json_parse(a, body_of(&answer), &done, NULL) == WEIR_OK;
    if (good) {
        struct weir_value *merged = value_new_map(a, VALUE_PLAIN);
        if (value_get(done, "Responses") != NULL) {
            value_add_value(a, merged, "Responses", value_get(done, "Responses"));
        }
        value_add_value(a, merged, writes ? "UnprocessedItems" : "UnprocessedKeys", rest);
        put_message(to, "HTTP/1.1 200 OK", NULL, merged);
    }
    buf_fini(&answer.bytes);
    buf_fini(&out);
    return good;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void put_error(struct buf *to, const char *first_line, const char *type)
{
    struct buf body;
    buf_init(&body, 1024);
    buf_printf(&body, "{\"__type\":\"%s\",\"message\":\"by the proxy\"}", type);
    buf_printf(to, "%s\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %zu\r\n\r\n",
               first_line, body.len);
    buf_put(to, buf_bytes(&body));
    buf_fini(&body);
}

static enum proxy_fault take_fault(struct fault_proxy *proxy)
{
    enum proxy_fault fault = PROXY_PASS;
    pthread_mutex_lock(&proxy->mu);
    if (proxy->left > 0) {
        proxy->left--;
        proxy->hits++;
        fault = proxy->fault;
    }
    pthread_mutex_unlock(&proxy->mu);
    return fault;
}

/* Until the client goes away, or the proxy. */
static void hang(int fd)
{
    struct pollfd waits = {.fd = fd, .events = POLLRDHUP};
    (void)poll(&waits, 1, -1);
}

static bool is_forwarded(enum proxy_fault fault)
{
    return fault != PROXY_THROTTLE && fault != PROXY_ERROR_500 && fault != PROXY_ERROR_503 &&
           fault != PROXY_CLOSE_BEFORE;
}

/* The answer in `to`; false: the connection ends without one, or behind what is in `to`. */
static bool answer_with(struct fault_proxy *proxy, int fd, enum proxy_fault fault,
                        const struct message *request, struct buf *to)
{
    struct message answer = {.head_len = 0};
    buf_init(&answer.bytes, MESSAGE_MAX);
    bool goes_on = true;
    if (is_forwarded(fault)) {
        goes_on = exchange(proxy, buf_bytes(&request->bytes), &answer);
    }
    switch (fault) {
    case PROXY_THROTTLE:
        put_error(to, "HTTP/1.1 400 Bad Request",
                  "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException");
        break;
    case PROXY_ERROR_500:
    case PROXY_ERROR_500_APPLIED:
        put_error(to, "HTTP/1.1 500 Internal Server Error",
                  "com.amazonaws.dynamodb.v20120810#InternalServerError");
        break;
    case PROXY_ERROR_503:
        put_error(to, "HTTP/1.1 503 Service Unavailable",
                  "com.amazonaws.dynamodb.v20120810#ServiceUnavailableException");
        break;
    case PROXY_CLOSE_BEFORE:
    case PROXY_CLOSE_AFTER:
        goes_on = false;
        break;
    case PROXY_HANG:
        hang(fd);
        goes_on = false;
        break;
    case PROXY_CUT:
        buf_put(to, bytes_of(answer.bytes.ptr, answer.bytes.len - answer.body_len / 2 - 1));
        goes_on = false;
        break;
    default:
        buf_put(to, buf_bytes(&answer.bytes));
        break;
    }
    buf_fini(&answer.bytes);
    return goes_on;
}

static bool serve_one(struct fault_proxy *proxy, int fd, const struct message *request)
{
    struct arena *a = arena_new(MESSAGE_MAX);
    struct buf out;
    enum proxy_fault fault = take_fault(proxy);
    buf_init(&out, MESSAGE_MAX);
    bool goes_on = (fault == PROXY_HALF && half_of_batch(proxy, a, request, &out)) ||
                   answer_with(proxy, fd, fault, request, &out);
    goes_on = send_all(fd, buf_bytes(&out)) && goes_on;
    buf_fini(&out);
    arena_free(a);
    return goes_on;
}

static void *serve(void *arg)
{
    struct connection *connection = arg;
    bool goes_on = true;
    while (goes_on) {
        struct message request;
        goes_on = receive(connection->fd, &request) &&
                  serve_one(connection->proxy, connection->fd, &request);
        buf_fini(&request.bytes);
    }
    (void)shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void *accept_all(void *arg)
{
    struct fault_proxy *proxy = arg;
    int on = 1;
    while (proxy->connection_count < CONNECTIONS_MAX) {
        struct connection *connection = &proxy->connections[proxy->connection_count];
        *connection =
            (struct connection){.proxy = proxy, .fd = accept(proxy->listener, NULL, NULL)};
        if (connection->fd < 0) {
            break;
        }
        (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (pthread_create(&connection->thread, NULL, serve, connection) != 0) {
            (void)close(connection->fd);
            break;
        }
        proxy->connection_count++;
    }
    return NULL;
}

struct fault_proxy *fault_proxy_start(uint16_t server_port)
{
    struct fault_proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    assert_non_null(proxy);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->server_port = server_port;
    (void)pthread_mutex_init(&proxy->mu, NULL);
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(proxy->listener >= 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(proxy->listener, 16), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &size), 0);
    proxy->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&proxy->acceptor, NULL, accept_all, proxy), 0);
    return proxy;
}

uint16_t fault_proxy_port(const struct fault_proxy *proxy)
{
    return proxy->port;
}

void fault_proxy_arm(struct fault_proxy *proxy, enum proxy_fault fault, unsigned times)
{
    pthread_mutex_lock(&proxy->mu);
    proxy->fault = fault;
    proxy->left = times;
    proxy->hits = 0;
    pthread_mutex_unlock(&proxy->mu);
}

unsigned fault_proxy_hits(struct fault_proxy *proxy)
{
    pthread_mutex_lock(&proxy->mu);
    unsigned hits = proxy->hits;
    pthread_mutex_unlock(&proxy->mu);
    return hits;
}

void fault_proxy_stop(struct fault_proxy *proxy)
{
    if (proxy == NULL) {
        return;
    }
    (void)shutdown(proxy->listener, SHUT_RDWR);
    (void)pthread_join(proxy->acceptor, NULL);
    (void)close(proxy->listener);
    for (unsigned i = 0; i < proxy->connection_count; i++) {
        (void)shutdown(proxy->connections[i].fd, SHUT_RDWR);
        (void)pthread_join(proxy->connections[i].thread, NULL);
        (void)close(proxy->connections[i].fd);
    }
    (void)pthread_mutex_destroy(&proxy->mu);
    free(proxy);
}
