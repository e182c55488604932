/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_SERVER_HTTP_CLIENT_H
#define WEIR_TEST_SERVER_HTTP_CLIENT_H

/* A client that sends whatever the test says, byte for byte, and reads answers one by one. */

#include "base/buf.h"

struct http_client {
    int fd;
    struct buf in; /* received and not yet consumed */
};

struct http_answer {
    int status;
    char head[4096];
    struct buf body;
};

void http_open(struct http_client *client, uint16_t port);
void http_close(struct http_client *client);
void http_send(struct http_client *client, struct weir_bytes bytes);
void http_send_str(struct http_client *client, const char *text);
/* POST / of that operation and body, with further header lines ("A: b\r\n") or "". */
void http_post(struct http_client *client, const char *operation, struct weir_bytes body,
               const char *headers);
/* The next answer; fails the test when there is none. Free with http_answer_fini. */
void http_read(struct http_client *client, struct http_answer *ret_answer);
void http_answer_fini(struct http_answer *answer);
/* Whether the peer ended the connection and nothing more came. */
bool http_ended(struct http_client *client);
/* A header's value in `to`; false when it is not there. */
bool http_header(const struct http_answer *answer, const char *name, char *to, size_t size);

#endif
