/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/relay/relay_fixture.h"

#include "base/error.h"

/* ---- a transport that can fail -----------------------------------------------------------------
 */

struct flaky_transport {
    struct client_transport base;
    struct flaky *flaky;
};

static struct flaky *opening; /* between registering and opening */

static void flaky_attempt(struct client_transport *transport, struct client_request *request)
{
    struct flaky *flaky = ((struct flaky_transport *)transport)->flaky;
    if (flaky->fails != NULL && flaky->fails(flaky->arg, request)) {
        request->status = error_set(&request->error, WEIR_UNREACHABLE, "as the test wants it");
        request->error.outcome = WEIR_OUTCOME_UNKNOWN;
        return;
    }
    request->status =
        client_call(flaky->inner, request->operation, request->document, request->arena,
                    &request->response, &request->error_members, &request->error);
}

static bool flaky_call(struct client_transport *transport, struct client_request *request)
{
    flaky_attempt(transport, request);
    return true;
}

static void flaky_start(struct client_transport *transport, struct client_request *request)
{
    flaky_attempt(transport, request);
    request->complete(request);
}

static void flaky_cancel(struct client_transport *transport, struct client_request *request)
{
    (void)transport;
    (void)request;
}

static void flaky_close(struct client_transport *transport)
{
    free(transport);
}

static enum weir_status flaky_open(const char *endpoint, const struct weir_client_options *options,
                                   struct weir_env *env, struct client_transport **ret_transport,
                                   struct weir_error *err)
{
    static const struct client_transport_ops ops = {
        .start = flaky_start, .call = flaky_call, .cancel = flaky_cancel, .close = flaky_close};
    (void)endpoint;
    (void)options;
    (void)env;
    (void)err;
    struct flaky_transport *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    *t = (struct flaky_transport){.base = {&ops}, .flaky = opening};
    *ret_transport = &t->base;
    return WEIR_OK;
}

/* ---- the outbox --------------------------------------------------------------------------------
 */

void relay_fixture_open(struct relay_fixture *r)
{
    struct weir_client_options options = WEIR_CLIENT_OPTIONS_INIT;
    *r = (struct relay_fixture){.options = WEIR_RELAY_OPTIONS_INIT,
                                .outbox_options = WEIR_OUTBOX_OPTIONS_INIT};
    fixture_open(&r->f);
    r->flaky.inner = r->f.client;
    opening = &r->flaky;
    options.endpoint_url = "flaky:";
    options.max_attempts = 1;
    assert_int_equal(client_transport_register("flaky", flaky_open, &r->f.err), WEIR_OK);
    assert_int_equal(weir_client_open(&options, &r->flaky.outer, &r->f.err), WEIR_OK);
    r->outbox = fixture_outbox(&r->f, NULL);
    r->options.outbox = &r->outbox_options;
    r->options.once = 1;
    r->options.retry_first_ms = 1;
    r->options.retry_max_ms = 4;
}

void relay_fixture_close(struct relay_fixture *r)
{
    weir_outbox_close(r->outbox);
    weir_client_close(r->flaky.outer);
    fixture_close(&r->f);
}

void add(struct relay_fixture *r, const char *key, const char *id)
{
    struct weir_message message = message_of(key, id);
    if (weir_outbox_add(r->outbox, &message, NULL, &r->f.err) != WEIR_OK) {
        fail_msg("%s", r->f.err.message);
    }
}

bool is_marked(struct relay_fixture *r, const char *key, const char *id)
{
    const struct weir_value *row = fixture_row(&r->f, "outbox", key, id);
    const struct weir_value *flag = value_get(row, "isPublished");
    assert_non_null(row);
    return flag != NULL && flag->truth;
}

/* ---- the sink ----------------------------------------------------------------------------------
 */

static void write_down(struct sink *sink, const struct weir_sink_message *m,
                       enum weir_delivery reported)
{
    if (sink->count == sink->room) {
        sink->room = sink->room == 0 ? 64 : 2 * sink->room;
        sink->log = realloc(sink->log, sink->room * sizeof(sink->log[0]));
        assert_non_null(sink->log);
    }
    struct delivery *entry = &sink->log[sink->count++];
    (void)snprintf(entry->key, sizeof(entry->key), "%.*s", (int)m->key.len, m->key.ptr);
    (void)snprintf(entry->id, sizeof(entry->id), "%.*s", (int)m->id.len, m->id.ptr);
    entry->reported = reported;
}

static bool same_key(const struct weir_sink_message *a, const struct weir_sink_message *b)
{
    return bytes_eq(bytes_of(a->key.ptr, a->key.len), bytes_of(b->key.ptr, b->key.len));
}

void sink_answer(struct sink *sink, struct weir_sink_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct weir_sink_message *m = &batch->messages[i];
        bool behind = sink->driver.partial == WEIR_PARTIAL_PREFIX && i > 0 &&
                      same_key(m, &batch->messages[i - 1]) &&
                      batch->results[i - 1].delivery >= WEIR_REJECTED;
        batch->results[i].delivery = behind                 ? batch->results[i - 1].delivery
                                     : sink->decide == NULL ? WEIR_DELIVERED
                                                            : sink->decide(sink, m);
        (void)snprintf(batch->results[i].reason, sizeof(batch->results[i].reason), "as scripted");
        if (!behind) {
            write_down(sink, m, batch->results[i].delivery);
        }
    }
    weir_sink_complete(batch);
}

static void sink_submit(void *arg, struct weir_sink_batch *batch)
{
    struct sink *sink = arg;
    sink->submits++;
    if (sink->hold != NULL) {
        sink->hold(sink, batch);
    } else {
        sink_answer(sink, batch);
    }
}

static void sink_closed(void *arg)
{
    ((struct sink *)arg)->closed = true;
}

void sink_init(struct sink *sink, enum weir_partial partial)
{
    *sink = (struct sink){0};
    sink->driver = (struct weir_sink_driver){
        .struct_size = sizeof(sink->driver),
        .partial = partial,
        .name = "scripted",
        .submit = sink_submit,
        .close = sink_closed,
        .sink = sink,
    };
}

void sink_fini(struct sink *sink)
{
    free(sink->log);
}

const char *sink_ids(struct relay_fixture *r, const struct sink *sink, const char *key)
{
    const char *all = "";
    for (unsigned i = 0; i < sink->count; i++) {
        const struct delivery *d = &sink->log[i];
        if (d->reported <= WEIR_DUPLICATE && (key == NULL || strcmp(d->key, key) == 0)) {
            all = arena_printf(r->f.arena, "%s%s%s", all, all[0] == '\0' ? "" : " ", d->id);
        }
    }
    return all;
}

unsigned sink_delivered(const struct sink *sink)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sink->count; i++) {
        count += sink->log[i].reported <= WEIR_DUPLICATE;
    }
    return count;
}

enum weir_status run(struct relay_fixture *r, struct sink *sink)
{
    r->f.err = (struct weir_error){0};
    sink->closed = false;
    enum weir_status status =
        weir_relay_open_driver(r->flaky.outer, &r->options, &sink->driver, &sink->relay, &r->f.err);
    if (status == WEIR_OK) {
        status = weir_relay_run(sink->relay, &r->f.err);
        weir_relay_read_status(sink->relay, &r->status);
        weir_relay_close(sink->relay);
        assert_true(sink->closed);
    }
    return status;
}
