/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_MAILBOX_H
#define WEIR_BASE_MAILBOX_H

/*
 * A queue between threads: many put, one takes all at once. mailbox_put says whether the box was
 * empty, so that the sender wakes the receiver only then: one wake per burst, not per message.
 */

#include <pthread.h>
#include <stdbool.h>

struct mail {
    struct mail *next; /* the mailbox's while queued */
};

struct mailbox {
    pthread_mutex_t mu;
    struct mail *first; /* under mu; oldest first */
    struct mail **last; /* under mu */
    unsigned count;     /* under mu */
};

void mailbox_init(struct mailbox *box);
void mailbox_fini(struct mailbox *box); /* must be empty */
/* Appends; true when the box was empty before. @thread any @locks box->mu */
bool mailbox_put(struct mailbox *box, struct mail *mail);
/* Appends unless `max` are queued already: then false, and *ret_was_empty is not written. */
bool mailbox_offer(struct mailbox *box, struct mail *mail, unsigned max, bool *ret_was_empty);
/* Takes everything, oldest first, linked by next; NULL when empty. @thread any @locks box->mu */
struct mail *mailbox_take(struct mailbox *box);

#endif
