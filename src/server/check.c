/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a request's head. libmicrohttpd takes a repeated Content-Length, Content-Length
 * beside Transfer-Encoding, and a blank before the colon; each of them lets two programs in a row
 * disagree about where a request ends, so each is refused here.
 */
#include "server/check.h"

#include "base/limits.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#define TYPE_SERVICE "com.amazon.coral.service#"

/* Host names are at most 253 characters. */
#define HOST_NAME_MAX_BYTES 253

static bool equals_nocase(struct weir_bytes a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.ptr, b, a.len) == 0;
}

static bool ends_with_nocase(struct weir_bytes a, const char *end)
{
    size_t len = strlen(end);
    return a.len >= len && equals_nocase(bytes_of(a.ptr + a.len - len, len), end);
}

static struct weir_bytes trim(struct weir_bytes b)
{
    while (b.len > 0 && (b.ptr[0] == ' ' || b.ptr[0] == '\t')) {
        b = bytes_of(b.ptr + 1, b.len - 1);
    }
    while (b.len > 0 && (b.ptr[b.len - 1] == ' ' || b.ptr[b.len - 1] == '\t')) {
        b.len--;
    }
    return b;
}

/* The part before the first `sep`; *rest is what follows it. */
static struct weir_bytes cut(struct weir_bytes b, uint8_t sep, struct weir_bytes *rest)
{
    const uint8_t *at = b.len == 0 ? NULL : memchr(b.ptr, sep, b.len);
    if (at == NULL) {
        *rest = BYTES_NONE;
        return b;
    }
    size_t len = (size_t)(at - b.ptr);
    *rest = bytes_of(at + 1, b.len - len - 1);
    return bytes_of(b.ptr, len);
}

static bool parse_decimal(struct weir_bytes text, uint64_t *ret_number)
{
    if (text.len == 0 || text.len > 19) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* ---- host and origin ------------------------------------------------------------------------ */

static bool is_loopback_address(const char *text)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_any_address(const char *text)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return v4.s_addr == htonl(INADDR_ANY);
    }
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

static bool is_address(const char *text)
{
    uint8_t any[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, any) == 1 || inet_pton(AF_INET6, text, any) == 1;
}

static char **names_copy(const char *const *names)
{
    size_t count = 0;
    while (names[count] != NULL) {
        count++;
    }
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(names[i]);
        if (copy[i] == NULL) {
            while (i > 0) {
                free(copy[--i]);
            }
            free(copy);
            return NULL;
        }
    }
    return copy;
}

bool host_rules_init(struct host_rules *rules, const char *address, const char *const *names)
{
    *rules = (struct host_rules){.address = strdup(address), .is_any = is_any_address(address)};
    if (rules->address == NULL) {
        return false;
    }
    if (names != NULL) {
        rules->names = names_copy(names);
        return rules->names != NULL;
    }
    return true;
}

void host_rules_fini(struct host_rules *rules)
{
    for (char **name = rules->names; name != NULL && *name != NULL; name++) {
        free(*name);
    }
    free(rules->names);
    free(rules->address);
    *rules = (struct host_rules){0};
}

/* "name", "name:port", "[v6]", "[v6]:port" to the name; false when it is none of these. */
static bool host_split(struct weir_bytes host, struct weir_bytes *ret_name)
{
    struct weir_bytes port = BYTES_NONE;
    if (host.len > 0 && host.ptr[0] == '[') {
        *ret_name = cut(bytes_of(host.ptr + 1, host.len - 1), ']', &port);
        if (ret_name->len == host.len - 1 || (port.len > 0 && port.ptr[0] != ':')) {
            return false;
        }
        port = port.len == 0 ? port : bytes_of(port.ptr + 1, port.len - 1);
    } else {
        *ret_name = cut(host, ':', &port);
    }
    uint64_t number = 0;
    return ret_name->len > 0 && (port.len == 0 || (parse_decimal(port, &number) && number < 65536));
}

static bool name_allowed(const struct host_rules *rules, struct weir_bytes name)
{
    if (equals_nocase(name, "localhost") || ends_with_nocase(name, ".localhost") ||
        equals_nocase(name, rules->address)) {
        return true;
    }
    for (char **own = rules->names; own != NULL && *own != NULL; own++) {
        if (equals_nocase(name, *own)) {
            return true;
        }
    }
    return false;
}

bool host_allowed(const struct host_rules *rules, struct weir_bytes host)
{
    struct weir_bytes name;
    char text[HOST_NAME_MAX_BYTES + 1];
    if (!host_split(host, &name) || name.len >= sizeof(text) ||
        memchr(name.ptr, 0, name.len) != NULL) {
        return false;
    }
    if (name_allowed(rules, name)) {
        return true;
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    /* A page of somebody else has its own name there, never an address. */
    return is_loopback_address(text) || (rules->is_any && is_address(text));
}

bool origin_allowed(const struct host_rules *rules, struct weir_bytes origin)
{
    static const struct weir_bytes schemes[] = {BYTES_LIT("http://"), BYTES_LIT("https://")};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (bytes_starts_with(origin, schemes[i])) {
            return host_allowed(rules,
                                bytes_of(origin.ptr + schemes[i].len, origin.len - schemes[i].len));
        }
    }
    return false;
}

/* ---- headers -------------------------------------------------------------------------------- */

/* ";q=0", ";q=0.0" ...: not acceptable. */
static bool quality_is_zero(struct weir_bytes parameters)
{
    while (parameters.len > 0) {
        struct weir_bytes one = trim(cut(parameters, ';', &parameters));
        if (one.len >= 3 && (one.ptr[0] == 'q' || one.ptr[0] == 'Q') && one.ptr[1] == '=') {
            for (size_t i = 2; i < one.len; i++) {
                if (one.ptr[i] >= '1' && one.ptr[i] <= '9') {
                    return false;
                }
            }
            return true;
        }
    }
    return false;
}

bool accepts_gzip(struct weir_bytes value)
{
    while (value.len > 0) {
        struct weir_bytes parameters;
        struct weir_bytes coding = trim(cut(cut(value, ',', &value), ';', &parameters));
        if (equals_nocase(coding, "gzip")) {
            return !quality_is_zero(parameters);
        }
    }
    return false;
}

static void add_length(struct request_head *head, struct weir_bytes value)
{
    head->length_count++;
    head->is_bad_length |= !parse_decimal(value, &head->body_bytes);
}

static void add_wait(struct request_head *head, struct weir_bytes value)
{
    uint64_t wait_ms = 0;
    head->is_bad_wait |= !parse_decimal(value, &wait_ms);
    head->wait_ms = wait_ms > LIMIT_WAIT_MS ? LIMIT_WAIT_MS : (uint32_t)wait_ms;
}

static bool is_bad_name(struct weir_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] == 127) {
            return true;
        }
    }
    return name.len == 0;
}

/* Told apart by length first: a usual request has ten headers, of which four matter. */
void head_add(struct request_head *head, struct weir_bytes name, struct weir_bytes value)
{
    head->is_bad_name |= is_bad_name(name);
    switch (name.len) {
    case 4:
        if (equals_nocase(name, "Host")) {
            head->host = value;
            head->host_count++;
        }
        return;
    case 6:
        if (equals_nocase(name, "Origin")) {
            head->origin = value;
        }
        return;
    case 12:
        if (equals_nocase(name, "X-Amz-Target")) {
            head->target = value;
        }
        return;
    case 14:
        if (equals_nocase(name, "Content-Length")) {
            add_length(head, value);
        } else if (equals_nocase(name, "X-Weir-Wait-Ms")) {
            add_wait(head, value);
        }
        return;
    case 15:
        if (equals_nocase(name, "Accept-Encoding")) {
            head->takes_gzip = accepts_gzip(value);
        }
        return;
    case 16:
        if (equals_nocase(name, "Content-Encoding")) {
            head->body_coding = value;
        }
        return;
    case 17:
        if (equals_nocase(name, "Transfer-Encoding")) {
            head->transfer_count++;
            head->is_bad_coding |= !equals_nocase(value, "chunked");
        }
        return;
    case 30:
        if (equals_nocase(name, "Access-Control-Request-Headers")) {
            head->asked_headers = value;
        }
        return;
    default:
        return;
    }
}

static struct refusal check_framing(const struct request_head *head)
{
    static const char type[] = TYPE_SERVICE "SerializationException";
    if (head->is_bad_name) {
        return (struct refusal){400, type, "A header's name holds a blank or control character"};
    }
    if (head->length_count > 1) {
        return (struct refusal){400, type, "Content-Length is there more than once"};
    }
    if (head->length_count > 0 && head->transfer_count > 0) {
        return (struct refusal){400, type,
                                "Content-Length and Transfer-Encoding exclude each other"};
    }
    if (head->is_bad_length) {
        return (struct refusal){400, type, "Content-Length is not a number"};
    }
    if (head->transfer_count > 1 || head->is_bad_coding) {
        return (struct refusal){400, type, "The only Transfer-Encoding known here is chunked"};
    }
    return (struct refusal){0};
}

static struct refusal check_source(const struct request_head *head, const struct host_rules *rules)
{
    static const char type[] = TYPE_SERVICE "AccessDeniedException";
    if (head->host_count > 1 || (head->host_count == 0 && !head->is_http10)) {
        return (struct refusal){400, TYPE_SERVICE "SerializationException",
                                "A request has exactly one Host header"};
    }
    if (head->host_count == 1 && !host_allowed(rules, head->host)) {
        return (struct refusal){421, type,
                                "The Host header names another server; further names of this one "
                                "can be allowed in its configuration"};
    }
    if (head->origin.len > 0 && !origin_allowed(rules, head->origin)) {
        return (struct refusal){403, type, "Pages of this origin may not call this server"};
    }
    return (struct refusal){0};
}

static struct refusal check_content(const struct request_head *head)
{
    if (head->method == METHOD_OTHER) {
        return (struct refusal){405, TYPE_SERVICE "UnknownOperationException",
                                "The methods known here are POST, GET and OPTIONS"};
    }
    if (head->body_bytes > LIMIT_BODY_BYTES) {
        return (struct refusal){413, TYPE_SERVICE "RequestEntityTooLarge",
                                "The request's body is larger than 16 MB"};
    }
    if (head->body_coding.len > 0 && !equals_nocase(head->body_coding, "gzip") &&
        !equals_nocase(head->body_coding, "identity")) {
        return (struct refusal){415, TYPE_SERVICE "SerializationException",
                                "The only Content-Encoding known here is gzip"};
    }
    if (head->is_bad_wait) {
        return (struct refusal){400, "com.amazon.coral.validate#ValidationException",
                                "X-Weir-Wait-Ms is not a number of milliseconds"};
    }
    return (struct refusal){0};
}

struct refusal head_check(const struct request_head *head, const struct host_rules *rules)
{
    struct refusal refusal = check_framing(head);
    if (refusal.status == 0) {
        refusal = check_source(head, rules);
    }
    if (refusal.status == 0) {
        refusal = check_content(head);
    }
    return refusal;
}
