/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_SINK_FIXTURE_H
#define WEIR_TESTS_SINK_FIXTURE_H

/* One sink on a loop, and batches that are handed to it as a relay would. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "sink/sink.h"

struct fixture {
    struct loop *loop;
    struct weir_sink_driver driver;
    struct weir_error err;
    unsigned waiting_for; /* batches whose completion stops the loop */
};

/* A batch of a test: room for its messages and results. */
#define FIXTURE_BATCH_MAX 600
struct fixture_batch {
    struct sink_submission sink; /* first */
    struct fixture *fixture;
    struct loop_task task;
    struct weir_sink_message messages[FIXTURE_BATCH_MAX];
    struct weir_sink_result results[FIXTURE_BATCH_MAX];
    char ids[FIXTURE_BATCH_MAX][32];
    bool completed;
};

static inline struct weir_text text(const char *s)
{
    return (struct weir_text){s, s == NULL ? 0 : strlen(s)};
}

/* Settings end with NULL, NULL. */
static inline enum weir_status fixture_open_status(struct fixture *f, const char *sink,
                                                   const struct sink_setting *settings)
{
    if (f->loop == NULL) {
        assert_int_equal(loop_uv_new(env_system(), &f->loop, &f->err), WEIR_OK);
    }
    const struct sink_kind *kind = sink_kind_find(bytes_str(sink));
    assert_non_null(kind);
    return kind->open(f->loop, settings, &f->driver, &f->err);
}

static inline void fixture_open(struct fixture *f, const char *sink,
                                const struct sink_setting *settings)
{
    *f = (struct fixture){0};
    if (fixture_open_status(f, sink, settings) != WEIR_OK) {
        fail_msg("%s", f->err.message);
    }
}

static inline void fixture_close(struct fixture *f)
{
    if (f->driver.close != NULL) {
        f->driver.close(f->driver.sink);
    }
    loop_free(f->loop);
}

static void batch_landed(void *arg)
{
    struct fixture_batch *batch = arg;
    batch->completed = true;
    if (--batch->fixture->waiting_for == 0) {
        loop_stop(batch->fixture->loop);
    }
}

static inline void batch_completed(struct sink_submission *sink)
{
    struct fixture_batch *batch = (struct fixture_batch *)sink;
    batch->task = (struct loop_task){.fn = batch_landed, .arg = batch};
    loop_post(batch->fixture->loop, &batch->task);
}

static inline struct fixture_batch *batch_new(struct fixture *f)
{
    struct fixture_batch *batch = calloc(1, sizeof(*batch));
    assert_non_null(batch);
    batch->fixture = f;
    batch->sink.completed = batch_completed;
    batch->sink.batch.messages = batch->messages;
    batch->sink.batch.results = batch->results;
    return batch;
}

static inline struct weir_sink_message *batch_add(struct fixture_batch *batch, const char *key,
                                                  const char *id, const char *payload)
{
    uint32_t at = batch->sink.batch.count++;
    assert_true(at < FIXTURE_BATCH_MAX);
    (void)snprintf(batch->ids[at], sizeof(batch->ids[at]), "%s", id);
    batch->messages[at] = (struct weir_sink_message){
        .id = text(batch->ids[at]), .key = text(key), .type = text("t"), .payload = text(payload)};
    return &batch->messages[at];
}

static inline void batch_submit(struct fixture_batch *batch)
{
    batch->completed = false;
    batch->fixture->waiting_for++;
    for (uint32_t i = 0; i < batch->sink.batch.count; i++) {
        batch->results[i] = (struct weir_sink_result){.delivery = (enum weir_delivery)99};
    }
    batch->fixture->driver.submit(batch->fixture->driver.sink, &batch->sink.batch);
}

/* Until every submitted batch is completed. */
static inline void fixture_wait(struct fixture *f)
{
    if (f->waiting_for > 0) {
        loop_run(f->loop);
    }
    assert_int_equal(f->waiting_for, 0);
}

static inline void batch_deliver(struct fixture_batch *batch)
{
    batch_submit(batch);
    fixture_wait(batch->fixture);
}

static inline void assert_deliveries(const struct fixture_batch *batch, uint32_t from, uint32_t end,
                                     enum weir_delivery wanted)
{
    for (uint32_t i = from; i < end; i++) {
        if (batch->results[i].delivery != wanted) {
            fail_msg("message %u: %d, not %d: %s", i, (int)batch->results[i].delivery, (int)wanted,
                     batch->results[i].reason);
        }
    }
}

static inline void assert_all(const struct fixture_batch *batch, enum weir_delivery wanted)
{
    assert_deliveries(batch, 0, batch->sink.batch.count, wanted);
}

#define assert_says(said, part)                                 \
    do {                                                        \
        if (strstr((said), (part)) == NULL) {                   \
            fail_msg("\"%s\" does not say \"%s\"", said, part); \
        }                                                       \
    } while (0)

#endif
