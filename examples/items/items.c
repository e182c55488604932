/* SPDX-License-Identifier: Apache-2.0 */

/*
 * items: a small stock of goods, kept in a DynamoDB table without writing JSON.
 *
 *     items [ENDPOINT]        "memory:" when it is not given
 *
 * Stocks a shelf in one batch, takes pieces from it (never more than there are), and lists what is
 * left. A taker that finds too few is told how many there were by the very write that refused it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/engine.h>
#include <weir/item.h>

#define STOCK "stock"

static const struct {
    const char *name;
    int64_t pieces;
    const char *price; /* decimal text: a price is no double */
} goods[] = {{"bolt", 120, "0.07"}, {"hinge", 16, "2.95"}, {"lamp", 3, "49.90"}};

#define GOODS (sizeof(goods) / sizeof(goods[0]))

/* A table is made with the operation's own JSON. It may be there already. */
static enum weir_status make_table(struct weir_client *client, struct weir_error *err)
{
    static const char table[] =
        "{\"TableName\":\"" STOCK "\",\"BillingMode\":\"PAY_PER_REQUEST\","
        "\"AttributeDefinitions\":[{\"AttributeName\":\"shelf\",\"AttributeType\":\"S\"},"
        "{\"AttributeName\":\"name\",\"AttributeType\":\"S\"}],"
        "\"KeySchema\":[{\"AttributeName\":\"shelf\",\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"name\",\"KeyType\":\"RANGE\"}]}";
    char *answer = NULL;
    enum weir_status status =
        weir_call(client, WEIR_STR("CreateTable"), WEIR_STR(table), &answer, NULL, err);
    weir_free(answer);
    return status == WEIR_RESOURCE_IN_USE ? WEIR_OK : status;
}

/* A key, or the beginning of an item; to be freed. */
static struct weir_item *good_new(const char *name)
{
    struct weir_item *item = NULL;
    if (weir_item_new(&item, NULL) == WEIR_OK) {
        (void)weir_item_set_string(item, WEIR_STR("shelf"), WEIR_STR("A1"));
        (void)weir_item_set_string(item, WEIR_STR("name"), WEIR_STR(name));
    }
    return item;
}

static enum weir_status fill_shelf(struct weir_client *client, struct weir_error *err)
{
    struct weir_batch_write elements[GOODS];
    struct weir_batch_result results[GOODS];
    struct weir_item *items[GOODS];
    for (size_t i = 0; i < GOODS; i++) {
        items[i] = good_new(goods[i].name);
        (void)weir_item_set_int64(items[i], WEIR_STR("pieces"), goods[i].pieces);
        (void)weir_item_set_number(items[i], WEIR_STR("price"), WEIR_STR(goods[i].price));
        elements[i] = (struct weir_batch_write){.put = items[i]};
    }
    enum weir_status status =
        weir_batch_write(client, WEIR_STR(STOCK), elements, GOODS, NULL, results, err);
    for (size_t i = 0; i < GOODS; i++) {
        weir_item_free(items[i]);
    }
    return status;
}

/* Takes pieces if there are as many; *ret_left is how many are there afterwards. */
static enum weir_status take(struct weir_client *client, const char *name, int64_t pieces,
                             int64_t *ret_left, struct weir_error *err)
{
    struct weir_write_options options = WEIR_WRITE_OPTIONS_INIT;
    struct weir_item *key = good_new(name);
    struct weir_item *values = NULL;
    struct weir_item *good = NULL;
    enum weir_status status = weir_item_new(&values, err);
    if (status == WEIR_OK) {
        (void)weir_item_set_int64(values, WEIR_STR(":n"), pieces);
        options.condition = (struct weir_text){WEIR_STR("pieces >= :n")};
        options.values = values;
        options.existing = &good;
        status = weir_update_item(client, WEIR_STR(STOCK), key,
                                  WEIR_STR("SET pieces = pieces - :n"), &options, &good, err);
    }
    /* Either way `good` is the item: after the update, or as it was found. */
    if (good != NULL) {
        (void)weir_item_get_int64(good, WEIR_STR("pieces"), ret_left, NULL);
    }
    weir_item_free(good);
    weir_item_free(values);
    weir_item_free(key);
    return status;
}

static void print_good(const struct weir_item *good)
{
    const char *name = "";
    const char *price = "";
    size_t name_len = 0;
    size_t price_len = 0;
    int64_t pieces = 0;
    (void)weir_item_get_string(good, WEIR_STR("name"), &name, &name_len, NULL);
    (void)weir_item_get_number(good, WEIR_STR("price"), &price, &price_len, NULL);
    (void)weir_item_get_int64(good, WEIR_STR("pieces"), &pieces, NULL);
    printf("%-8.*s %4" PRId64 " at %.*s\n", (int)name_len, name, pieces, (int)price_len, price);
}

static enum weir_status list_shelf(struct weir_client *client, struct weir_error *err)
{
    struct weir_page_options options = WEIR_PAGE_OPTIONS_INIT;
    struct weir_item *values = NULL;
    struct weir_pager *pager = NULL;
    const struct weir_item *good = NULL;
    enum weir_status status = weir_item_new(&values, err);
    if (status == WEIR_OK) {
        (void)weir_item_set_string(values, WEIR_STR(":shelf"), WEIR_STR("A1"));
        options.values = values;
        options.consistent = 1;
        status = weir_query_open(client, WEIR_STR(STOCK), WEIR_STR("shelf = :shelf"), &options,
                                 &pager, err);
    }
    while (status == WEIR_OK) {
        status = weir_pager_next(pager, &good, err);
        if (status != WEIR_OK || good == NULL) {
            break;
        }
        print_good(good);
    }
    weir_pager_close(pager);
    weir_item_free(values);
    return status;
}

static enum weir_status run(struct weir_client *client, struct weir_error *err)
{
    int64_t left = 0;
    enum weir_status status = make_table(client, err);
    if (status == WEIR_OK) {
        status = fill_shelf(client, err);
    }
    if (status == WEIR_OK) {
        status = take(client, "lamp", 2, &left, err);
        printf("took 2 lamps, %" PRId64 " left\n", left);
    }
    if (status == WEIR_OK && take(client, "lamp", 2, &left, err) == WEIR_CONDITION_FAILED) {
        printf("could not take 2 more: there is %" PRId64 "\n", left);
    }
    return status == WEIR_OK ? list_shelf(client, err) : status;
}

int main(int argc, char **argv)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    options.endpoint_url = argc > 1 ? argv[1] : "memory:";
    enum weir_status status = weir_engine_register(&err);
    if (status == WEIR_OK) {
        status = weir_client_open(&options, &client, &err);
    }
    if (status == WEIR_OK) {
        status = run(client, &err);
    }
    if (status != WEIR_OK) {
        (void)fprintf(stderr, "items: %s: %s\n", weir_status_name(status), err.message);
    }
    weir_client_close(client);
    return status == WEIR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
