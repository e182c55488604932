/* SPDX-License-Identifier: Apache-2.0 */
/* Reading items and the values in them: views, checked by type. */
#include "client/item.h"

#include "base/error.h"
#include "value/number.h"

#define SHOWN_MAX 200

/* ---- values ---------------------------------------------------------------------------------- */

static const struct {
    enum weir_type type;
    const char *text;
} types[VALUE_TYPE_COUNT] = {
    [VALUE_S] = {WEIR_TYPE_STRING, "a string (S)"},
    [VALUE_N] = {WEIR_TYPE_NUMBER, "a number (N)"},
    [VALUE_B] = {WEIR_TYPE_BINARY, "binary (B)"},
    [VALUE_BOOL] = {WEIR_TYPE_BOOL, "a boolean (BOOL)"},
    [VALUE_NULL] = {WEIR_TYPE_NULL, "null (NULL)"},
    [VALUE_M] = {WEIR_TYPE_MAP, "a map (M)"},
    [VALUE_L] = {WEIR_TYPE_LIST, "a list (L)"},
    [VALUE_SS] = {WEIR_TYPE_STRING_SET, "a string set (SS)"},
    [VALUE_NS] = {WEIR_TYPE_NUMBER_SET, "a number set (NS)"},
    [VALUE_BS] = {WEIR_TYPE_BINARY_SET, "a binary set (BS)"},
};

enum weir_type weir_value_type(const struct weir_value *value)
{
    return value == NULL ? WEIR_TYPE_NONE : types[value->type].type;
}

static enum weir_status check(const struct weir_value *value, enum value_type wanted,
                              struct weir_error *err)
{
    if (value == NULL) {
        return error_set(err, WEIR_NOT_FOUND, "there is no such value");
    }
    if (value->type != wanted) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "the value is %s, not %s",
                         types[value->type].text, types[wanted].text);
    }
    return WEIR_OK;
}

static enum weir_status read_bytes(const struct weir_value *value, enum value_type wanted,
                                   const uint8_t **ret_ptr, size_t *ret_len, struct weir_error *err)
{
    enum weir_status status = check(value, wanted, err);
    if (status == WEIR_OK) {
        *ret_ptr = value->u.bytes.ptr;
        *ret_len = value->u.bytes.len;
    }
    return status;
}

static enum weir_status read_text(const struct weir_value *value, enum value_type wanted,
                                  const char **ret_text, size_t *ret_len, struct weir_error *err)
{
    const uint8_t *ptr = NULL;
    enum weir_status status = read_bytes(value, wanted, &ptr, ret_len, err);
    if (status == WEIR_OK) {
        *ret_text = (const char *)ptr;
    }
    return status;
}

enum weir_status weir_value_string(const struct weir_value *value, const char **ret_text,
                                   size_t *ret_len, struct weir_error *err)
{
    return read_text(value, VALUE_S, ret_text, ret_len, err);
}

enum weir_status weir_value_number(const struct weir_value *value, const char **ret_text,
                                   size_t *ret_len, struct weir_error *err)
{
    return read_text(value, VALUE_N, ret_text, ret_len, err);
}

enum weir_status weir_value_binary(const struct weir_value *value, const void **ret_bytes,
                                   size_t *ret_len, struct weir_error *err)
{
    const uint8_t *ptr = NULL;
    enum weir_status status = read_bytes(value, VALUE_B, &ptr, ret_len, err);
    if (status == WEIR_OK) {
        *ret_bytes = ptr;
    }
    return status;
}

static enum weir_status no_fit(const struct weir_value *value, const char *type,
                               struct weir_error *err)
{
    return error_set(err, WEIR_TOO_LARGE, "the number %.*s is no %s", BYTES_ARG(value->u.bytes),
                     type);
}

enum weir_status weir_value_int64(const struct weir_value *value, int64_t *ret_number,
                                  struct weir_error *err)
{
    struct number number;
    enum weir_status status = check(value, VALUE_N, err);
    if (status != WEIR_OK) {
        return status;
    }
    WEIR_ASSERT(number_parse(value->u.bytes, &number, NULL) == WEIR_OK);
    return number_to_int64(&number, ret_number) ? WEIR_OK : no_fit(value, "int64", err);
}

/* The canonical text of a natural number is its digits. */
enum weir_status weir_value_uint64(const struct weir_value *value, uint64_t *ret_number,
                                   struct weir_error *err)
{
    uint64_t number = 0;
    enum weir_status status = check(value, VALUE_N, err);
    if (status != WEIR_OK) {
        return status;
    }
    for (size_t i = 0; i < value->u.bytes.len; i++) {
        unsigned digit = (unsigned)value->u.bytes.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            return no_fit(value, "uint64", err);
        }
    }
    *ret_number = number;
    return WEIR_OK;
}

enum weir_status weir_value_bool(const struct weir_value *value, int32_t *ret_truth,
                                 struct weir_error *err)
{
    enum weir_status status = check(value, VALUE_BOOL, err);
    if (status == WEIR_OK) {
        *ret_truth = value->truth ? 1 : 0;
    }
    return status;
}

static bool is_listed(const struct weir_value *value)
{
    return value->type == VALUE_L || value->type >= VALUE_SS;
}

uint32_t weir_value_count(const struct weir_value *value)
{
    if (value == NULL) {
        return 0;
    }
    return value->type == VALUE_M ? value->u.map.count : is_listed(value) ? value->u.list.count : 0;
}

const struct weir_value *weir_value_element(const struct weir_value *value, uint32_t index)
{
    return value != NULL && is_listed(value) && index < value->u.list.count
               ? &value->u.list.at[index]
               : NULL;
}

const struct weir_value *weir_value_member_at(const struct weir_value *value, uint32_t index,
                                              const char **ret_name, size_t *ret_name_len)
{
    if (value == NULL || value->type != VALUE_M || index >= value->u.map.count) {
        return NULL;
    }
    const struct value_member *member = &value->u.map.at[index];
    if (ret_name != NULL) {
        *ret_name = (const char *)member->name.ptr;
    }
    if (ret_name_len != NULL) {
        *ret_name_len = member->name.len;
    }
    return &member->value;
}

const struct weir_value *weir_value_member(const struct weir_value *value, const char *name,
                                           size_t name_len)
{
    return value_member(value, bytes_of(name, name_len));
}

int32_t weir_value_equal(const struct weir_value *a, const struct weir_value *b)
{
    return a == NULL || b == NULL ? a == b : value_equal(a, b);
}

/* ---- items ----------------------------------------------------------------------------------- */

const struct weir_value *weir_item_value(const struct weir_item *item)
{
    return item == NULL ? NULL : &item->root;
}

const struct weir_value *weir_item_get(const struct weir_item *item, const char *name,
                                       size_t name_len)
{
    return value_member(weir_item_value(item), bytes_of(name, name_len));
}

enum weir_status weir_item_find(const struct weir_item *item, const char *path, size_t path_len,
                                const struct weir_value **ret_value, struct weir_error *err)
{
    return item_path_find(weir_item_value(item), bytes_of(path, path_len), ret_value, err);
}

uint32_t weir_item_count(const struct weir_item *item)
{
    return weir_value_count(weir_item_value(item));
}

const struct weir_value *weir_item_attribute(const struct weir_item *item, uint32_t index,
                                             const char **ret_name, size_t *ret_name_len)
{
    return weir_value_member_at(weir_item_value(item), index, ret_name, ret_name_len);
}

size_t weir_item_bytes(const struct weir_item *item)
{
    return item == NULL ? 0 : item_size(&item->root);
}

int32_t weir_item_equal(const struct weir_item *a, const struct weir_item *b)
{
    return weir_value_equal(weir_item_value(a), weir_item_value(b));
}

/* ---- by name --------------------------------------------------------------------------------- */

static enum weir_status named(enum weir_status status, const char *name, size_t name_len,
                              struct weir_error *err)
{
    if (status == WEIR_OK) {
        return WEIR_OK;
    }
    return error_wrap(err, status, "attribute \"%.*s\"",
                      (int)(name_len < SHOWN_MAX ? name_len : SHOWN_MAX), name);
}

enum weir_status weir_item_get_string(const struct weir_item *item, const char *name,
                                      size_t name_len, const char **ret_text, size_t *ret_len,
                                      struct weir_error *err)
{
    return named(weir_value_string(weir_item_get(item, name, name_len), ret_text, ret_len, err),
                 name, name_len, err);
}

enum weir_status weir_item_get_number(const struct weir_item *item, const char *name,
                                      size_t name_len, const char **ret_text, size_t *ret_len,
                                      struct weir_error *err)
{
    return named(weir_value_number(weir_item_get(item, name, name_len), ret_text, ret_len, err),
                 name, name_len, err);
}

enum weir_status weir_item_get_int64(const struct weir_item *item, const char *name,
                                     size_t name_len, int64_t *ret_number, struct weir_error *err)
{
    return named(weir_value_int64(weir_item_get(item, name, name_len), ret_number, err), name,
                 name_len, err);
}

enum weir_status weir_item_get_uint64(const struct weir_item *item, const char *name,
                                      size_t name_len, uint64_t *ret_number, struct weir_error *err)
{
    return named(weir_value_uint64(weir_item_get(item, name, name_len), ret_number, err), name,
                 name_len, err);
}

enum weir_status weir_item_get_binary(const struct weir_item *item, const char *name,
                                      size_t name_len, const void **ret_bytes, size_t *ret_len,
                                      struct weir_error *err)
{
    return named(weir_value_binary(weir_item_get(item, name, name_len), ret_bytes, ret_len, err),
                 name, name_len, err);
}

enum weir_status weir_item_get_bool(const struct weir_item *item, const char *name, size_t name_len,
                                    int32_t *ret_truth, struct weir_error *err)
{
    return named(weir_value_bool(weir_item_get(item, name, name_len), ret_truth, err), name,
                 name_len, err);
}
