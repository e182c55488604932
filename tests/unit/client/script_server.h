/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_SCRIPT_SERVER_H
#define WEIR_TESTS_SCRIPT_SERVER_H

/*
 * An HTTP server that does what a script says: each whole request, on whatever connection, takes
 * the next step. When the script is over it answers 200 {}.
 */

#include <stddef.h>
#include <stdint.h>

enum script_action {
    SCRIPT_ANSWER,  /* the reply, whole */
    SCRIPT_CUT,     /* closes without an answer */
    SCRIPT_CUT_MID, /* half of the reply, then closes */
    SCRIPT_HANG,    /* no answer until the peer goes away */
};

struct script_step {
    enum script_action action;
    int status;
    const char *headers; /* lines that end in \r\n; NULL: none */
    const char *body;    /* NULL: {} */
};

struct script_server;

struct script_server *script_server_start(const struct script_step *steps, size_t count);
/* The same over TLS, as `https://127.0.0.1`, with a certificate of its own that is written to the
 * file `ca_path`. */
struct script_server *script_server_start_tls(const struct script_step *steps, size_t count,
                                              const char *ca_path);
void script_server_stop(struct script_server *server);
uint16_t script_server_port(const struct script_server *server);
/* Whole requests so far. @thread any */
unsigned script_server_count(struct script_server *server);
/* Connections accepted so far. @thread any */
unsigned script_server_connections(struct script_server *server);
/* The next `count` connections are reset when they are accepted, before anything is read. */
void script_server_reset_next(struct script_server *server, unsigned count);
/* Waits for that many. */
void script_server_await(struct script_server *server, unsigned count);
/* Text of the i-th request, good until stop. */
const char *script_server_request(struct script_server *server, unsigned index);

/* A port on which nobody listens. */
uint16_t unused_port(void);

#endif
