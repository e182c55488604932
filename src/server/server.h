/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVER_SERVER_H
#define WEIR_SERVER_SERVER_H

/*
 * The HTTP front of the API: libmicrohttpd driven from our loops, one daemon per loop thread, on
 * loopback unless told otherwise. POST / with X-Amz-Target is the DynamoDB protocol; GET / and
 * /livez, /readyz, /metrics answer; further paths are mounted by whoever stands above.
 */

#include "api/api.h"
#include "base/loop.h"

struct server;
struct signature_keys; /* server/signature.h */

struct server_options {
    struct api *api;        /* outlives the server */
    struct weir_env *env;   /* outlives the server */
    const char *address;    /* NULL: "127.0.0.1" */
    uint16_t port;          /* 0: any free one; see server_port */
    uint32_t threads;       /* loop threads; 0: one */
    uint32_t block_threads; /* threads for calls that may block; 0: two */
    /* Further names that the Host header may have, besides loopback names and the address. */
    const char *const *hosts; /* NULL-terminated; NULL: none */
    /* NULL: calls are taken with any signature, or none. Outlive the server. */
    struct signature_keys *signature_keys;
    const char *signature_region; /* the only one in a signature's scope; NULL: any */
    const char *faults;           /* rules of server/weather.h; NULL: none */
};

/* Binds, starts its threads and answers. WEIR_IO names the address and why (port in use: who to
 * look for); WEIR_INVALID_ARGUMENT what is wrong with the faults. */
enum weir_status server_start(const struct server_options *options, struct server **ret_server,
                              struct weir_error *err);
uint16_t server_port(const struct server *server);

/* Stops accepting, answers what is under way (at most deadline_ms), closes, frees. Accepts NULL. */
void server_stop(struct server *server, uint32_t deadline_ms);

/* A page of whoever stands above: answers GET of exactly `path`. Called on a loop thread; fills
 * body and returns the HTTP status. Mount before server_start's caller lets requests in, or at any
 * time: the table is guarded. */
struct server_page {
    const char *path;         /* kept by reference */
    const char *content_type; /* kept by reference */
    int (*render)(void *arg, struct buf *body);
    void *arg;
};
enum weir_status server_mount(struct server *server, const struct server_page *page);

struct server_figures {
    uint64_t requests, errors, connections;
};
/* The rule of the faults at that index, with the seed that it got; NULL behind the last. */
const char *server_fault(const struct server *server, unsigned index);

void server_read_figures(const struct server *server, struct server_figures *ret_figures);

#endif
