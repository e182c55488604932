/* SPDX-License-Identifier: Apache-2.0 */

/* Shard iterators as text. See iterator.h. */

#include "api/iterator.h"

#define ITERATOR_VERSION 1
#define ITERATOR_BYTES 30
#define ITERATOR_CHARS (ITERATOR_BYTES / 3 * 4)
#define FLAG_HORIZON 1

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ITERATOR_BYTES is a multiple of three: there is never any padding. */
_Static_assert(ITERATOR_BYTES % 3 == 0, "the iterator fills whole groups of base64");

static void encode(const uint8_t from[ITERATOR_BYTES], char to[ITERATOR_CHARS])
{
    for (size_t i = 0; i < ITERATOR_BYTES / 3; i++) {
        uint32_t group = (uint32_t)from[3 * i] << 16 | (uint32_t)from[3 * i + 1] << 8 |
                         (uint32_t)from[3 * i + 2];
        for (size_t k = 0; k < 4; k++) {
            to[4 * i + k] = alphabet[group >> (18 - 6 * k) & 63];
        }
    }
}

static bool decode(struct weir_bytes from, uint8_t to[ITERATOR_BYTES])
{
    if (from.len != ITERATOR_CHARS) {
        return false;
    }
    for (size_t i = 0; i < ITERATOR_BYTES / 3; i++) {
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            uint8_t c = from.ptr[4 * i + k];
            const char *at = c == '\0' ? NULL : strchr(alphabet, c);
            if (at == NULL) {
                return false;
            }
            group = group << 6 | (uint32_t)(at - alphabet);
        }
        to[3 * i] = (uint8_t)(group >> 16);
        to[3 * i + 1] = (uint8_t)(group >> 8);
        to[3 * i + 2] = (uint8_t)group;
    }
    return true;
}

struct weir_bytes iterator_format(struct api_call *call, const struct shard_iterator *iterator)
{
    struct weir_env *env = engine_env(call->api->engine);
    uint8_t bytes[ITERATOR_BYTES];
    char chars[ITERATOR_CHARS];
    bytes[0] = ITERATOR_VERSION;
    bytes[1] = iterator->horizon ? FLAG_HORIZON : 0;
    put_be32(bytes + 2, iterator->stream_id);
    put_be32(bytes + 6, iterator->shard_number);
    put_be64(bytes + 10, iterator->position);
    put_be64(bytes + 18, (uint64_t)env_wall_ms(env));
    env->random(env, bytes + 26, 4);
    encode(bytes, chars);
    return bytes_str(
        arena_printf(call->arena, "%.*s|1|%.*s", BYTES_ARG(iterator->arn), ITERATOR_CHARS, chars));
}

static bool split(struct weir_bytes text, struct weir_bytes *ret_arn, uint8_t to[ITERATOR_BYTES])
{
    static const char separator[] = "|1|";
    size_t tail = ITERATOR_CHARS + sizeof(separator) - 1;
    if (text.len <= tail || memcmp(text.ptr + text.len - tail, separator, 3) != 0) {
        return false;
    }
    *ret_arn = bytes_of(text.ptr, text.len - tail);
    return decode(bytes_of(text.ptr + text.len - ITERATOR_CHARS, ITERATOR_CHARS), to);
}

enum weir_status iterator_parse(struct api_call *call, struct weir_bytes text,
                                struct shard_iterator *ret_iterator)
{
    uint8_t bytes[ITERATOR_BYTES];
    struct weir_bytes arn;
    if (!split(text, &arn, bytes) || bytes[0] != ITERATOR_VERSION || bytes[1] > FLAG_HORIZON) {
        return call_invalid(call, "Invalid ShardIterator");
    }
    *ret_iterator = (struct shard_iterator){
        .arn = arn,
        .stream_id = get_be32(bytes + 2),
        .shard_number = get_be32(bytes + 6),
        .position = get_be64(bytes + 10),
        .issued_ms = (int64_t)get_be64(bytes + 18),
        .horizon = bytes[1] == FLAG_HORIZON,
    };
    int64_t now_ms = env_wall_ms(engine_env(call->api->engine));
    if (ret_iterator->issued_ms < 0 || ret_iterator->issued_ms > INT64_MAX / 2) {
        return call_invalid(call, "Invalid ShardIterator");
    }
    if (now_ms - ret_iterator->issued_ms > LIMIT_ITERATOR_AGE_MS) {
        return call_error(call, WEIR_ITERATOR_EXPIRED,
                          "The shard iterator has expired and can no longer be used to retrieve "
                          "stream records. Iterators expire 15 minutes after they are issued.");
    }
    return WEIR_OK;
}

const struct engine_shard *iterator_shard(const struct engine_stream *stream, uint32_t number)
{
    for (uint32_t i = 0; i < stream->shard_count; i++) {
        if (stream->shards[i].number == number) {
            return &stream->shards[i];
        }
    }
    return NULL;
}
