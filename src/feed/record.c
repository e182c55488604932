/* SPDX-License-Identifier: Apache-2.0 */
/* From a GetRecords answer to records. What the server sends is checked, for it may be any server;
 * everything stays in the answer's arena. */
#include "feed/feed_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"

static enum weir_status malformed(struct weir_error *err, const char *what)
{
    return error_set(err, WEIR_PROTOCOL, "a stream record has no usable %s", what);
}

static bool parse_event(const struct weir_value *doc, enum feed_event *ret_event)
{
    static const char *const names[] = {
        [FEED_INSERT] = "INSERT", [FEED_MODIFY] = "MODIFY", [FEED_REMOVE] = "REMOVE"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (doc_text_is(doc, "eventName", names[i])) {
            *ret_event = (enum feed_event)i;
            return true;
        }
    }
    return false;
}

/* The API says PrincipalId and Type, its older answers and Lambda events principalId and type. */
static bool is_by_ttl(const struct weir_value *doc)
{
    const struct weir_value *identity = value_get(doc, "userIdentity");
    return (doc_text_is(identity, "PrincipalId", "dynamodb.amazonaws.com") ||
            doc_text_is(identity, "principalId", "dynamodb.amazonaws.com")) &&
           (doc_text_is(identity, "Type", "Service") || doc_text_is(identity, "type", "Service"));
}

/* Seconds as a number that may have a fraction or an exponent (1.7953E9). */
static bool parse_created(const struct weir_value *change, int64_t *ret_s)
{
    const struct weir_value *member = value_get(change, "ApproximateCreationDateTime");
    char text[64];
    if (member == NULL || member->type != VALUE_N || member->u.bytes.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, member->u.bytes.ptr, member->u.bytes.len);
    text[member->u.bytes.len] = '\0';
    double seconds = strtod(text, NULL);
    if (!(seconds >= 0 && seconds < 1e15)) {
        return false;
    }
    *ret_s = (int64_t)seconds;
    return true;
}

static bool parse_sequence(const struct weir_value *change, struct weir_bytes *ret_sequence)
{
    struct weir_bytes text;
    if (!doc_text(change, "SequenceNumber", &text) || text.len == 0 ||
        text.len >= FEED_SEQUENCE_SIZE) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    *ret_sequence = text;
    return true;
}

static enum weir_status decode_image(struct arena *a, const struct weir_value *change,
                                     const char *name, const struct weir_value **ret_image,
                                     struct weir_error *err)
{
    const struct weir_value *member = value_get(change, name);
    if (member == NULL || member->type == VALUE_NULL) {
        return WEIR_OK;
    }
    struct weir_value *item = NULL;
    enum weir_status status = value_to_item(a, member, &item, err);
    if (status != WEIR_OK) {
        return error_wrap(err, status, "%s of a stream record", name);
    }
    *ret_image = item;
    return WEIR_OK;
}

static enum weir_status decode_one(struct arena *a, const struct weir_value *doc,
                                   struct feed_record *to, struct weir_error *err)
{
    const struct weir_value *change = value_get(doc, "dynamodb");
    if (!parse_event(doc, &to->event)) {
        return malformed(err, "eventName");
    }
    if (!parse_sequence(change, &to->sequence)) {
        return malformed(err, "SequenceNumber");
    }
    if (!parse_created(change, &to->created_s)) {
        return malformed(err, "ApproximateCreationDateTime");
    }
    (void)doc_text(doc, "eventID", &to->event_id);
    to->by_ttl = is_by_ttl(doc);
    enum weir_status status = decode_image(a, change, "Keys", &to->keys, err);
    if (status == WEIR_OK) {
        status = decode_image(a, change, "NewImage", &to->new_image, err);
    }
    if (status == WEIR_OK) {
        status = decode_image(a, change, "OldImage", &to->old_image, err);
    }
    if (status == WEIR_OK && to->keys == NULL) {
        return malformed(err, "Keys");
    }
    return status;
}

enum weir_status records_decode(struct arena *a, const struct weir_value *response,
                                int64_t skip_before_s, struct feed_record **ret_records,
                                uint32_t *ret_count, char ret_last[FEED_SEQUENCE_SIZE],
                                struct weir_error *err)
{
    const struct weir_value *docs = NULL;
    uint32_t count = doc_list(response, "Records", &docs);
    struct feed_record *records = ARENA_ARRAY(a, struct feed_record, count);
    if (records == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for %u stream records", count);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct feed_record *to = &records[kept];
        *to = (struct feed_record){0};
        enum weir_status status = decode_one(a, &docs[i], to, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (i + 1 == count) {
            memcpy(ret_last, to->sequence.ptr, to->sequence.len);
            ret_last[to->sequence.len] = '\0';
        }
        kept += kept > 0 || to->created_s >= skip_before_s ? 1 : 0;
    }
    *ret_records = records;
    *ret_count = kept;
    return WEIR_OK;
}
