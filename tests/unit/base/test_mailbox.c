/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox: order, the answer "was empty", the bound, and threads at both ends. */
#include "base/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <semaphore.h>
#include <cmocka.h>

static void mail_is_taken_all_at_once_oldest_first(void **state)
{
    (void)state;
    struct mailbox box;
    struct mail mails[3];
    mailbox_init(&box);
    assert_null(mailbox_take(&box));
    assert_true(mailbox_put(&box, &mails[0]));
    assert_false(mailbox_put(&box, &mails[1]));
    assert_false(mailbox_put(&box, &mails[2]));
    assert_ptr_equal(mailbox_take(&box), &mails[0]);
    assert_ptr_equal(mails[0].next, &mails[1]);
    assert_ptr_equal(mails[1].next, &mails[2]);
    assert_null(mails[2].next);
    assert_null(mailbox_take(&box));
    assert_true(mailbox_put(&box, &mails[1]));
    assert_ptr_equal(mailbox_take(&box), &mails[1]);
    mailbox_fini(&box);
}

static void offer_is_refused_when_full(void **state)
{
    (void)state;
    struct mailbox box;
    struct mail mails[3];
    bool was_empty = false;
    mailbox_init(&box);
    assert_true(mailbox_offer(&box, &mails[0], 2, &was_empty));
    assert_true(was_empty);
    assert_true(mailbox_offer(&box, &mails[1], 2, &was_empty));
    assert_false(was_empty);
    was_empty = true;
    assert_false(mailbox_offer(&box, &mails[2], 2, &was_empty));
    assert_true(was_empty);
    assert_ptr_equal(mailbox_take(&box), &mails[0]);
    assert_null(mails[1].next);
    assert_true(mailbox_offer(&box, &mails[2], 2, &was_empty));
    assert_ptr_equal(mailbox_take(&box), &mails[2]);
    mailbox_fini(&box);
}

enum { SENDERS = 3, MAILS_EACH = 5000 };

struct letter {
    struct mail mail;
    int sender;
    int number;
};

struct sender {
    struct mailbox *box;
    sem_t *wake;
    struct letter letters[MAILS_EACH];
};

static void *send_all(void *arg)
{
    struct sender *s = arg;
    for (int i = 0; i < MAILS_EACH; i++) {
        if (mailbox_put(s->box, &s->letters[i].mail)) {
            (void)sem_post(s->wake);
        }
    }
    return NULL;
}

/* Waits for a wake whenever the box is empty: a wake too few would hang, until the time limit. */
static void wakes_on_empty_are_enough_and_each_sender_keeps_its_order(void **state)
{
    (void)state;
    static struct sender senders[SENDERS];
    struct mailbox box;
    sem_t wake;
    pthread_t threads[SENDERS];
    mailbox_init(&box);
    assert_int_equal(sem_init(&wake, 0, 0), 0);
    for (int s = 0; s < SENDERS; s++) {
        senders[s].box = &box;
        senders[s].wake = &wake;
        for (int i = 0; i < MAILS_EACH; i++) {
            senders[s].letters[i].sender = s;
            senders[s].letters[i].number = i;
        }
        assert_int_equal(pthread_create(&threads[s], NULL, send_all, &senders[s]), 0);
    }
    int next[SENDERS] = {0};
    for (int received = 0; received < SENDERS * MAILS_EACH;) {
        while (sem_wait(&wake) != 0) {
        }
        for (struct mail *mail = mailbox_take(&box); mail != NULL; mail = mail->next, received++) {
            struct letter *letter = (struct letter *)mail;
            assert_int_equal(letter->number, next[letter->sender]);
            next[letter->sender]++;
        }
    }
    for (int s = 0; s < SENDERS; s++) {
        assert_int_equal(pthread_join(threads[s], NULL), 0);
    }
    (void)sem_destroy(&wake);
    mailbox_fini(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_is_taken_all_at_once_oldest_first),
        cmocka_unit_test(offer_is_refused_when_full),
        cmocka_unit_test(wakes_on_empty_are_enough_and_each_sender_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
