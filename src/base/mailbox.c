/* SPDX-License-Identifier: Apache-2.0 */
/* The queue between threads: a singly linked list under a mutex. */
#include "base/mailbox.h"

#include "base/error.h"

void mailbox_init(struct mailbox *box)
{
    int failed = pthread_mutex_init(&box->mu, NULL);
    WEIR_ASSERT(failed == 0);
    box->first = NULL;
    box->last = &box->first;
    box->count = 0;
}

void mailbox_fini(struct mailbox *box)
{
    WEIR_ASSERT(box->first == NULL);
    (void)pthread_mutex_destroy(&box->mu);
}

/* @locks box->mu is held */
static bool append(struct mailbox *box, struct mail *mail)
{
    bool was_empty = box->first == NULL;
    mail->next = NULL;
    *box->last = mail;
    box->last = &mail->next;
    box->count++;
    return was_empty;
}

bool mailbox_put(struct mailbox *box, struct mail *mail)
{
    pthread_mutex_lock(&box->mu);
    bool was_empty = append(box, mail);
    pthread_mutex_unlock(&box->mu);
    return was_empty;
}

bool mailbox_offer(struct mailbox *box, struct mail *mail, unsigned max, bool *ret_was_empty)
{
    pthread_mutex_lock(&box->mu);
    bool taken = box->count < max;
    if (taken) {
        *ret_was_empty = append(box, mail);
    }
    pthread_mutex_unlock(&box->mu);
    return taken;
}

struct mail *mailbox_take(struct mailbox *box)
{
    pthread_mutex_lock(&box->mu);
    struct mail *all = box->first;
    box->first = NULL;
    box->last = &box->first;
    box->count = 0;
    pthread_mutex_unlock(&box->mu);
    return all;
}
