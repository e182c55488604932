/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink_redis_url.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/error.h"

#define SCHEME "redis://"
#define DEFAULT_PORT 6379
#define DATABASES_MAX 65536

static enum weir_status wrong(struct weir_error *err, const char *what)
{
    return error_set(err, WEIR_CONFIG,
                     "sink redis: url: %s; it is redis://[[user]:password@]host[:port][/database]",
                     what);
}

static int hex_digit(char c)
{
    return !isxdigit((unsigned char)c) ? -1
           : isdigit((unsigned char)c) ? c - '0'
                                       : tolower((unsigned char)c) - 'a' + 10;
}

/* Copies with percent-encoding undone; false if it does not fit or is malformed. */
static bool copy_decoded(struct weir_bytes from, char *to, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        char c = (char)from.ptr[i];
        if (c == '%') {
            int high = i + 2 < from.len ? hex_digit((char)from.ptr[i + 1]) : -1;
            int low = i + 2 < from.len ? hex_digit((char)from.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || len + 1 >= size) {
            return false;
        }
        to[len++] = c;
    }
    to[len] = '\0';
    return true;
}

static bool parse_number(struct weir_bytes text, uint32_t max, uint32_t *ret_number)
{
    uint32_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit(text.ptr[i]) || number > max) {
            return false;
        }
        number = number * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *ret_number = number;
    return text.len > 0 && number <= max;
}

/* Cuts what stands before `c` off the front; false, and nothing cut, when there is no `c`. */
static bool cut_at(struct weir_bytes *text, char c, struct weir_bytes *ret_before)
{
    const uint8_t *at = text->len == 0 ? NULL : memchr(text->ptr, c, text->len);
    if (at == NULL) {
        return false;
    }
    size_t len = (size_t)(at - text->ptr);
    *ret_before = bytes_of(text->ptr, len);
    *text = bytes_of(at + 1, text->len - len - 1);
    return true;
}

static enum weir_status parse_userinfo(struct weir_bytes info, struct redis_url *url,
                                       struct weir_error *err)
{
    struct weir_bytes user = BYTES_NONE;
    if (!cut_at(&info, ':', &user)) {
        return wrong(err, "before @ stands user:password or :password");
    }
    if (!copy_decoded(user, url->user, sizeof(url->user)) ||
        !copy_decoded(info, url->password, sizeof(url->password))) {
        return wrong(err, "user or password is too long or wrongly encoded");
    }
    return WEIR_OK;
}

static enum weir_status parse_host(struct weir_bytes text, struct redis_url *url,
                                   struct weir_error *err)
{
    struct weir_bytes host = text;
    struct weir_bytes rest = text;
    uint32_t port = DEFAULT_PORT;
    if (text.len > 0 && text.ptr[0] == '[') { /* [::1]:6379 */
        rest = bytes_of(text.ptr + 1, text.len - 1);
        if (!cut_at(&rest, ']', &host) || (rest.len > 0 && rest.ptr[0] != ':')) {
            return wrong(err, "an address of IPv6 stands in brackets");
        }
        if (rest.len > 0 &&
            !parse_number(bytes_of(rest.ptr + 1, rest.len - 1), UINT16_MAX, &port)) {
            return wrong(err, "the port is no number up to 65535");
        }
    } else if (cut_at(&rest, ':', &host) && !parse_number(rest, UINT16_MAX, &port)) {
        return wrong(err, "the port is no number up to 65535");
    }
    if (port == 0) {
        return wrong(err, "the port is 0");
    }
    if (host.len == 0) {
        return wrong(err, "a host is missing");
    }
    if (memchr(host.ptr, '?', host.len) != NULL ||
        !copy_decoded(host, url->host, sizeof(url->host))) {
        return wrong(err, "the host is too long or no host's name");
    }
    url->port = (uint16_t)port;
    return WEIR_OK;
}

enum weir_status redis_url_parse(const char *text, struct redis_url *ret_url,
                                 struct weir_error *err)
{
    struct redis_url url = {0};
    struct weir_bytes rest = bytes_str(text);
    struct weir_bytes part = BYTES_NONE;
    if (bytes_starts_with(rest, BYTES_LIT("rediss:"))) {
        return wrong(err, "rediss (TLS) is not supported yet");
    }
    if (!bytes_starts_with(rest, BYTES_LIT(SCHEME))) {
        return wrong(err, "it does not begin with " SCHEME);
    }
    rest = bytes_of(rest.ptr + strlen(SCHEME), rest.len - strlen(SCHEME));
    enum weir_status status = WEIR_OK;
    if (cut_at(&rest, '@', &part)) {
        status = parse_userinfo(part, &url, err);
    }
    struct weir_bytes host = rest;
    if (status == WEIR_OK && cut_at(&rest, '/', &host) && rest.len > 0 &&
        !parse_number(rest, DATABASES_MAX, &url.database)) {
        status = wrong(err, "the database is no number");
    }
    if (status == WEIR_OK) {
        status = parse_host(host, &url, err);
    }
    if (status == WEIR_OK) {
        *ret_url = url;
    }
    return status;
}
