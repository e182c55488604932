/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VALUE_VALUE_H
#define WEIR_VALUE_VALUE_H

/*
 * Attribute values, and the documents that requests and answers are made of.
 *
 * One tree serves both. A *document* is what JSON can say: null, booleans, numbers (kept as the
 * text that was written), strings, arrays (VALUE_L) and objects (VALUE_M). An *attribute value* is
 * one of DynamoDB's ten types. The two meet in DynamoDB-JSON, where the attribute value "x" is
 * written as the document {"S":"x"}. So a node carries its form:
 *
 *     form            node says                       rendered as JSON
 *     VALUE_PLAIN     a document node                 null true 1.5 "x" [..] {..}
 *     VALUE_ATTRIBUTE an attribute value              {"S":"x"}, {"L":[{"N":"1"}]} ...
 *     VALUE_ITEM      an item: a VALUE_M whose        {"pk":{"S":"x"},"n":{"N":"1"}}
 *                     members are attribute values
 *     VALUE_STORED    a VALUE_B whose bytes are an    the same, straight from the bytes
 *                     item's storage encoding
 *
 * The form is that of the outermost node; members of an attribute value or an item carry
 * VALUE_ATTRIBUTE too. A request that came as text holds plain nodes only, one that was built in
 * this process may hold attribute nodes; value_to_attribute and value_to_item take either, so
 * requests in process never become text.
 *
 *     struct weir_value
 *     +------+------+-------+----------------------------------+
 *     | type | form | truth | bytes  (S, N as text, B raw)      |
 *     |      |      |       | list   (L, SS, NS, BS)            |
 *     |      |      |       | map    (M)                        |
 *     +------+------+-------+----------------------------------+
 *
 * Invariants of attribute values, made by value_to_attribute and value_decode and relied upon by
 * everything above: numbers are canonical text (number_canonical); the members of a map are
 * sorted by name in byte order, and no name is there twice; a set is sorted (SS, BS by bytes, NS
 * by value) and has no duplicate; B holds raw bytes, not Base64. So two attribute values are equal
 * exactly if their storage encodings are.
 *
 * Memory: nodes and bytes live in the arena they were built in, or borrow from the buffer that
 * was decoded (said at each function). Nodes are not modified once they are shared.
 */

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "weir/error.h"

enum value_type {
    VALUE_S,
    VALUE_N,
    VALUE_B,
    VALUE_BOOL,
    VALUE_NULL,
    VALUE_M,
    VALUE_L,
    VALUE_SS,
    VALUE_NS,
    VALUE_BS,
    VALUE_TYPE_COUNT
};

enum value_form { VALUE_PLAIN, VALUE_ATTRIBUTE, VALUE_ITEM, VALUE_STORED };

struct weir_value;

struct value_list {
    struct weir_value *at; /* `count` nodes */
    uint32_t count;
    uint32_t room; /* nodes that fit at `at`; 0 in arrays that are not grown in place */
};

struct value_map {
    struct value_member *at; /* `count` members */
    uint32_t count;
    uint32_t room; /* as in value_list */
};

struct weir_value {
    uint8_t type; /* enum value_type */
    uint8_t form; /* enum value_form */
    bool truth;   /* VALUE_BOOL */
    union {
        struct weir_bytes bytes; /* VALUE_S, VALUE_N, VALUE_B */
        struct value_list list;  /* VALUE_L, VALUE_SS, VALUE_NS, VALUE_BS */
        struct value_map map;    /* VALUE_M */
    } u;
};

struct value_member {
    struct weir_bytes name;
    struct weir_value value;
};

/* "S", "N", ... as on the wire. */
const char *value_type_name(enum value_type type);

/* ---- documents ------------------------------------------------------------------------------ */

/* The member of that name, or NULL; `map` may be NULL or no map (then NULL). */
const struct weir_value *value_member(const struct weir_value *map, struct weir_bytes name);
static inline const struct weir_value *value_get(const struct weir_value *map, const char *name)
{
    return value_member(map, bytes_str(name));
}
/* The integer of a member that is a number; 0 when there is none, or none of 64 bits. */
int64_t value_get_int(const struct weir_value *map, const char *name);

/* Building documents and items in an arena; a NULL arena result is NULL here, and every function
 * takes NULL and then does nothing and returns NULL, so that a builder checks once at its end. */
struct weir_value *value_new_map(struct arena *a, enum value_form form);
struct weir_value *value_new_list(struct arena *a, enum value_form form);
/* Appends a member (names are borrowed; not sorted, not checked) and returns its node to be
 * filled; grows geometrically. For form ITEM and ATTRIBUTE, call value_sort_map at the end.
 * The node is good until the next addition to the same map or list, which may move it: so fill a
 * child map before adding its next sibling. */
struct weir_value *value_add(struct arena *a, struct weir_value *map, struct weir_bytes name);
struct weir_value *value_append(struct arena *a, struct weir_value *list);
/* Shorthands: plain document members. */
void value_add_str(struct arena *a, struct weir_value *map, const char *name,
                   struct weir_bytes text);
void value_add_int(struct arena *a, struct weir_value *map, const char *name, int64_t number);
/* A plain number with a fraction, as capacity units are (0.5, 12.0): shortest form with at least
 * one decimal. */
void value_add_double(struct arena *a, struct weir_value *map, const char *name, double number);
void value_add_bool(struct arena *a, struct weir_value *map, const char *name, bool truth);
struct weir_value *value_add_map(struct arena *a, struct weir_value *map, const char *name);
struct weir_value *value_add_list(struct arena *a, struct weir_value *map, const char *name);
/* A member that is an item or an attribute value; the node is copied, its content shared. */
void value_add_value(struct arena *a, struct weir_value *map, const char *name,
                     const struct weir_value *value);
/* Setting a node: attribute values (form ATTRIBUTE). Bytes are borrowed. */
void value_set_s(struct weir_value *to, struct weir_bytes text);
void value_set_n(struct weir_value *to, struct weir_bytes canonical);
void value_set_b(struct weir_value *to, struct weir_bytes raw);
void value_set_bool(struct weir_value *to, bool truth);
void value_set_null(struct weir_value *to);

/* Sorts a map's members by name in place; WEIR_VALIDATION if a name is there twice. NULL is
 * WEIR_NO_MEMORY, so that a builder ends with it. */
enum weir_status value_sort_map(struct weir_value *map, struct weir_error *err);

/* A deep copy into the arena: nodes and bytes. NULL without memory. */
struct weir_value *value_copy(struct arena *a, const struct weir_value *value);

/* ---- JSON ----------------------------------------------------------------------------------- */

/*
 * Text to a document: strict JSON (RFC 8259), UTF-8 checked, at most LIMIT_JSON_DEPTH deep, no
 * name twice in an object, nothing after the value. All bytes are copied into the arena.
 * A number's text is as written for integers of 64 bits, else the shortest text of the double
 * nearest to it, with a point or an exponent; one that neither can hold is refused.
 * WEIR_SERIALIZATION says what is wrong; WEIR_NO_MEMORY when the arena is full.
 * One parser per thread is kept inside. @thread any
 */
enum weir_status json_parse(struct arena *a, struct weir_bytes text, struct weir_value **ret_doc,
                            struct weir_error *err);

/* Writes any node in its form. Sticky errors in `to`: a stored item that is damaged gives it the
 * status WEIR_CORRUPTION. Object members keep their order. */
void json_write(struct buf *to, const struct weir_value *value);
/* One JSON string, quoted and escaped, of UTF-8 text. */
void json_write_string(struct buf *to, struct weir_bytes text);
/* An item or attribute value as ordinary JSON, for people: strings, numbers, arrays, objects; B as
 * Base64, sets as arrays. Not reversible; `weir item --typed` shows the types. */
void json_write_natural(struct buf *to, const struct weir_value *value);

/*
 * A document node in DynamoDB-JSON ({"S":"x"}) to an attribute value; a node of form ATTRIBUTE or
 * ITEM member is returned as it is. Checks what DynamoDB checks: exactly one known type; numbers
 * within 38 digits and range; sets not empty, members distinct and of the type; Base64; nesting of
 * at most 32 levels. Error texts are AWS's: WEIR_VALIDATION for values, WEIR_SERIALIZATION for
 * wrong JSON types. Strings are borrowed from `doc`, the rest is in the arena.
 */
enum weir_status value_to_attribute(struct arena *a, const struct weir_value *doc,
                                    struct weir_value **ret_value, struct weir_error *err);
/* The same for a map of attribute values (Item, Key, ExpressionAttributeValues): sorted by name.
 * A node of form ITEM is returned as it is, one of form STORED is decoded (borrowing its bytes). */
enum weir_status value_to_item(struct arena *a, const struct weir_value *doc,
                               struct weir_value **ret_item, struct weir_error *err);

/* ---- size, equality, order ------------------------------------------------------------------ */

/* DynamoDB's size of a value (without a name), and of an item (names included), in bytes:
 * facts 6.1. */
size_t value_size(const struct weir_value *value);
size_t item_size(const struct weir_value *item);

/* Deep equality of attribute values (numbers by value, sets as sets, maps by name). */
bool value_equal(const struct weir_value *a, const struct weir_value *b);
/* Order of two values of the same type S, N or B. <0, 0, >0. */
int value_compare(const struct weir_value *a, const struct weir_value *b);
/* Levels of nesting of an attribute value: 1 for a scalar or a set, one more for each map or list
 * around it. DynamoDB allows LIMIT_NESTING_LEVELS; counting stops at one above. */
unsigned value_depth(const struct weir_value *value);

/* ---- storage codec (docs/disk-format.md) ----------------------------------------------------- */

/* Appends the item's encoding: version byte, then its members. Canonical. An item nested deeper
 * than DynamoDB allows sets `to` to WEIR_TOO_LARGE, as it could not be decoded. */
void value_encode_item(struct buf *to, const struct weir_value *item);
/* Back: nodes in the arena, names and bytes borrowed from `bytes`. WEIR_CORRUPTION if it is not
 * such an encoding; never reads past its end. Form ITEM. */
enum weir_status value_decode_item(struct arena *a, struct weir_bytes bytes,
                                   struct weir_value **ret_item, struct weir_error *err);
/* Writes the stored item as DynamoDB-JSON straight into text, without a tree: what GetItem and
 * GetRecords answer with. Same checks as decoding. */
enum weir_status value_stored_to_json(struct buf *to, struct weir_bytes bytes,
                                      struct weir_error *err);

#endif
