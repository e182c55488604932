/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_DATA_H
#define WEIR_CLI_DATA_H

/*
 * What the commands on tables and items share: a client with an arena, a table's keys, and items
 * as text, plain or typed.
 */

#include "cli/cli.h"

/* Memory of one answer and of what is made of it. */
#define DATA_ARENA_BYTES ((size_t)512 * 1024 * 1024)
/* One line of input or output: an item of 400 KB, every byte of it escaped, and then some. */
#define DATA_LINE_BYTES ((size_t)16 * 1024 * 1024)

struct data_session {
    const struct cli_args *args;
    struct weir_client *client;
    struct arena *arena;
    struct weir_error err;
};

/* The session without its client, so that what is wrong with the command line is said first; then
 * the client. */
enum weir_status data_begin(struct data_session *s, const struct cli_args *args);
enum weir_status data_connect(struct data_session *s);
/* Both.; also after a failure data_close must follow. */
enum weir_status data_open(struct data_session *s, const struct cli_args *args);
/* Frees, says the error if there is one, and gives the exit code. */
int data_close(struct data_session *s, enum weir_status status);
/* A usage error of the session's command: WEIR_INVALID_ARGUMENT. */
enum weir_status data_usage(struct data_session *s, const char *what);
/* One call; the answer is in the session's arena. `ret_response` may be NULL. */
enum weir_status data_call(struct data_session *s, const char *operation,
                           const struct weir_value *document, struct weir_value **ret_response);
/* Puts the name of the request's table before an error that it is not there. */
enum weir_status data_name_table(struct data_session *s, const struct weir_value *document);
/* A request document that names the table. */
struct weir_value *data_request(struct data_session *s, const char *table);

/* Writes the buffer to stdout; WEIR_IO when it could not be, and a sticky error of the buffer. */
enum weir_status data_print(struct data_session *s, const struct buf *text);

/* ---- keys ------------------------------------------------------------------------------------ */

struct data_key {
    struct weir_bytes name;
    enum value_type type; /* S, N or B */
};

struct data_keys {
    struct data_key key[2]; /* partition key, sort key */
    unsigned count;
    int64_t item_count; /* DescribeTable's, which is hours old on AWS */
    int64_t table_bytes;
};

/* The keys of the table, or of its index. WEIR_NOT_FOUND for an index that it has not. */
enum weir_status data_keys_get(struct data_session *s, const char *table, const char *index,
                               struct data_keys *ret_keys);
/* A word of the command line as a key's value: text, a number, or Base64. */
enum weir_status data_key_from_text(struct arena *a, const struct data_key *key, const char *text,
                                    struct weir_value *to, struct weir_error *err);
/* The Key that the words behind TABLE, or --key, say. */
enum weir_status data_key_from_words(struct data_session *s, const struct data_keys *keys,
                                     struct weir_value **ret_key);
/* The item's keys as DynamoDB wants them: there, of their type, not empty. WEIR_VALIDATION. */
enum weir_status data_check_keys(const struct data_keys *keys, const struct weir_value *item,
                                 struct weir_error *err);
/* The item's key attributes, as an item; shares the item's content. NULL without memory. */
struct weir_value *data_key_of(struct arena *a, const struct data_keys *keys,
                               const struct weir_value *item);

/* ---- items as text --------------------------------------------------------------------------- */

/* Plain JSON or, typed, DynamoDB JSON. */
enum weir_status data_parse_item(struct arena *a, struct weir_bytes text, bool typed,
                                 struct weir_value **ret_item, struct weir_error *err);
void data_write_item(struct buf *to, const struct weir_value *item, bool typed);
/* The item in a member of an answer; *ret_item is NULL when there is none. */
enum weir_status data_item_of(struct data_session *s, const struct weir_value *response,
                              const char *member, struct weir_value **ret_item);
/* Prints the item as one line. */
enum weir_status data_print_item(struct data_session *s, const struct weir_value *item);

/* Adds the expression options that were given (--condition, --filter, --projection, --names,
 * --values) to the request, under the service's names. */
enum weir_status data_add_expressions(struct data_session *s, struct weir_value *request);

/* All of the file, "-" being standard input, up to DATA_LINE_BYTES. */
enum weir_status data_read_all(const char *path, struct buf *to, struct weir_error *err);

#endif
