/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one C++ file: simdjson's DOM parser behind json_shim.h. Compiled without exceptions; every
 * allocation reports its failure.
 *
 * The tape and the string block are what simdjson documents as its internal format ("tape"), the
 * same since its version 0.3; tests/unit/value hold us to it.
 */
#include "value/json_shim.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <simdjson.h>

namespace
{

/* A parser is made for at least this much, so that it is not made again for each larger text. */
constexpr size_t CAPACITY_MIN = 64 * 1024;

struct thread_parser {
    simdjson::dom::parser parser;
    uint8_t *padded = nullptr;
    size_t capacity = 0; /* of `padded`, without the padding */

    ~thread_parser()
    {
        std::free(padded);
    }
};

thread_local std::unique_ptr<thread_parser> current;

/* Between these a double is written without an exponent, as people and the service do. */
constexpr double PLAIN_MIN = 1e-6;
constexpr double PLAIN_END = 1e17;

/* A power of two that holds len; 0 if there is none that simdjson takes. */
size_t capacity_for(size_t len)
{
    size_t capacity = CAPACITY_MIN;
    while (capacity < len) {
        capacity *= 2;
        if (capacity > simdjson::SIMDJSON_MAXSIZE_BYTES / 2) {
            return 0;
        }
    }
    return capacity;
}

bool reserve(thread_parser &p, size_t len, unsigned depth_max)
{
    if (p.capacity >= len && p.parser.max_depth() == depth_max) {
        return true;
    }
    size_t capacity = capacity_for(len);
    if (capacity == 0) {
        return false;
    }
    std::free(p.padded);
    p.capacity = 0;
    p.padded = static_cast<uint8_t *>(std::malloc(capacity + simdjson::SIMDJSON_PADDING));
    if (p.padded == nullptr || p.parser.allocate(capacity, depth_max) != simdjson::SUCCESS ||
        p.parser.doc.allocate(capacity) != simdjson::SUCCESS) {
        return false;
    }
    p.capacity = capacity;
    return true;
}

size_t end_of(char *to, std::to_chars_result result)
{
    return static_cast<size_t>(result.ptr - to);
}

} // namespace

extern "C" const char *json_shim_parse(const uint8_t *text, size_t len, unsigned depth_max,
                                       struct json_tape *ret_tape)
{
    if (!current) {
        current.reset(new (std::nothrow) thread_parser);
    }
    if (!current || !reserve(*current, len, depth_max)) {
        current.reset();
        return "";
    }
    if (len > 0) {
        std::memcpy(current->padded, text, len);
    }
    std::memset(current->padded + len, ' ', simdjson::SIMDJSON_PADDING);
    simdjson::error_code error = current->parser.parse(current->padded, len, false).error();
    if (error == simdjson::MEMALLOC) {
        current.reset();
        return "";
    }
    if (error != simdjson::SUCCESS) {
        return simdjson::error_message(error);
    }
    ret_tape->words = current->parser.doc.tape.get();
    ret_tape->strings = current->parser.doc.string_buf.get();
    return nullptr;
}

extern "C" void json_shim_done(size_t keep_bytes)
{
    if (current && current->capacity > keep_bytes) {
        current.reset();
    }
}

extern "C" size_t json_shim_format_double(double number, char to[JSON_SHIM_NUMBER_MAX])
{
    double magnitude = number < 0 ? -number : number;
    bool plain = magnitude == 0 || (magnitude >= PLAIN_MIN && magnitude < PLAIN_END);
    char *end = to + JSON_SHIM_NUMBER_MAX - 2;
    size_t len = end_of(to, plain ? std::to_chars(to, end, number, std::chars_format::fixed)
                                  : std::to_chars(to, end, number));
    for (size_t i = 0; i < len; i++) {
        if (to[i] == '.' || to[i] == 'e') {
            return len;
        }
    }
    to[len++] = '.';
    to[len++] = '0';
    return len;
}

extern "C" size_t json_shim_format_int(int64_t number, char to[JSON_SHIM_NUMBER_MAX])
{
    return end_of(to, std::to_chars(to, to + JSON_SHIM_NUMBER_MAX, number));
}

extern "C" size_t json_shim_format_uint(uint64_t number, char to[JSON_SHIM_NUMBER_MAX])
{
    return end_of(to, std::to_chars(to, to + JSON_SHIM_NUMBER_MAX, number));
}
