/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of DynamoDB-JSON: members converted, sorted, and found to be distinct. */
#include "value/attribute.h"

#include <stdlib.h>

#include "base/error.h"
#include "value/number.h"

#define INVALID "One or more parameter values were invalid: "

/* A member while it is sorted; `number` is set for NS. */
struct set_member {
    struct weir_bytes bytes;
    struct number number;
};

static int compare_bytes(const void *a, const void *b)
{
    return bytes_cmp(((const struct set_member *)a)->bytes, ((const struct set_member *)b)->bytes);
}

static int compare_numbers(const void *a, const void *b)
{
    return number_compare(&((const struct set_member *)a)->number,
                          &((const struct set_member *)b)->number);
}

static enum weir_status refuse_empty(enum value_type type, struct weir_error *err)
{
    const char *text = type == VALUE_SS   ? "An string set  may not be empty"
                       : type == VALUE_NS ? "An number set  may not be empty"
                                          : "Binary sets should not be empty";
    return error_set(err, WEIR_VALIDATION, INVALID "%s", text);
}

/* The service shows the members as they came, not sorted. */
static enum weir_status refuse_duplicates(enum value_type type, const struct value_list *list,
                                          struct weir_error *err)
{
    struct buf shown;

    if (type == VALUE_NS) {
        return error_set(err, WEIR_VALIDATION, "Input collection contains duplicates");
    }
    buf_init(&shown, WEIR_ERROR_MESSAGE_MAX);
    for (uint32_t i = 0; i < list->count && buf_status(&shown) == WEIR_OK; i++) {
        buf_put_str(&shown, i > 0 ? ", " : "");
        buf_put(&shown, list->at[i].u.bytes);
    }
    (void)error_set(err, WEIR_VALIDATION, INVALID "Input collection [%.*s]%scontains duplicates.",
                    BYTES_ARG(buf_bytes(&shown)), type == VALUE_BS ? "of type BS " : " ");
    buf_fini(&shown);
    return WEIR_VALIDATION;
}

static enum weir_status convert_member(struct arena *a, enum value_type type,
                                       const struct weir_value *doc, struct set_member *to,
                                       struct weir_error *err)
{
    if (doc->type == VALUE_NULL) {
        return error_set(err, WEIR_VALIDATION, INVALID "A set may not contain null");
    }
    if (type == VALUE_BS) {
        return attribute_decode_binary(a, doc->u.bytes, &to->bytes, err);
    }
    to->bytes = doc->u.bytes;
    if (type == VALUE_SS) {
        return WEIR_OK;
    }
    enum weir_status status = number_parse(doc->u.bytes, &to->number, err);
    return status == WEIR_OK ? number_canonical(a, doc->u.bytes, &to->bytes, err) : status;
}

static bool has_duplicates(const struct set_member *members, uint32_t count,
                           int (*compare)(const void *, const void *))
{
    for (uint32_t i = 1; i < count; i++) {
        if (compare(&members[i - 1], &members[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum weir_status attribute_build_set(struct arena *a, enum value_type type,
                                     const struct weir_value *doc, struct weir_value *to,
                                     struct weir_error *err)
{
    const struct value_list *list = &doc->u.list;
    int (*compare)(const void *, const void *) = type == VALUE_NS ? compare_numbers : compare_bytes;
    enum value_type element = type == VALUE_SS ? VALUE_S : type == VALUE_NS ? VALUE_N : VALUE_B;
    if (list->count == 0) {
        return refuse_empty(type, err);
    }
    struct set_member *members = ARENA_ARRAY(a, struct set_member, list->count);
    struct weir_value *nodes = ARENA_ARRAY(a, struct weir_value, list->count);
    if (members == NULL || nodes == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a set");
    }
    for (uint32_t i = 0; i < list->count; i++) {
        enum weir_status status = convert_member(a, type, &list->at[i], &members[i], err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    qsort(members, list->count, sizeof(members[0]), compare);
    if (has_duplicates(members, list->count, compare)) {
        return refuse_duplicates(type, list, err);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        nodes[i] = (struct weir_value){
            .type = (uint8_t)element, .form = VALUE_ATTRIBUTE, .u.bytes = members[i].bytes};
    }
    *to = (struct weir_value){.type = (uint8_t)type, .form = VALUE_ATTRIBUTE};
    to->u.list.at = nodes;
    to->u.list.count = list->count;
    return WEIR_OK;
}
