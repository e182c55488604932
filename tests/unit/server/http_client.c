/* SPDX-License-Identifier: Apache-2.0 */
#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define RECEIVE_MAX ((size_t)64 * 1024 * 1024)

void http_open(struct http_client *client, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    /* So that a server that does not answer fails the test before the test's time limit. */
    struct timeval limit = {.tv_sec = 30};
    (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    buf_init(&client->in, RECEIVE_MAX);
}

void http_close(struct http_client *client)
{
    (void)close(client->fd);
    client->fd = -1;
    buf_fini(&client->in);
}

/* A server that has answered already may refuse the rest. */
void http_send(struct http_client *client, struct weir_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(client->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0) {
            assert_true(errno == EPIPE || errno == ECONNRESET);
            return;
        }
        bytes = bytes_of(bytes.ptr + sent, bytes.len - (size_t)sent);
    }
}

void http_send_str(struct http_client *client, const char *text)
{
    http_send(client, bytes_str(text));
}

void http_post(struct http_client *client, const char *operation, struct weir_bytes body,
               const char *headers)
{
    struct buf out;
    buf_init(&out, RECEIVE_MAX);
    buf_printf(&out,
               "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: DynamoDB_20120810.%s\r\n"
               "Content-Type: application/x-amz-json-1.0\r\n%sContent-Length: %zu\r\n\r\n",
               operation, headers, body.len);
    buf_put(&out, body);
    assert_int_equal(buf_status(&out), WEIR_OK);
    http_send(client, buf_bytes(&out));
    buf_fini(&out);
}

/* Receives once more; false at the end. */
static bool receive(struct http_client *client)
{
    uint8_t *at = buf_reserve(&client->in, 65536);
    assert_non_null(at);
    ssize_t got = recv(client->fd, at, 65536, 0);
    if (got < 0) {
        assert_true(errno == ECONNRESET);
    }
    client->in.len += got > 0 ? (size_t)got : 0;
    return got > 0;
}

static void consume(struct http_client *client, size_t size)
{
    memmove(client->in.ptr, client->in.ptr + size, client->in.len - size);
    client->in.len -= size;
}

bool http_header(const struct http_answer *answer, const char *name, char *to, size_t size)
{
    size_t name_len = strlen(name);
    for (const char *line = strstr(answer->head, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, name_len) == 0 && at[name_len] == ':') {
            at += name_len + 1 + strspn(at + name_len + 1, " ");
            size_t len = strcspn(at, "\r");
            assert_true(len < size);
            memcpy(to, at, len);
            to[len] = '\0';
            return true;
        }
    }
    return false;
}

static void read_head(struct http_client *client, struct http_answer *answer)
{
    const uint8_t *end = NULL;
    while (client->in.len == 0 ||
           (end = memmem(client->in.ptr, client->in.len, "\r\n\r\n", 4)) == NULL) {
        assert_true(receive(client));
    }
    size_t head = (size_t)(end - client->in.ptr) + 4;
    assert_true(head < sizeof(answer->head));
    memcpy(answer->head, client->in.ptr, head);
    answer->head[head] = '\0';
    consume(client, head);
    assert_int_equal(sscanf(answer->head, "HTTP/1.1 %d", &answer->status), 1);
}

void http_read(struct http_client *client, struct http_answer *ret_answer)
{
    buf_init(&ret_answer->body, RECEIVE_MAX);
    read_head(client, ret_answer);
    char text[32];
    size_t size = 0;
    if (http_header(ret_answer, "Content-Length", text, sizeof(text))) {
        size = strtoul(text, NULL, 10);
    }
    while (client->in.len < size) {
        assert_true(receive(client));
    }
    if (size > 0) {
        buf_put(&ret_answer->body, bytes_of(client->in.ptr, size));
        consume(client, size);
    }
}

void http_answer_fini(struct http_answer *answer)
{
    buf_fini(&answer->body);
}

bool http_ended(struct http_client *client)
{
    return client->in.len == 0 && !receive(client);
}
