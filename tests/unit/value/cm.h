/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_CM_H
#define WEIR_TEST_CM_H

/* cmocka and what it needs before it, and what the tests of values all use. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "value/value.h"

#define TEST_ARENA_BYTES (64 * 1024 * 1024)

/* The document of a text that must be good. */
static inline struct weir_value *parsed(struct arena *a, const char *text)
{
    struct weir_value *doc = NULL;
    struct weir_error err = {0};
    if (json_parse(a, bytes_str(text), &doc, &err) != WEIR_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return doc;
}

/* The item of a DynamoDB-JSON text that must be good. */
static inline struct weir_value *item_of(struct arena *a, const char *text)
{
    struct weir_value *item = NULL;
    struct weir_error err = {0};
    if (value_to_item(a, parsed(a, text), &item, &err) != WEIR_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return item;
}

static inline void assert_bytes_str(struct weir_bytes bytes, const char *expected)
{
    if (!bytes_eq_str(bytes, expected)) {
        fail_msg("is '%.*s', expected '%s'", BYTES_ARG(bytes), expected);
    }
}

/* The node's JSON. */
static inline void assert_written(const struct weir_value *node, const char *expected)
{
    struct buf out;
    buf_init(&out, 1024 * 1024);
    json_write(&out, node);
    assert_int_equal(buf_status(&out), WEIR_OK);
    assert_bytes_str(buf_bytes(&out), expected);
    buf_fini(&out);
}

#endif
