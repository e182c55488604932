/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink_redis_group.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"

#define FIELDS_MAX 13
#define GROUP_ARENA_BYTES (16u * 1024 * 1024)

/* ---- words ----------------------------------------------------------------------------------- */

/* The words of one command, borrowed. */
struct words {
    const char **at;
    size_t *lengths;
    int count, max;
};

static bool words_init(struct words *words, int max)
{
    *words = (struct words){
        .at = calloc((size_t)max, sizeof(words->at[0])),
        .lengths = calloc((size_t)max, sizeof(words->lengths[0])),
        .max = max,
    };
    return words->at != NULL && words->lengths != NULL;
}

static void words_fini(struct words *words)
{
    free(words->at);
    free(words->lengths);
}

static void word(struct words *words, const char *ptr, size_t len)
{
    WEIR_ASSERT(words->count < words->max);
    words->at[words->count] = len == 0 ? "" : ptr;
    words->lengths[words->count++] = len;
}

static void word_str(struct words *words, const char *text)
{
    word(words, text, strlen(text));
}

/* ---- one group: the messages of one key ------------------------------------------------------ */

static bool same_key(const struct weir_sink_message *a, const struct weir_sink_message *b)
{
    return bytes_eq(bytes_of(a->key.ptr, a->key.len), bytes_of(b->key.ptr, b->key.len));
}

uint32_t redis_group_end(const struct weir_sink_batch *batch, uint32_t from)
{
    uint32_t end = from + 1;
    while (end < batch->count && same_key(&batch->messages[from], &batch->messages[end])) {
        end++;
    }
    return end;
}

/* An entry's fields: the same names as the JSON line's; absent ones are left out. */
static void put_fields(struct words *words, const struct weir_sink_message *m)
{
    const struct {
        const char *name;
        struct weir_text text;
    } fields[FIELDS_MAX] = {
        {"id", m->id},
        {"key", m->key},
        {"type", m->type},
        {"time", m->created_at},
        {"contentType", m->content_type},
        {"correlationId", m->correlation_id},
        {"causationId", m->causation_id},
        {"aggregateId", m->aggregate_id},
        {"aggregateType", m->aggregate_type},
        {"traceparent", m->traceparent},
        {"tracestate", m->tracestate},
        {"headers", m->headers},
        {"data", m->payload},
    };
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        if (fields[i].text.len > 0 || i + 1 == FIELDS_MAX) {
            word_str(words, fields[i].name);
            word(words, fields[i].text.ptr, fields[i].text.len);
        }
    }
}

static struct weir_text stream_of(const struct redis_group_setup *setup,
                                  const struct weir_sink_message *m)
{
    return m->destination.len > 0 ? m->destination
                                  : (struct weir_text){setup->stream, strlen(setup->stream)};
}

/* Texts may hold any character, NUL too: hence put together, not printed. */
static struct weir_bytes memory_key(struct arena *a, struct weir_text stream,
                                    const struct weir_sink_message *m)
{
    char length[24];
    (void)snprintf(length, sizeof(length), "%zu", m->key.len);
    const struct weir_bytes parts[] = {BYTES_LIT("{"),       bytes_of(stream.ptr, stream.len),
                                       BYTES_LIT("}:weir:"), bytes_str(length),
                                       BYTES_LIT(":"),       bytes_of(m->key.ptr, m->key.len),
                                       BYTES_LIT(":"),       bytes_of(m->id.ptr, m->id.len)};
    size_t len = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        len += parts[i].len;
    }
    uint8_t *text = arena_alloc(a, len);
    uint8_t *pos = text;
    for (size_t i = 0; text != NULL && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].len > 0) {
            memcpy(pos, parts[i].ptr, parts[i].len);
        }
        pos += parts[i].len;
    }
    return bytes_of(text, text == NULL ? 0 : len);
}

/* A number as a word; false without memory. */
static bool count_word(struct arena *a, struct words *words, int at, uint32_t count)
{
    const char *text = arena_printf(a, "%u", count);
    words->at[at] = text == NULL ? "" : text;
    words->lengths[at] = text == NULL ? 0 : strlen(text);
    return text != NULL;
}

static bool put_keys(const struct redis_group_setup *setup, struct arena *a, struct words *words,
                     const struct weir_sink_message *m)
{
    struct weir_text stream = stream_of(setup, m);
    struct weir_bytes memory = memory_key(a, stream, m);
    word(words, stream.ptr, stream.len);
    word(words, (const char *)memory.ptr, memory.len);
    return memory.ptr != NULL;
}

/* EVALSHA sha n, then stream and memory key of each message, then window, maxlen, and fields, each
 * message's behind their number. */
static bool put_group(const struct redis_group_setup *setup, struct arena *a, struct words *words,
                      const struct weir_sink_batch *batch, uint32_t from, uint32_t end)
{
    word_str(words, "EVALSHA");
    word(words, setup->sha1, REDIS_SHA1_HEX);
    word_str(words, "");
    bool good = count_word(a, words, words->count - 1, 2 * (end - from));
    for (uint32_t i = from; good && i < end; i++) {
        good = put_keys(setup, a, words, &batch->messages[i]);
    }
    word_str(words, setup->window_s);
    word_str(words, setup->maxlen);
    for (uint32_t i = from; good && i < end; i++) {
        int at = words->count;
        word_str(words, "");
        put_fields(words, &batch->messages[i]);
        good = count_word(a, words, at, (uint32_t)(words->count - at - 1));
    }
    return good;
}

char *redis_group_command(const struct redis_group_setup *setup,
                          const struct weir_sink_batch *batch, uint32_t from, uint32_t end,
                          size_t *ret_len)
{
    struct words words;
    char *command = NULL;
    int len = -1;
    struct arena *a = arena_new(GROUP_ARENA_BYTES);
    if (words_init(&words, (int)(5 + (end - from) * (2 + 1 + 2 * FIELDS_MAX))) && a != NULL &&
        put_group(setup, a, &words, batch, from, end)) {
        len = redisFormatCommandArgv(&command, words.count, words.at, words.lengths);
    }
    words_fini(&words);
    arena_free(a);
    *ret_len = len < 0 ? 0 : (size_t)len;
    return len < 0 ? NULL : command;
}
