/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OUTBOX_OUTBOX_STORE_H
#define WEIR_OUTBOX_OUTBOX_STORE_H

/* What the store's files share: the handle, a call's beginning and result, a row's key and JSON,
 * and reading many rows. */

#include "outbox/outbox.h"

/* One call: a message of 400 KB, its Base64, its request, and a page of up to 1 MB. */
#define OUTBOX_CALL_BYTES (64 * 1024 * 1024)
/* One of many calls side by side: a message of 400 KB several times over. */
#define OUTBOX_PARALLEL_BYTES (8 * 1024 * 1024)
/* Names, and a topic map of thousands of types. */
#define OUTBOX_NAMES_BYTES (4 * 1024 * 1024)
/* A page holds whole rows of up to 400 KB each, so its text and arena may be large. */
#define OUTBOX_TEXT_MAX (512u * 1024 * 1024)
#define OUTBOX_PAGE_BYTES (2 * (size_t)OUTBOX_TEXT_MAX)
#define OUTBOX_LIMIT_MAX 1000

struct weir_outbox {
    struct weir_client *client;  /* all fields are immutable after open */
    struct outbox_layout layout; /* its bytes are in `names` */
    struct arena *names;
    uint32_t max_attempts; /* of one call */
};

/* ---- outbox_store.c: a call ------------------------------------------------------------------ */

/* An arena for one call, the caller's to free; WEIR_CLOSED when the outbox is not open. */
enum weir_status outbox_call_begin(const struct weir_outbox *outbox, struct arena **ret_arena,
                                   struct weir_error *err);
/* The same with an arena for a page of messages; refuses limits that are none. */
enum weir_status outbox_page_begin(const struct weir_outbox *outbox, uint32_t limit,
                                   struct arena **ret_arena, struct weir_error *err);
/* client_call with the outbox's own number of attempts. */
enum weir_status outbox_call(const struct weir_outbox *outbox, const char *operation,
                             const struct weir_value *document, struct arena *a,
                             struct weir_value **ret_response,
                             const struct weir_value **ret_members, struct weir_error *err);
/* An empty transaction with the outbox's own number of attempts. */
enum weir_status outbox_txn_new(const struct weir_outbox *outbox, struct weir_txn **ret_txn,
                                struct weir_error *err);
/* A document as NUL-terminated text, freed with weir_free. */
enum weir_status outbox_text_of(const struct weir_value *document, char **ret_json,
                                size_t *ret_json_len, struct weir_error *err);
enum weir_status outbox_no_memory(struct weir_error *err);
/* A failed call under a status of ours: its outcome, request id and HTTP status are kept. */
enum weir_status outbox_refuse(struct weir_error *err, enum weir_status status, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));
/* WEIR_NOT_FOUND for this message, what became of the write kept. */
enum weir_status outbox_not_found(const struct outbox_layout *layout, struct weir_bytes key,
                                  struct weir_bytes id, struct weir_error *err);

/* Refuses a key or an id that no row can have. */
enum weir_status outbox_check_ref(const struct outbox_layout *layout, struct weir_bytes key,
                                  struct weir_bytes id, struct weir_error *err);

/* Refuses to mark rows of an outbox whose rows are not marked. */
enum weir_status outbox_check_marking(const struct weir_outbox *outbox, struct weir_error *err);
/* Commits, again while the outcome is unknown; `error` is not NULL. */
enum weir_status outbox_commit(struct weir_txn *txn, struct weir_error *error);

/* What PutItem is to answer: its cost, and the row that stands in its way. */
void outbox_ask_put(struct arena *a, struct weir_value *put);
/* WEIR_ALREADY_EXISTS; or WEIR_OK, when the row that refused the put is the one that an attempt of
 * it wrote, whose answer was lost. `error` is the call's. */
enum weir_status outbox_judge_put(struct arena *a, const struct weir_value *put,
                                  const struct weir_value *error_members, struct weir_bytes id,
                                  struct weir_error *error);

/* ---- outbox_table.c -------------------------------------------------------------------------- */

/* Makes sure of the table; takes the pending index's shards from it. */
enum weir_status outbox_table_prepare(struct weir_outbox *outbox,
                                      const struct weir_outbox_options *options, struct arena *a,
                                      struct weir_error *err);
/* CreateTable of one string key and what else the caller adds. NULL without memory. */
struct weir_value *outbox_create_request(struct arena *a, const struct outbox_layout *layout,
                                         bool stream);
/* "PendingIndex-8". */
#define OUTBOX_INDEX_NAME_SIZE 32
void outbox_pending_index(const struct outbox_layout *layout, char to[OUTBOX_INDEX_NAME_SIZE]);
bool outbox_has_pending_index(const struct outbox_layout *layout);

/* ---- outbox_check.c: what is asked of a message ---------------------------------------------- */

/* A caller's message of whatever version as one of ours. */
enum weir_status outbox_take_message(const struct weir_message *message, struct weir_message *to,
                                     struct weir_error *err);
/* Decides type and destination, and refuses what cannot be stored. */
enum weir_status outbox_check_message(struct arena *a, const struct outbox_layout *layout,
                                      struct weir_message *message, struct weir_error *err);
/* The i-th of many; the first one's struct_size is the distance. */
static inline const struct weir_message *outbox_message_at(const struct weir_message *messages,
                                                           uint32_t i)
{
    return (const struct weir_message *)(const void *)((const char *)messages +
                                                       (size_t)i * messages->struct_size);
}

/* ---- outbox_row.c, outbox_request.c ---------------------------------------------------------- */

static inline struct weir_bytes outbox_bytes(struct weir_text text)
{
    return bytes_of(text.ptr, text.len);
}
/* A member of a map of attribute values; `name` and `text` are borrowed. */
void outbox_add_text(struct arena *a, struct weir_value *item, struct weir_bytes name,
                     struct weir_bytes text);
void outbox_add_number(struct arena *a, struct weir_value *item, struct weir_bytes name,
                       int64_t number);
void outbox_add_bool(struct arena *a, struct weir_value *item, struct weir_bytes name, bool truth);
/* The texts of a message that are attributes of their own. */
struct outbox_text_field {
    enum outbox_field field;
    size_t from; /* offset of a struct weir_text in struct weir_message */
    size_t to;   /* offset of a struct weir_bytes in struct outbox_message */
};
extern const struct outbox_text_field outbox_text_fields[];
extern const size_t outbox_text_field_count;
struct weir_bytes outbox_text_at(const struct weir_message *message, size_t offset);
/* The value of OUTBOX_PENDING for a key, in the arena; BYTES_NONE where there is no index. */
struct weir_bytes outbox_pending_value(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key);
/* Checked, and in a row: the message's own, or a new one; ISO 8601. */
struct weir_bytes outbox_message_id(struct arena *a, struct weir_env *env,
                                    const struct weir_message *message);
/* The row of a checked message, sorted; WEIR_TOO_LARGE when it cannot be stored and marked. */
enum weir_status outbox_row_of(struct arena *a, const struct outbox_layout *layout,
                               struct weir_env *env, const struct weir_message *message,
                               struct weir_bytes id, struct weir_value **ret_row,
                               struct weir_error *err);
/* What marking, numbering and failures may add to a row, in bytes. */
size_t outbox_row_growth(const struct outbox_layout *layout);

/* OUTBOX_ROW's value; ptr NULL without memory. */
struct weir_bytes outbox_row_key(struct arena *a, const struct outbox_layout *layout,
                                 struct weir_bytes id);
/* The row's key as an item. NULL without memory. */
struct weir_value *outbox_key(struct arena *a, const struct outbox_layout *layout,
                              struct weir_bytes key, struct weir_bytes id);
/* The key of a row that was read. */
struct weir_value *outbox_key_of_row(struct arena *a, const struct outbox_layout *layout,
                                     const struct weir_value *row);
/* Where a message is kept in the middle of weir_outbox_redispatch. */
struct weir_value *outbox_copy_key(struct arena *a, const struct outbox_layout *layout,
                                   struct weir_bytes key, struct weir_bytes id);
/* {"TableName":..,"Key":..} with a key as above. */
struct weir_value *outbox_keyed_request(struct arena *a, const struct outbox_layout *layout,
                                        struct weir_value *key);
/* Adds "#name" for a field to ExpressionAttributeNames. */
void outbox_add_name(struct arena *a, struct weir_value *names, const char *placeholder,
                     const struct outbox_layout *layout, enum outbox_field field);
/* Appends a sorted map of values as ExpressionAttributeValues. */
void outbox_add_values(struct arena *a, struct weir_value *request, struct weir_value *values);
/* {"Put":{..}} of a row that must not exist. */
struct weir_value *outbox_put_of_row(struct arena *a, const struct outbox_layout *layout,
                                     const struct weir_value *row);
struct weir_value *outbox_element(struct arena *a, const char *action,
                                  const struct weir_value *request);

/* ---- outbox_json.c --------------------------------------------------------------------------- */

/* A row as the document of weir_outbox_get; WEIR_MALFORMED_MESSAGE. */
enum weir_status outbox_document(struct arena *a, const struct outbox_layout *layout,
                                 const struct weir_value *row, struct weir_value *to,
                                 struct weir_error *err);
/* A continuation token, Base64 of these texts; and back, borrowing from the arena. */
struct weir_bytes outbox_token(struct arena *a, const struct weir_bytes *parts, size_t count);
enum weir_status outbox_token_decode(struct arena *a, struct weir_bytes token,
                                     struct weir_bytes *ret_parts, size_t count,
                                     struct weir_error *err);

/* ---- outbox_rows.c: reading many rows -------------------------------------------------------- */

enum outbox_visit { OUTBOX_VISIT_ON, OUTBOX_VISIT_ENOUGH, OUTBOX_VISIT_NO_MEMORY };

/* One request made again and again, page by page. */
struct outbox_read {
    const char *operation; /* "Scan" or "Query" */
    /* The request but for ExclusiveStartKey, anew in each page's arena. */
    struct weir_value *(*request)(struct arena *a, const struct outbox_read *read);
    enum outbox_visit (*row)(struct outbox_read *read, const struct weir_value *item);
    const struct outbox_layout *layout;
    const struct weir_value *start_key; /* to begin behind; NULL: at the start */
    void *arg;
};

enum weir_status outbox_read_rows(struct weir_outbox *outbox, struct outbox_read *read,
                                  struct weir_error *err);
/* Query of one key (of the key's index, where the key is not the table's), or Scan of all: the
 * attributes that decide what is pending. */
struct weir_value *outbox_rows_request(struct arena *a, const struct outbox_layout *layout,
                                       struct weir_bytes key);
/* The message's id; BYTES_NONE for a row that is no message's. */
struct weir_bytes outbox_id_of_row(const struct outbox_layout *layout,
                                   const struct weir_value *row);
bool outbox_is_published(const struct outbox_layout *layout, const struct weir_value *row);
/* The row, read consistently; *ret_row is NULL when there is none. */
enum weir_status outbox_read_row(struct weir_outbox *outbox, struct arena *a,
                                 struct weir_value *key, struct weir_value **ret_row,
                                 struct weir_error *err);

/* ---- outbox_pending.c ------------------------------------------------------------------------ */

/* Where a pending row stands in the order: creation, then key, then id. */
struct outbox_place {
    struct weir_bytes created_at, key, id;
};

/* The oldest places seen so far, in order: at most `max` of them; texts are malloc'ed. */
struct outbox_oldest {
    struct outbox_place *at;
    uint32_t count, max;
    bool more; /* one was left out */
};
bool outbox_oldest_init(struct outbox_oldest *oldest, uint32_t max);
void outbox_oldest_fini(struct outbox_oldest *oldest);
/* Collects the oldest pending places behind `after` (created_at.ptr NULL: from the start). */
enum weir_status outbox_collect_pending(struct weir_outbox *outbox, struct weir_bytes key,
                                        const struct outbox_place *after,
                                        struct outbox_oldest *oldest, struct weir_error *err);

#endif
