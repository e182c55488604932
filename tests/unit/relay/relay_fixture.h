/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_RELAY_FIXTURE_H
#define WEIR_TESTS_RELAY_FIXTURE_H

/*
 * An outbox in a database in memory, behind a transport whose calls a test can make fail, and a
 * sink that does what the test says and writes down what it was given.
 */

#include "unit/outbox/outbox_fixture.h"

#include <pthread.h>

#include "weir/relay.h"

/* Every call goes through `inner`; a call that `fails` names ends as unreachable instead. */
struct flaky {
    struct weir_client *inner, *outer;
    bool (*fails)(void *arg, const struct client_request *request);
    void *arg;
};

struct delivery {
    char key[32], id[32];
    enum weir_delivery reported;
};

struct sink {
    struct weir_sink_driver driver;
    struct weir_relay *relay;
    /* What becomes of a message; NULL: delivered. Relay's thread. */
    enum weir_delivery (*decide)(struct sink *sink, const struct weir_sink_message *message);
    /* Takes the batch instead of completing it. */
    void (*hold)(struct sink *sink, struct weir_sink_batch *batch);
    void *arg;
    struct delivery *log;
    unsigned count, room;
    unsigned submits;
    bool closed;
    struct weir_sink_batch *held;
};

struct relay_fixture {
    struct fixture f;
    struct flaky flaky;
    struct weir_outbox *outbox;
    struct weir_relay_options options;         /* once, short waits */
    struct weir_outbox_options outbox_options; /* the relay's */
    struct weir_relay_status status;           /* of the last run */
};

void relay_fixture_open(struct relay_fixture *r);
void relay_fixture_close(struct relay_fixture *r);

void sink_init(struct sink *sink, enum weir_partial partial);
void sink_fini(struct sink *sink);
/* Applies decide to the batch, as the driver's promise about parts wants it, and completes. */
void sink_answer(struct sink *sink, struct weir_sink_batch *batch);
/* "id id ..." of what was reported delivered, of one key or all (NULL). */
const char *sink_ids(struct relay_fixture *r, const struct sink *sink, const char *key);
unsigned sink_delivered(const struct sink *sink);

void add(struct relay_fixture *r, const char *key, const char *id);
bool is_marked(struct relay_fixture *r, const char *key, const char *id);

/* Opens a relay on the sink, runs it to its end, keeps its status, closes it. */
enum weir_status run(struct relay_fixture *r, struct sink *sink);
#define assert_run(r, sink, wanted)                                                              \
    do {                                                                                         \
        enum weir_status status_ = run(r, sink);                                                 \
        if (status_ != (wanted)) {                                                               \
            fail_msg("run: %s, not %s: %s", weir_status_name(status_), weir_status_name(wanted), \
                     (r)->f.err.message);                                                        \
        }                                                                                        \
    } while (0)

#endif
