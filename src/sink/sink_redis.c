/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The sink `redis`: entries of Redis (or Valkey) streams.
 *
 * One script call per ordering key and batch, all of a batch pipelined. For each of its messages,
 * in order, the script looks whether the message's id is remembered; if so it is a duplicate,
 * otherwise it adds the entry and remembers the id, both in the one atomic step that a script is.
 * It stops at the first failure, so that nothing of a key is added behind it (WEIR_PARTIAL_PREFIX).
 *
 * A message is the same as another when both its key and its id are. That is remembered in keys
 * beside the stream, {<stream>}:weir:<length of key>:<key>:<id>, for dedup_window_s; the value is
 * the entry's id, so that a duplicate is shown, not guessed.
 *
 *     IDLE ──► CONNECTING ──► GREETING (AUTH, SELECT, SCRIPT LOAD) ──► READY
 *       ▲           │              │                                     │
 *       └───────────┴──────────────┴─────────────────────────────────────┘
 *         any failure: every batch in hand is completed as unreachable
 *
 * hiredis formats commands and parses replies; the connection is the loop's.
 */

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fault.h"
#include "sink/sink_kinds.h"
#include "sink/sink_redis_group.h"
#include "sink/sink_redis_url.h"

#define BATCH_MAX 512
#define IN_FLIGHT_MAX 4
#define ANSWER_MS 30000
/* A further batch is written while less than that is unsent: with the largest one (512 items of
 * 400 KB) it stays below LIMIT_TCP_UNSENT_BYTES. */
#define SEND_AHEAD_BYTES (16u * 1024 * 1024)
#define DEFAULT_STREAM "weir"
#define DEFAULT_WINDOW_S 86400 /* as long as DynamoDB's stream could make the relay repeat */

static const char script[] =
    "local results = {}\n"
    "local at = 3\n"
    "for i = 1, #KEYS, 2 do\n"
    "  local fields = tonumber(ARGV[at])\n"
    "  local seen = redis.call('GET', KEYS[i + 1])\n"
    "  if seen then\n"
    "    results[#results + 1] = 1\n"
    "  else\n"
    "    local entry\n"
    "    if ARGV[2] == '0' then\n"
    "      entry = redis.pcall('XADD', KEYS[i], '*', unpack(ARGV, at + 1, at + fields))\n"
    "    else\n"
    "      entry = redis.pcall('XADD', KEYS[i], 'MAXLEN', '~', ARGV[2], '*',\n"
    "                          unpack(ARGV, at + 1, at + fields))\n"
    "    end\n"
    "    if type(entry) == 'table' and entry.err then\n"
    "      results[#results + 1] = entry.err\n"
    "      return results\n"
    "    end\n"
    "    redis.call('SET', KEYS[i + 1], entry, 'EX', ARGV[1])\n"
    "    results[#results + 1] = 0\n"
    "  end\n"
    "  at = at + 1 + fields\n"
    "end\n"
    "return results\n";

enum redis_state { REDIS_IDLE, REDIS_CONNECTING, REDIS_GREETING, REDIS_READY };

/* A batch in hand: its groups' answers come in the order in which they were sent. */
struct redis_batch {
    struct redis_batch *next;
    struct weir_sink_batch *batch;
    uint32_t answered;  /* messages, from the first, whose result is known */
    uint32_t group_end; /* where the group that is answered next ends */
    bool sent;
};

struct redis_sink {
    /* Immutable after open. */
    struct loop *loop;
    struct redis_url url;
    struct redis_group_setup setup; /* but for the digest, which each greeting gives */

    enum redis_state state;
    struct loop_tcp *tcp;
    redisReader *reader;
    struct loop_timer *timer;          /* for the next answer */
    unsigned greetings_expected;       /* answers of the greeting still to come */
    struct redis_batch *first, **last; /* sent ones first */
};

/* ---- sending --------------------------------------------------------------------------------- */

static bool send_group(struct redis_sink *sink, const struct weir_sink_batch *batch, uint32_t from,
                       uint32_t end)
{
    size_t len = 0;
    char *command = redis_group_command(&sink->setup, batch, from, end, &len);
    if (command == NULL) {
        return false;
    }
    loop_tcp_write(sink->loop, sink->tcp, bytes_of(command, len));
    redisFreeCommand(command);
    return true;
}

static void fail_connection(struct redis_sink *sink, const char *reason);

static void send_batch(struct redis_sink *sink, struct redis_batch *b)
{
    b->sent = true;
    b->group_end = redis_group_end(b->batch, 0);
    for (uint32_t from = 0; from < b->batch->count;) {
        uint32_t end = redis_group_end(b->batch, from);
        if (!send_group(sink, b->batch, from, end)) {
            fail_connection(sink, "no memory for a command");
            return;
        }
        from = end;
    }
    loop_timer_start(sink->loop, sink->timer, ANSWER_MS);
}

/* Failing frees the list, so each step looks at it anew. */
static void send_unsent(struct redis_sink *sink)
{
    struct redis_batch *b = sink->first;
    while (sink->state == REDIS_READY && b != NULL) {
        struct redis_batch *next = b->next;
        if (!b->sent) {
            if (loop_tcp_unsent(sink->loop, sink->tcp) > SEND_AHEAD_BYTES) {
                return; /* an answer to what is under way comes back here */
            }
            send_batch(sink, b);
        }
        b = next;
    }
}

/* ---- results --------------------------------------------------------------------------------- */

static void take_first(struct redis_sink *sink)
{
    struct redis_batch *b = sink->first;
    sink->first = b->next;
    if (sink->first == NULL) {
        sink->last = &sink->first;
    }
    struct weir_sink_batch *batch = b->batch;
    free(b);
    weir_sink_complete(batch);
}

static void set_results(struct weir_sink_batch *batch, uint32_t from, uint32_t end,
                        enum weir_delivery delivery, const char *reason)
{
    for (uint32_t i = from; i < end; i++) {
        batch->results[i].delivery = delivery;
        (void)snprintf(batch->results[i].reason, sizeof(batch->results[i].reason), "%s", reason);
    }
}

/* Errors that say nothing about the message: the server is not able to take anything now. */
static bool is_about_the_server(const char *error)
{
    static const char *const prefixes[] = {"LOADING",     "BUSY",     "READONLY", "MASTERDOWN",
                                           "OOM",         "MISCONF",  "NOAUTH",   "NOPERM",
                                           "CLUSTERDOWN", "TRYAGAIN", "NOSCRIPT", "NOREPLICAS"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(error, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void group_failed(struct redis_batch *b, uint32_t from, const char *error)
{
    set_results(b->batch, from, b->group_end,
                is_about_the_server(error) ? WEIR_UNREACHABLE_SINK : WEIR_REJECTED, error);
}

/* An answer of the script: a number per message, and an error's text where it stopped. */
static void group_answered(struct redis_batch *b, const redisReply *reply)
{
    uint32_t at = b->answered;
    for (size_t i = 0; i < reply->elements && at < b->group_end; i++) {
        const redisReply *element = reply->element[i];
        if (element->type != REDIS_REPLY_INTEGER) {
            break;
        }
        set_results(b->batch, at, at + 1, element->integer == 1 ? WEIR_DUPLICATE : WEIR_DELIVERED,
                    "");
        at++;
    }
    if (at < b->group_end) {
        const redisReply *last = reply->elements == 0 ? NULL : reply->element[reply->elements - 1];
        group_failed(b, at, last != NULL && last->str != NULL ? last->str : "a short answer");
    }
}

static bool on_group(struct redis_sink *sink, const redisReply *reply)
{
    struct redis_batch *b = sink->first;
    if (b == NULL || !b->sent) {
        fail_connection(sink, "an answer that nobody asked for");
        return false;
    }
    bool lost_script = false;
    if (reply->type == REDIS_REPLY_ARRAY) {
        group_answered(b, reply);
    } else {
        const char *error = reply->type == REDIS_REPLY_ERROR ? reply->str : "no array";
        lost_script = strncmp(error, "NOSCRIPT", strlen("NOSCRIPT")) == 0;
        group_failed(b, b->answered, error);
    }
    b->answered = b->group_end;
    if (lost_script) {
        fail_connection(sink, "the script is gone: greeting again");
        return false;
    }
    if (b->answered == b->batch->count) {
        take_first(sink);
        send_unsent(sink);
    } else {
        b->group_end = redis_group_end(b->batch, b->answered);
    }
    if (sink->state != REDIS_READY) {
        return false;
    }
    if (sink->first != NULL && sink->first->sent) {
        loop_timer_start(sink->loop, sink->timer, ANSWER_MS);
    } else {
        loop_timer_stop(sink->loop, sink->timer);
    }
    return true;
}

/* ---- the connection -------------------------------------------------------------------------- */

/* Everything in hand comes back as unreachable, but for what was answered already. */
static void fail_connection(struct redis_sink *sink, const char *reason)
{
    char text[1024];
    (void)snprintf(text, sizeof(text), "redis %s:%u: %s", sink->url.host, sink->url.port, reason);
    sink->state = REDIS_IDLE;
    loop_timer_stop(sink->loop, sink->timer);
    loop_tcp_close(sink->loop, sink->tcp);
    sink->tcp = NULL;
    if (sink->reader != NULL) {
        redisReaderFree(sink->reader);
        sink->reader = NULL;
    }
    while (sink->first != NULL) {
        set_results(sink->first->batch, sink->first->answered, sink->first->batch->count,
                    WEIR_UNREACHABLE_SINK, text);
        take_first(sink);
    }
}

static bool greet(struct redis_sink *sink, const char **texts, int count)
{
    char *command = NULL;
    int len = redisFormatCommandArgv(&command, count, texts, NULL);
    if (len < 0) {
        return false;
    }
    loop_tcp_write(sink->loop, sink->tcp, bytes_of(command, (size_t)len));
    redisFreeCommand(command);
    sink->greetings_expected++;
    return true;
}

static void on_connected(void *arg)
{
    struct redis_sink *sink = arg;
    char database[16];
    (void)snprintf(database, sizeof(database), "%u", sink->url.database);
    sink->state = REDIS_GREETING;
    sink->greetings_expected = 0;
    bool good = true;
    if (sink->url.password[0] != '\0') {
        const char *with_user[] = {"AUTH", sink->url.user, sink->url.password};
        const char *without[] = {"AUTH", sink->url.password};
        good = sink->url.user[0] != '\0' ? greet(sink, with_user, 3) : greet(sink, without, 2);
    }
    good = good && greet(sink, (const char *[]){"SELECT", database}, 2);
    good = good && greet(sink, (const char *[]){"SCRIPT", "LOAD", script}, 3);
    if (!good) {
        fail_connection(sink, "no memory for a command");
    }
}

/* AUTH and SELECT answer OK; the last answer is the script's digest. */
static bool on_greeting(struct redis_sink *sink, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        fail_connection(sink, reply->str);
        return false;
    }
    if (--sink->greetings_expected > 0) {
        return true;
    }
    if (reply->type != REDIS_REPLY_STRING || reply->len != REDIS_SHA1_HEX) {
        fail_connection(sink, "SCRIPT LOAD gave no digest");
        return false;
    }
    memcpy(sink->setup.sha1, reply->str, REDIS_SHA1_HEX);
    sink->state = REDIS_READY;
    loop_timer_stop(sink->loop, sink->timer);
    send_unsent(sink);
    return sink->state == REDIS_READY;
}

static void on_data(void *arg, struct weir_bytes bytes)
{
    struct redis_sink *sink = arg;
    if (redisReaderFeed(sink->reader, (const char *)bytes.ptr, bytes.len) != REDIS_OK) {
        fail_connection(sink, "no memory for an answer");
        return;
    }
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(sink->reader, &reply) != REDIS_OK) {
            fail_connection(sink, "it does not speak RESP");
            return;
        }
        if (reply == NULL) {
            return;
        }
        bool going_on =
            sink->state == REDIS_GREETING ? on_greeting(sink, reply) : on_group(sink, reply);
        freeReplyObject(reply);
        if (!going_on) {
            return;
        }
    }
}

static void on_failed(void *arg, enum weir_status status, const char *what)
{
    (void)status;
    fail_connection(arg, what);
}

static void on_timer(void *arg)
{
    struct redis_sink *sink = arg;
    fail_connection(sink, "no answer within 30 s");
}

static void connect_now(struct redis_sink *sink)
{
    struct loop_tcp_handler handler = {
        .connected = on_connected, .data = on_data, .failed = on_failed, .arg = sink};
    sink->state = REDIS_CONNECTING;
    sink->reader = redisReaderCreate();
    sink->tcp = loop_tcp_connect(sink->loop, sink->url.host, sink->url.port, handler);
    if (sink->reader == NULL || sink->tcp == NULL) {
        fail_connection(sink, "no memory for a connection");
        return;
    }
    loop_timer_start(sink->loop, sink->timer, ANSWER_MS);
}

/* ---- the driver ------------------------------------------------------------------------------ */

static void redis_submit(void *arg, struct weir_sink_batch *batch)
{
    struct redis_sink *sink = arg;
    struct redis_batch *b = calloc(1, sizeof(*b));
    if (b == NULL || fault_hit(FAULT_SINK_SUBMIT)) {
        free(b);
        sink_fail_all(batch, WEIR_UNREACHABLE_SINK, "no memory, or a fault point");
        weir_sink_complete(batch);
        return;
    }
    b->batch = batch;
    *sink->last = b;
    sink->last = &b->next;
    if (sink->state == REDIS_IDLE) {
        connect_now(sink);
    } else if (sink->state == REDIS_READY) {
        send_unsent(sink);
    }
}

static void redis_abandon(void *arg)
{
    fail_connection(arg, "abandoned by a stop");
}

static void redis_close(void *arg)
{
    struct redis_sink *sink = arg;
    fail_connection(sink, "closed");
    loop_timer_free(sink->loop, sink->timer);
    free(sink->setup.stream);
    free(sink);
}

static enum weir_status parse_count(const char *name, const char *value, uint64_t min, uint64_t max,
                                    char *to, size_t size, struct weir_error *err)
{
    char *end = NULL;
    unsigned long long count = value == NULL ? 0 : strtoull(value, &end, 10);
    if (value == NULL) {
        return WEIR_OK;
    }
    if (*value < '0' || *value > '9' || *end != '\0' || count < min || count > max) {
        return error_set(err, WEIR_CONFIG, "sink redis: %s is \"%s\": a number from %llu to %llu",
                         name, value, (unsigned long long)min, (unsigned long long)max);
    }
    (void)snprintf(to, size, "%llu", count);
    return WEIR_OK;
}

static enum weir_status redis_configure(struct redis_sink *sink,
                                        const struct sink_setting *settings, struct weir_error *err)
{
    const char *url = sink_setting_find(settings, "url");
    const char *stream = sink_setting_find(settings, "stream");
    if (url == NULL) {
        return error_set(err, WEIR_CONFIG, "sink redis needs url, e.g. redis://127.0.0.1:6379");
    }
    enum weir_status status = redis_url_parse(url, &sink->url, err);
    (void)snprintf(sink->setup.window_s, sizeof(sink->setup.window_s), "%d", DEFAULT_WINDOW_S);
    (void)snprintf(sink->setup.maxlen, sizeof(sink->setup.maxlen), "0");
    if (status == WEIR_OK) {
        status =
            parse_count("dedup_window_s", sink_setting_find(settings, "dedup_window_s"), 1,
                        365u * 86400u, sink->setup.window_s, sizeof(sink->setup.window_s), err);
    }
    if (status == WEIR_OK) {
        status = parse_count("maxlen", sink_setting_find(settings, "maxlen"), 0, 1000000000000u,
                             sink->setup.maxlen, sizeof(sink->setup.maxlen), err);
    }
    if (status == WEIR_OK) {
        sink->setup.stream = strdup(stream == NULL || stream[0] == '\0' ? DEFAULT_STREAM : stream);
        sink->timer = loop_timer_new(sink->loop, on_timer, sink);
        if (sink->setup.stream == NULL || sink->timer == NULL) {
            status = error_set(err, WEIR_NO_MEMORY, "no memory for sink redis");
        }
    }
    return status;
}

static enum weir_status redis_open(struct loop *loop, const struct sink_setting *settings,
                                   struct weir_sink_driver *ret_driver, struct weir_error *err)
{
    enum weir_status status = sink_settings_check(&sink_redis_kind, settings, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct redis_sink *sink = calloc(1, sizeof(*sink));
    if (sink == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for sink redis");
    }
    sink->loop = loop;
    sink->last = &sink->first;
    status = redis_configure(sink, settings, err);
    if (status != WEIR_OK) {
        loop_timer_free(loop, sink->timer);
        free(sink->setup.stream);
        free(sink);
        return status;
    }
    *ret_driver = (struct weir_sink_driver){
        .struct_size = sizeof(*ret_driver),
        .batch_max = BATCH_MAX,
        .in_flight_max = IN_FLIGHT_MAX,
        .partial = WEIR_PARTIAL_PREFIX,
        .name = "redis",
        .submit = redis_submit,
        .abandon = redis_abandon,
        .close = redis_close,
        .sink = sink,
    };
    return WEIR_OK;
}

static const char *const redis_settings[] = {"url", "stream", "maxlen", "dedup_window_s", NULL};

const struct sink_kind sink_redis_kind = {
    .name = "redis",
    .summary = "entries of a Redis or Valkey stream (url; stream, maxlen, dedup_window_s)",
    .settings = redis_settings,
    .open = redis_open,
};
