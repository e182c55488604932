/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/client/item_fixture.h"

void item_fixture_open(struct fixture *f)
{
    fixture_open(f);
    (void)fixture_call(
        f, "CreateTable",
        "{\"TableName\":\"orders\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":["
        "{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},"
        "{\"AttributeName\":\"sk\",\"AttributeType\":\"N\"},"
        "{\"AttributeName\":\"tag\",\"AttributeType\":\"S\"}],\"KeySchema\":["
        "{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}],\"GlobalSecondaryIndexes\":["
        "{\"IndexName\":\"by-tag\",\"KeySchema\":[{\"AttributeName\":\"tag\",\"KeyType\":\"HASH\"}]"
        ",\"Projection\":{\"ProjectionType\":\"ALL\"}}]}");
    (void)fixture_call(
        f, "CreateTable",
        "{\"TableName\":\"simple\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":["
        "{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],\"KeySchema\":["
        "{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}]}");
}

struct weir_item *key_of(const char *pk, int64_t sk)
{
    struct weir_item *key = new_item();
    (void)weir_item_set_string(key, WEIR_STR("pk"), WEIR_STR(pk));
    (void)weir_item_set_int64(key, WEIR_STR("sk"), sk);
    return key;
}

void put_many(struct fixture *f, const char *pk, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct weir_item *item = key_of(pk, i);
        (void)weir_item_set_int64(item, WEIR_STR("n"), i);
        (void)weir_item_set_string(item, WEIR_STR("tag"), WEIR_STR("t"));
        enum weir_status status =
            weir_put_item(f->client, TABLE("orders"), item, NULL, NULL, &f->err);
        if (status != WEIR_OK) {
            fail_msg("put: %s", f->err.message);
        }
        weir_item_free(item);
    }
}

int64_t int_of(const struct weir_item *item, const char *name)
{
    int64_t number = -1;
    assert_int_equal(weir_item_get_int64(item, WEIR_STR(name), &number, NULL), WEIR_OK);
    return number;
}
