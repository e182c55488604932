/* SPDX-License-Identifier: Apache-2.0 */

/* Counting, by one pass over the table. */

#include "outbox/outbox_store.h"

#include "base/error.h"

struct count {
    struct weir_outbox_stats stats;
    char oldest[ISO8601_SIZE]; /* the least createdAt of a pending row; "" : none */
};

static void count_pending(struct count *count, const struct outbox_layout *layout,
                          const struct weir_value *row)
{
    struct weir_bytes created = outbox_text(layout, row, OUTBOX_CREATED_AT);
    count->stats.pending++;
    if (outbox_value(layout, row, OUTBOX_RETRY_COUNT) != NULL) {
        count->stats.failing++;
    }
    if (created.len == ISO8601_SIZE - 1 &&
        (count->oldest[0] == '\0' || bytes_cmp(created, bytes_str(count->oldest)) < 0)) {
        memcpy(count->oldest, created.ptr, created.len);
        count->oldest[created.len] = '\0';
    }
}

static enum outbox_visit count_row(struct outbox_read *read, const struct weir_value *row)
{
    struct count *count = read->arg;
    const struct weir_value *parked = outbox_value(read->layout, row, OUTBOX_PARKED);
    if (parked != NULL) {
        count->stats.interrupted++;
        count_pending(count, read->layout, parked);
    } else if (!outbox_is_message(read->layout, row)) {
        return OUTBOX_VISIT_ON;
    } else if (outbox_is_published(read->layout, row)) {
        count->stats.published++;
    } else {
        count_pending(count, read->layout, row);
    }
    return OUTBOX_VISIT_ON;
}

static struct weir_value *request(struct arena *a, const struct outbox_read *read)
{
    return outbox_rows_request(a, read->layout, BYTES_NONE);
}

enum weir_status weir_outbox_stats(struct weir_outbox *outbox, struct weir_outbox_stats *ret_stats,
                                   struct weir_error *err)
{
    if (outbox == NULL) {
        return error_set(err, WEIR_CLOSED, "the outbox is not open");
    }
    struct count count = {.stats = {.oldest_pending_ms = -1}};
    struct outbox_read read = {"Scan", request, count_row, &outbox->layout, NULL, &count};
    int64_t created_ms;
    enum weir_status status = outbox_read_rows(outbox, &read, err);
    if (status != WEIR_OK) {
        return status;
    }
    if (iso8601_parse(bytes_str(count.oldest), &created_ms)) {
        int64_t age = env_wall_ms(client_env(outbox->client)) - created_ms;
        count.stats.oldest_pending_ms = age < 0 ? 0 : age;
    }
    count.stats.pending_by_checkpoint = outbox->layout.mark == WEIR_MARK_NONE;
    *ret_stats = count.stats;
    return WEIR_OK;
}
