/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the open batch says about single keys: open addressing with linear probing. Emptying it is a
 * step of the generation, so a batch of one operation does not pay for a table of thousands.
 */
#include "engine/internal.h"

#include "value/keycodec.h"

#include <stdlib.h>

#define SLOT_COUNT (2 * OVERLAY_ENTRIES_MAX)
_Static_assert((SLOT_COUNT & (SLOT_COUNT - 1)) == 0, "slots are chosen with a mask");

enum weir_status overlay_init(struct overlay *overlay, struct weir_error *err)
{
    overlay->slots = calloc(SLOT_COUNT, sizeof(*overlay->slots));
    if (overlay->slots == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the committer's batch");
    }
    overlay->generation = 1;
    overlay->count = 0;
    return WEIR_OK;
}

void overlay_fini(struct overlay *overlay)
{
    free(overlay->slots);
    overlay->slots = NULL;
}

void overlay_clear(struct overlay *overlay)
{
    if (overlay->count == 0) {
        return;
    }
    overlay->count = 0;
    overlay->generation++;
    if (overlay->generation == 0) {
        memset(overlay->slots, 0, SLOT_COUNT * sizeof(*overlay->slots));
        overlay->generation = 1;
    }
}

/* The key's slot, or the free one where it belongs. */
static struct overlay_slot *find(const struct overlay *overlay, struct weir_bytes key,
                                 uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (SLOT_COUNT - 1);
    for (;; i = (i + 1) & (SLOT_COUNT - 1)) {
        struct overlay_slot *slot = &overlay->slots[i];
        if (slot->generation != overlay->generation ||
            (slot->hash == hash && bytes_eq(slot->key, key))) {
            return slot;
        }
    }
}

const struct row *overlay_get(const struct overlay *overlay, struct weir_bytes key)
{
    if (overlay->count == 0) {
        return NULL;
    }
    const struct overlay_slot *slot = find(overlay, key, keycodec_hash(key));
    return slot->generation == overlay->generation ? &slot->row : NULL;
}

bool overlay_put(struct overlay *overlay, struct weir_bytes key, const struct row *row)
{
    uint64_t hash = keycodec_hash(key);
    struct overlay_slot *slot = find(overlay, key, hash);
    bool is_new = slot->generation != overlay->generation;
    if (is_new) {
        WEIR_ASSERT(overlay->count < OVERLAY_ENTRIES_MAX);
        overlay->count++;
    }
    *slot = (struct overlay_slot){
        .key = key, .row = *row, .hash = hash, .generation = overlay->generation};
    return is_new;
}
