/* SPDX-License-Identifier: Apache-2.0 */
/* Gzip over zlib. Level 1: loopback is faster than any compressor. */
#include "server/gzip.h"

#define GZIP_WINDOW_BITS (15 + 16) /* 16: gzip's frame instead of zlib's */
#define UNPACK_STEP_BYTES ((size_t)16 * 1024)

void gzip_fini(struct gzip *gzip)
{
    if (gzip->is_ready) {
        (void)deflateEnd(&gzip->stream);
    }
    *gzip = (struct gzip){0};
}

static bool make_ready(struct gzip *gzip)
{
    if (gzip->is_ready) {
        return deflateReset(&gzip->stream) == Z_OK;
    }
    gzip->is_ready =
        deflateInit2(&gzip->stream, 1, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    return gzip->is_ready;
}

bool gzip_pack(struct gzip *gzip, struct weir_bytes from, struct buf *to)
{
    if (from.len > UINT32_MAX / 2 || !make_ready(gzip)) {
        return false;
    }
    uLong room = deflateBound(&gzip->stream, from.len);
    uint8_t *at = buf_reserve(to, room);
    if (at == NULL) {
        return false;
    }
    gzip->stream.next_in = (Bytef *)(uintptr_t)from.ptr;
    gzip->stream.avail_in = (uInt)from.len;
    gzip->stream.next_out = at;
    gzip->stream.avail_out = (uInt)room;
    if (deflate(&gzip->stream, Z_FINISH) != Z_STREAM_END) {
        return false;
    }
    to->len += room - gzip->stream.avail_out;
    return true;
}

/* Up to `to`'s maximum and one step, so that "exactly full" and "too much" are told apart. */
static int inflate_step(z_stream *stream, struct buf *to)
{
    size_t left = to->max - to->len;
    size_t room = left < UNPACK_STEP_BYTES ? left : UNPACK_STEP_BYTES;
    uint8_t beyond = 0;
    uint8_t *at = room == 0 ? &beyond : buf_reserve(to, room);
    if (at == NULL) {
        return Z_MEM_ERROR;
    }
    stream->next_out = at;
    stream->avail_out = room == 0 ? 1 : (uInt)room;
    int result = inflate(stream, Z_NO_FLUSH);
    if (room == 0) {
        return stream->avail_out == 0 ? Z_BUF_ERROR : result;
    }
    to->len += room - stream->avail_out;
    return result;
}

static enum weir_status inflate_all(z_stream *stream, struct buf *to)
{
    for (;;) {
        uInt before = stream->avail_in;
        size_t had = to->len;
        int result = inflate_step(stream, to);
        if (result == Z_STREAM_END) {
            return stream->avail_in == 0 ? WEIR_OK : WEIR_SERIALIZATION;
        }
        if (result == Z_MEM_ERROR) {
            return WEIR_NO_MEMORY;
        }
        if (result == Z_BUF_ERROR && had == to->max) {
            return WEIR_TOO_LARGE;
        }
        if (result != Z_OK || (stream->avail_in == before && to->len == had && had != to->max)) {
            return WEIR_SERIALIZATION;
        }
    }
}

enum weir_status gzip_unpack(struct weir_bytes from, struct buf *to)
{
    if (from.len == 0 || from.len > UINT32_MAX / 2) {
        return from.len == 0 ? WEIR_SERIALIZATION : WEIR_TOO_LARGE;
    }
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)from.ptr, .avail_in = (uInt)from.len};
    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
        return WEIR_NO_MEMORY;
    }
    enum weir_status status = inflate_all(&stream, to);
    (void)inflateEnd(&stream);
    return status;
}
