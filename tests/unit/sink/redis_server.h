/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_REDIS_SERVER_H
#define WEIR_TESTS_REDIS_SERVER_H

/*
 * A real redis-server on a port and in a folder of its own, one per test program. Without
 * redis-server the program is skipped, which is said; with WEIR_NO_SKIP=1 that is a failure.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid;
    int port;
    char folder[64];
    char url[64];
    redisContext *control;
};
extern struct redis_server server;

/* 0: it is there; otherwise what main returns. */
int server_missing(void);
/* Starts and waits until it answers; password "" : none. It keeps its data over a restart. */
void redis_server_start(const char *password);
/* Kills it. */
void redis_server_stop(void);
/* For a group of tests: folder, port, start, and the end of all that. */
int server_setup(void **state);
int server_teardown(void **state);

/* The reply, to be freed; fails on an error. */
redisReply *command(const char *format, ...);
long long stream_length(const char *stream);
/* The field of an entry, NULL when it has none of that name. */
const redisReply *field_of(const redisReply *entry, const char *name);
/* "id id ..." of a stream's entries, of one key or of all (NULL); good until the next call. */
const char *ids_of(const char *stream, const char *key);

#endif
