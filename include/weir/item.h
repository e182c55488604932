/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ITEM_H
#define WEIR_ITEM_H

/*
 * Items without writing JSON: built and read by type, all ten of DynamoDB's, and the operations
 * that take and give them.
 *
 *     struct weir_item *item = NULL;
 *     weir_item_new(&item, NULL);
 *     weir_item_set_string(item, WEIR_STR("pk"), WEIR_STR("order-1"));
 *     weir_item_set_number(item, WEIR_STR("total"), WEIR_STR("12.50"));
 *     status = weir_put_item(client, WEIR_STR("orders"), item, NULL, NULL, &err);
 *     weir_item_free(item);
 *
 * A key, the names (#n) and the values (:v) of an expression are items too.
 *
 * Sticky errors: the first setter that fails spoils the item; those after it do nothing, and
 * weir_item_status and every operation that is given the item say what it was. So a chain of
 * setters is checked once, at its end.
 *
 * Numbers are decimal text, up to 38 digits, or 64-bit integers. There is no function for a
 * double: it holds neither 38 digits nor 0.1.
 *
 * Threads: an item, a pager and a batch are for one thread at a time; reading one from several at
 * once is fine while none changes it.
 */

#include <string.h>

#include "weir/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An item: attribute values by name, in the byte order of the names. */
struct weir_item;
/* A view of one attribute value: good until the item that it is in is changed or freed. */
struct weir_value;

/* A NUL-terminated string as pointer and length, two arguments; evaluated twice. */
#define WEIR_STR(string) (string), strlen(string)

enum weir_type {
    WEIR_TYPE_NONE = 0, /* no value */
    WEIR_TYPE_STRING = 1,
    WEIR_TYPE_NUMBER = 2,
    WEIR_TYPE_BINARY = 3,
    WEIR_TYPE_BOOL = 4,
    WEIR_TYPE_NULL = 5,
    WEIR_TYPE_MAP = 6,
    WEIR_TYPE_LIST = 7,
    WEIR_TYPE_STRING_SET = 8,
    WEIR_TYPE_NUMBER_SET = 9,
    WEIR_TYPE_BINARY_SET = 10,
};

/* ---- building -------------------------------------------------------------------------------- */

/* An empty item. Its memory is bounded: 64 MiB, beyond which setters give WEIR_NO_MEMORY. */
WEIR_API enum weir_status weir_item_new(struct weir_item **ret_item, struct weir_error *err);
/* Accepts NULL. */
WEIR_API void weir_item_free(struct weir_item *item);
/* Empty again, and without its error. */
WEIR_API void weir_item_clear(struct weir_item *item);
WEIR_API enum weir_status weir_item_copy(const struct weir_item *item, struct weir_item **ret_copy,
                                         struct weir_error *err);

/* WEIR_OK, or the first error of a setter, with its detail. WEIR_INVALID_ARGUMENT for NULL. */
WEIR_API enum weir_status weir_item_status(const struct weir_item *item, struct weir_error *err);

/*
 * Setters. Each copies what it is given, replaces an attribute of that name, and returns what
 * weir_item_status would. Inside an open map they set its members, inside an open list they append
 * and take no name (NULL and 0).
 *
 * WEIR_INVALID_ARGUMENT: no item, no name where one is needed or one where none is, text that is
 * not UTF-8; WEIR_VALIDATION: what DynamoDB refuses: no number, more than 38 digits, out of range,
 * an empty set, one with a member twice, nesting deeper than 32 levels; WEIR_TOO_LARGE: a name of
 * more than 65535 bytes; WEIR_NO_MEMORY.
 */
WEIR_API enum weir_status weir_item_set_string(struct weir_item *item, const char *name,
                                               size_t name_len, const char *text, size_t len);
/* Decimal text: "12.50", "-1e20". 1E-130 to 9.99..E+125 and zero, either sign. */
WEIR_API enum weir_status weir_item_set_number(struct weir_item *item, const char *name,
                                               size_t name_len, const char *text, size_t len);
WEIR_API enum weir_status weir_item_set_int64(struct weir_item *item, const char *name,
                                              size_t name_len, int64_t number);
WEIR_API enum weir_status weir_item_set_uint64(struct weir_item *item, const char *name,
                                               size_t name_len, uint64_t number);
WEIR_API enum weir_status weir_item_set_binary(struct weir_item *item, const char *name,
                                               size_t name_len, const void *bytes, size_t len);
WEIR_API enum weir_status weir_item_set_bool(struct weir_item *item, const char *name,
                                             size_t name_len, int32_t truth);
WEIR_API enum weir_status weir_item_set_null(struct weir_item *item, const char *name,
                                             size_t name_len);
/* Sets: `count` members in any order; of numbers as decimal text. */
WEIR_API enum weir_status weir_item_set_string_set(struct weir_item *item, const char *name,
                                                   size_t name_len, const struct weir_text *members,
                                                   uint32_t count);
WEIR_API enum weir_status weir_item_set_number_set(struct weir_item *item, const char *name,
                                                   size_t name_len, const struct weir_text *members,
                                                   uint32_t count);
WEIR_API enum weir_status weir_item_set_binary_set(struct weir_item *item, const char *name,
                                                   size_t name_len, const struct weir_text *members,
                                                   uint32_t count);
/* A copy of a value of this or another item, weir_item_value's map among them. */
WEIR_API enum weir_status weir_item_set_value(struct weir_item *item, const char *name,
                                              size_t name_len, const struct weir_value *value);

/*
 * Opens a new map or list, which replaces what had the name; setters work inside it until
 * weir_item_end. They nest. An operation refuses an item in which one is still open.
 */
WEIR_API enum weir_status weir_item_begin_map(struct weir_item *item, const char *name,
                                              size_t name_len);
WEIR_API enum weir_status weir_item_begin_list(struct weir_item *item, const char *name,
                                               size_t name_len);
WEIR_API enum weir_status weir_item_end(struct weir_item *item);

/* Removes the attribute, or the member of the open map; one that is missing is no error. */
WEIR_API enum weir_status weir_item_remove(struct weir_item *item, const char *name,
                                           size_t name_len);

/* ---- reading --------------------------------------------------------------------------------- */

/*
 * Typed getters by the attribute's name. What they give points into the item and is good until the
 * item is changed or freed; text is not NUL-terminated.
 * WEIR_NOT_FOUND: no such attribute; WEIR_INVALID_ARGUMENT: it is of another type; WEIR_TOO_LARGE:
 * a number that is no integer or does not fit (nothing is rounded).
 */
WEIR_API enum weir_status weir_item_get_string(const struct weir_item *item, const char *name,
                                               size_t name_len, const char **ret_text,
                                               size_t *ret_len, struct weir_error *err);
/* Plain decimal notation without exponent, leading or trailing zeros, as DynamoDB answers it. */
WEIR_API enum weir_status weir_item_get_number(const struct weir_item *item, const char *name,
                                               size_t name_len, const char **ret_text,
                                               size_t *ret_len, struct weir_error *err);
WEIR_API enum weir_status weir_item_get_int64(const struct weir_item *item, const char *name,
                                              size_t name_len, int64_t *ret_number,
                                              struct weir_error *err);
WEIR_API enum weir_status weir_item_get_uint64(const struct weir_item *item, const char *name,
                                               size_t name_len, uint64_t *ret_number,
                                               struct weir_error *err);
WEIR_API enum weir_status weir_item_get_binary(const struct weir_item *item, const char *name,
                                               size_t name_len, const void **ret_bytes,
                                               size_t *ret_len, struct weir_error *err);
WEIR_API enum weir_status weir_item_get_bool(const struct weir_item *item, const char *name,
                                             size_t name_len, int32_t *ret_truth,
                                             struct weir_error *err);

/* The attribute of that name, or NULL. */
WEIR_API const struct weir_value *weir_item_get(const struct weir_item *item, const char *name,
                                                size_t name_len);

/*
 * The value at a document path: names joined by dots, elements of lists by index:
 *
 *     address.lines[0]
 *
 * A backslash takes the character behind it as part of the name: `a\.b` is the name "a.b"; dots,
 * brackets and backslashes in names need one. Sets have no order and are not indexed.
 * WEIR_NOT_FOUND: nothing is there; WEIR_INVALID_ARGUMENT: no such path can be.
 */
WEIR_API enum weir_status weir_item_find(const struct weir_item *item, const char *path,
                                         size_t path_len, const struct weir_value **ret_value,
                                         struct weir_error *err);

/* How many attributes; the i-th in the byte order of their names (NULL: there is none), with its
 * name. */
WEIR_API uint32_t weir_item_count(const struct weir_item *item);
WEIR_API const struct weir_value *weir_item_attribute(const struct weir_item *item, uint32_t index,
                                                      const char **ret_name, size_t *ret_name_len);
/* The whole item as a map. */
WEIR_API const struct weir_value *weir_item_value(const struct weir_item *item);

/* Size in bytes as DynamoDB counts it: an item may have 409600. */
WEIR_API size_t weir_item_bytes(const struct weir_item *item);
/* 1 or 0: equal attributes; numbers by value, sets as sets. NULL equals NULL alone. */
WEIR_API int32_t weir_item_equal(const struct weir_item *a, const struct weir_item *b);

/* The same for values that were found. NULL is no value: WEIR_TYPE_NONE, WEIR_NOT_FOUND. */
WEIR_API enum weir_type weir_value_type(const struct weir_value *value);
WEIR_API enum weir_status weir_value_string(const struct weir_value *value, const char **ret_text,
                                            size_t *ret_len, struct weir_error *err);
WEIR_API enum weir_status weir_value_number(const struct weir_value *value, const char **ret_text,
                                            size_t *ret_len, struct weir_error *err);
WEIR_API enum weir_status weir_value_int64(const struct weir_value *value, int64_t *ret_number,
                                           struct weir_error *err);
WEIR_API enum weir_status weir_value_uint64(const struct weir_value *value, uint64_t *ret_number,
                                            struct weir_error *err);
WEIR_API enum weir_status weir_value_binary(const struct weir_value *value, const void **ret_bytes,
                                            size_t *ret_len, struct weir_error *err);
WEIR_API enum weir_status weir_value_bool(const struct weir_value *value, int32_t *ret_truth,
                                          struct weir_error *err);

/* Members of a map, elements of a list or a set; 0 for all others. */
WEIR_API uint32_t weir_value_count(const struct weir_value *value);
/* The i-th element of a list or a set, the i-th member of a map; NULL: there is none. */
WEIR_API const struct weir_value *weir_value_element(const struct weir_value *value,
                                                     uint32_t index);
WEIR_API const struct weir_value *weir_value_member_at(const struct weir_value *value,
                                                       uint32_t index, const char **ret_name,
                                                       size_t *ret_name_len);
/* The member of a map by name, or NULL. */
WEIR_API const struct weir_value *weir_value_member(const struct weir_value *value,
                                                    const char *name, size_t name_len);
WEIR_API int32_t weir_value_equal(const struct weir_value *a, const struct weir_value *b);

/* ---- JSON ------------------------------------------------------------------------------------ */

/*
 * DynamoDB's own JSON, {"pk":{"S":"x"}}, in both directions; what comes is NUL-terminated, the
 * caller's, freed with weir_free. WEIR_SERIALIZATION: no such JSON; WEIR_VALIDATION: values that
 * DynamoDB refuses.
 */
WEIR_API enum weir_status weir_item_from_json(const char *json, size_t json_len,
                                              struct weir_item **ret_item, struct weir_error *err);
WEIR_API enum weir_status weir_item_to_json(const struct weir_item *item, char **ret_json,
                                            size_t *ret_json_len, struct weir_error *err);

/*
 * Plain JSON, {"pk":"x"}, in both directions and exactly: numbers keep every digit. A binary value
 * is {"$binary":"<Base64>"}, a set {"$set":[...]}, and a map whose only member has one of these
 * names or $map is wrapped in {"$map":{...}}. Errors as above.
 */
WEIR_API enum weir_status weir_item_from_plain_json(const char *json, size_t json_len,
                                                    struct weir_item **ret_item,
                                                    struct weir_error *err);
WEIR_API enum weir_status weir_item_to_plain_json(const struct weir_item *item, char **ret_json,
                                                  size_t *ret_json_len, struct weir_error *err);

/* ---- one item -------------------------------------------------------------------------------- */

/*
 * What the options of all operations have in common: texts are expressions as DynamoDB has them,
 * absent when len is 0. `names` says what each #n in them stands for (strings), `values` what each
 * :v is (any type). `capacity`, when not NULL, asks the service what the call consumed and gets it
 * added: zero it first, and it sums over calls.
 *
 * Every operation gives WEIR_CLOSED for a client of NULL, WEIR_INVALID_ARGUMENT for an item of NULL
 * or with an open map or list, an item's sticky error as it is, and everything that weir_call
 * gives. Options of NULL mean all defaults.
 */
struct weir_read_options {
    uint32_t struct_size; /* set by WEIR_READ_OPTIONS_INIT; 0 is an error */
    uint32_t consistent;  /* 1: a strongly consistent read */
    struct weir_text projection;
    const struct weir_item *names;
    struct weir_capacity *capacity;
};

/* What weir_update_item gives back. */
enum weir_return {
    WEIR_RETURN_NEW = 0, /* the item after the update */
    WEIR_RETURN_OLD = 1, /* the item before; NULL: there was none */
    WEIR_RETURN_UPDATED_NEW = 2,
    WEIR_RETURN_UPDATED_OLD = 3,
};

struct weir_write_options {
    uint32_t struct_size;       /* set by WEIR_WRITE_OPTIONS_INIT; 0 is an error */
    uint32_t returned;          /* enum weir_return; weir_update_item alone */
    struct weir_text condition; /* without it the write is unconditional */
    const struct weir_item *names;
    const struct weir_item *values;
    struct weir_capacity *capacity;
    /* Not NULL: asks for the item that made the condition fail; written with WEIR_CONDITION_FAILED
     * alone: the caller's, NULL if there was no item or, as the message then says, none that can be
     * read. */
    struct weir_item **existing;
};

/* clang-format off */
#define WEIR_READ_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_read_options) }
#define WEIR_WRITE_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_write_options) }
/* clang-format on */

/* The item of that key, the caller's. WEIR_NOT_FOUND: there is none. */
WEIR_API enum weir_status weir_get_item(struct weir_client *client, const char *table,
                                        size_t table_len, const struct weir_item *key,
                                        const struct weir_read_options *options,
                                        struct weir_item **ret_item, struct weir_error *err);

/*
 * Writes. ret_item NULL: nothing is asked back. Otherwise the caller's: put and delete give the
 * item as it was (NULL: there was none), update gives what options->returned says.
 * WEIR_CONDITION_FAILED: the condition is not met. err->outcome says whether a write that failed
 * was applied: where an earlier attempt of the call lost its answer it is WEIR_OUTCOME_UNKNOWN,
 * also of a failed condition, which that attempt may have caused.
 */
WEIR_API enum weir_status weir_put_item(struct weir_client *client, const char *table,
                                        size_t table_len, const struct weir_item *item,
                                        const struct weir_write_options *options,
                                        struct weir_item **ret_item, struct weir_error *err);
WEIR_API enum weir_status weir_update_item(struct weir_client *client, const char *table,
                                           size_t table_len, const struct weir_item *key,
                                           const char *update, size_t update_len,
                                           const struct weir_write_options *options,
                                           struct weir_item **ret_item, struct weir_error *err);
WEIR_API enum weir_status weir_delete_item(struct weir_client *client, const char *table,
                                           size_t table_len, const struct weir_item *key,
                                           const struct weir_write_options *options,
                                           struct weir_item **ret_item, struct weir_error *err);

/*
 * Adds an element to a transaction; everything is copied. Of the options condition, names and
 * values alone: WEIR_INVALID_ARGUMENT for others. weir_txn_check_item is a condition without a
 * write.
 */
WEIR_API enum weir_status weir_txn_put_item(struct weir_txn *txn, const char *table,
                                            size_t table_len, const struct weir_item *item,
                                            const struct weir_write_options *options,
                                            struct weir_error *err);
WEIR_API enum weir_status weir_txn_update_item(struct weir_txn *txn, const char *table,
                                               size_t table_len, const struct weir_item *key,
                                               const char *update, size_t update_len,
                                               const struct weir_write_options *options,
                                               struct weir_error *err);
WEIR_API enum weir_status weir_txn_delete_item(struct weir_txn *txn, const char *table,
                                               size_t table_len, const struct weir_item *key,
                                               const struct weir_write_options *options,
                                               struct weir_error *err);
WEIR_API enum weir_status weir_txn_check_item(struct weir_txn *txn, const char *table,
                                              size_t table_len, const struct weir_item *key,
                                              const struct weir_write_options *options,
                                              struct weir_error *err);

/* ---- query and scan -------------------------------------------------------------------------- */

struct weir_pager;

struct weir_page_options {
    uint32_t struct_size;    /* set by WEIR_PAGE_OPTIONS_INIT; 0 is an error */
    uint32_t consistent;     /* 1: strongly consistent reads */
    uint32_t backward;       /* 1: from the end of the sort keys; a query's alone */
    uint32_t page_items;     /* at most so many items are read for one page; 0: 1 MB of them */
    uint64_t limit;          /* at most so many items are given altogether; 0: all */
    uint32_t segment;        /* of a parallel scan: 0 to total_segments - 1 */
    uint32_t total_segments; /* 0: not parallel; at most 1000000 */
    struct weir_text index;
    struct weir_text filter;
    struct weir_text projection;
    struct weir_text token; /* go on where weir_pager_token said */
    const struct weir_item *names;
    const struct weir_item *values;
    struct weir_capacity *capacity; /* must outlive the pager */
};

/* clang-format off */
#define WEIR_PAGE_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_page_options) }
/* clang-format on */

/*
 * Opens a pager over what a key condition ("pk = :pk AND sk > :sk") selects, in the order of the
 * sort keys, or over a table or index. Nothing is read yet; everything but `capacity` is copied.
 * The client must outlive it. WEIR_INVALID_ARGUMENT: an option of the other operation, a segment
 * out of range, a token that is none.
 */
WEIR_API enum weir_status weir_query_open(struct weir_client *client, const char *table,
                                          size_t table_len, const char *key_condition,
                                          size_t key_condition_len,
                                          const struct weir_page_options *options,
                                          struct weir_pager **ret_pager, struct weir_error *err);
WEIR_API enum weir_status weir_scan_open(struct weir_client *client, const char *table,
                                         size_t table_len, const struct weir_page_options *options,
                                         struct weir_pager **ret_pager, struct weir_error *err);
/* Accepts NULL. */
WEIR_API void weir_pager_close(struct weir_pager *pager);

/*
 * The next item, read through as many pages as it takes; *ret_item is NULL behind the last. The
 * item is good until the next call of weir_pager_next, weir_pager_next_page or weir_pager_close;
 * weir_item_copy keeps it. After a failure the same call tries again, and nothing is left out or
 * given twice.
 */
WEIR_API enum weir_status weir_pager_next(struct weir_pager *pager,
                                          const struct weir_item **ret_item,
                                          struct weir_error *err);
/* The same for what is left of a page, or the next one that is not empty: *ret_count items; 0
 * behind the last. weir_pager_item gives the i-th of them, or NULL. */
WEIR_API enum weir_status weir_pager_next_page(struct weir_pager *pager, uint32_t *ret_count,
                                               struct weir_error *err);
WEIR_API const struct weir_item *weir_pager_item(const struct weir_pager *pager, uint32_t index);

/*
 * Where another pager of the same kind, table, index and segment goes on: behind the last item that
 * was given, as an opaque text (options.token), also in another process and in the middle of a
 * page. Empty before the first item. NUL-terminated, freed with weir_free. It is the last item's
 * key: treat it as confidential as the keys are. WEIR_NOT_FOUND: nothing is left.
 * WEIR_INVALID_ARGUMENT: in the middle of a page, and the projection leaves the keys out. In the
 * middle of the only page the table is described first.
 */
WEIR_API enum weir_status weir_pager_token(struct weir_pager *pager, char **ret_token,
                                           size_t *ret_token_len, struct weir_error *err);

/* ---- batches --------------------------------------------------------------------------------- */

struct weir_batch;

/*
 * Reads any number of keys: in calls of at most 100; what a call leaves unprocessed is asked for
 * again, with backoff, until the client's max_attempts calls in a row brought nothing forward. A
 * key that is given twice is read once and found at both places. With a projection, the attributes
 * of the keys are projected as well. WEIR_OK: every key was answered, with an item or with none.
 * Otherwise the status is that of the call that failed, behind which no other is made; *ret_batch
 * is written all the same once anything was sent (else it is NULL), and says what is known.
 * weir_batch_free it in any case.
 */
WEIR_API enum weir_status weir_batch_get(struct weir_client *client, const char *table,
                                         size_t table_len, const struct weir_item *const *keys,
                                         uint32_t count, const struct weir_read_options *options,
                                         struct weir_batch **ret_batch, struct weir_error *err);
/* Of the i-th key: WEIR_OK and its item, good until weir_batch_free; WEIR_NOT_FOUND: there is none;
 * otherwise why it is not known: WEIR_THROTTLED when it stayed unprocessed. */
WEIR_API enum weir_status weir_batch_item(const struct weir_batch *batch, uint32_t index,
                                          const struct weir_item **ret_item);
WEIR_API uint32_t weir_batch_count(const struct weir_batch *batch);
/* Accepts NULL. */
WEIR_API void weir_batch_free(struct weir_batch *batch);

/* One element of a batch of writes: one of the two. */
struct weir_batch_write {
    const struct weir_item *put;        /* an item */
    const struct weir_item *delete_key; /* a key */
};

/* What became of it. */
struct weir_batch_result {
    enum weir_status status;
    enum weir_outcome outcome; /* WEIR_APPLIED, WEIR_NOT_APPLIED or WEIR_OUTCOME_UNKNOWN */
};

struct weir_batch_options {
    uint32_t struct_size;  /* set by WEIR_BATCH_OPTIONS_INIT; 0 is an error */
    uint32_t max_attempts; /* for what stays unprocessed; 0: as the client's calls */
    /* The names of the table's key attributes; without them the table is described first. */
    struct weir_text partition_key;
    struct weir_text sort_key;
    struct weir_capacity *capacity;
};

/* clang-format off */
#define WEIR_BATCH_OPTIONS_INIT { .struct_size = (uint32_t)sizeof(struct weir_batch_options) }
/* clang-format on */

/*
 * Writes any number of elements, unconditionally: in calls of at most 25 and 16 MB; what a call
 * leaves unprocessed is written again, with backoff, until max_attempts calls in a row brought
 * nothing forward. Elements of one key are written one after the other, in calls of their own, so
 * that the last one counts.
 *
 * ret_results has room for `count`; it is written unless the status comes from before the first
 * write (refused arguments, a table that cannot be described). WEIR_OK: all are applied. Otherwise
 * the status is that of the first call that failed, and err->outcome is WEIR_OUTCOME_UNKNOWN if
 * that of any element is. An element that stayed unprocessed has WEIR_THROTTLED. Elements of a call
 * that is refused as invalid are written one by one, so that only what is invalid is refused. After
 * any other failure, or when none of a call's elements is valid, no further call is made: what is
 * left has its status and is not applied.
 */
WEIR_API enum weir_status weir_batch_write(struct weir_client *client, const char *table,
                                           size_t table_len,
                                           const struct weir_batch_write *elements, uint32_t count,
                                           const struct weir_batch_options *options,
                                           struct weir_batch_result *ret_results,
                                           struct weir_error *err);

#ifdef __cplusplus
}
#endif
#endif
