/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/client/item_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct weir_item *new_item(void)
{
    struct weir_item *item = NULL;
    assert_int_equal(weir_item_new(&item, NULL), WEIR_OK);
    return item;
}

struct weir_item *item_of(const char *json)
{
    struct weir_item *item = NULL;
    struct weir_error err = {0};
    if (weir_item_from_json(WEIR_STR(json), &item, &err) != WEIR_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    return item;
}

void assert_item(const struct weir_item *item, const char *json)
{
    char *text = NULL;
    size_t len = 0;
    struct weir_error err = {0};
    if (json == NULL || item == NULL) {
        assert_true(json == NULL && item == NULL);
        return;
    }
    if (weir_item_to_json(item, &text, &len, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(text, json);
    assert_int_equal(len, strlen(json));
    weir_free(text);
}

void assert_text(const char *text, size_t len, const char *wanted)
{
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(text, wanted, len);
}
