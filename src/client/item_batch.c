/* SPDX-License-Identifier: Apache-2.0 */
/* What batches of reads and of writes have in common: equal keys found, patience with what stays
 * unprocessed, and the frame of their requests. */
#include "client/item.h"

#include "base/error.h"
#include "client/client_internal.h"
#include "client/retry.h"

#include <stdlib.h>

bool item_keyed_set(struct arena *a, const struct weir_value *key, uint32_t index,
                    struct item_keyed *ret_keyed)
{
    struct buf encoded;
    buf_init(&encoded, ITEM_MEMORY_MAX);
    value_encode_item(&encoded, key);
    struct weir_bytes copy =
        buf_status(&encoded) == WEIR_OK ? arena_dup(a, buf_bytes(&encoded)) : BYTES_NONE;
    buf_fini(&encoded);
    *ret_keyed = (struct item_keyed){.key = copy, .index = index};
    return copy.ptr != NULL;
}

static int compare_keyed(const void *a, const void *b)
{
    const struct item_keyed *left = a;
    const struct item_keyed *right = b;
    int order = bytes_cmp(left->key, right->key);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

void item_keyed_rank(struct item_keyed *keyed, uint32_t count)
{
    if (count > 0) {
        qsort(keyed, count, sizeof(keyed[0]), compare_keyed);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool again = i > 0 && bytes_eq(keyed[i - 1].key, keyed[i].key);
        keyed[i].rank = again ? keyed[i - 1].rank + 1 : 0;
    }
}

enum weir_status item_patience_wait(struct item_patience *patience, struct weir_client *client,
                                    uint32_t before, uint32_t left, struct weir_error *err)
{
    uint32_t most = patience->attempts_max != 0 ? patience->attempts_max : client->max_attempts;
    patience->attempts = left < before ? 1 : patience->attempts + 1;
    if (patience->attempts >= most) {
        enum weir_status status =
            error_set(err, WEIR_THROTTLED, "%u elements of the batch stayed unprocessed", left);
        if (err != NULL) {
            err->code[0] = '\0';
            err->http_status = 0;
        }
        return status;
    }
    if (!client_sleep(client, retry_delay_ms(client_env(client), patience->attempts))) {
        return error_set(err, WEIR_CLOSED, "the client is closed");
    }
    return WEIR_OK;
}

struct weir_value *item_batch_document(struct arena *a, struct weir_text table,
                                       const struct weir_value *node,
                                       const struct weir_capacity *capacity)
{
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    if (capacity != NULL) {
        value_add_str(a, document, "ReturnConsumedCapacity", BYTES_LIT("TOTAL"));
    }
    struct weir_value *items = value_add_map(a, document, "RequestItems");
    struct weir_value *member = value_add(a, items, text_bytes(table));
    if (member == NULL || node == NULL || document->u.map.count != (capacity != NULL ? 2u : 1u)) {
        return NULL;
    }
    *member = *node;
    return document;
}

const struct weir_value *item_batch_member(const struct weir_value *response, const char *name)
{
    return weir_value_member_at(value_get(response, name), 0, NULL, NULL);
}
