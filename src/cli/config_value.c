/* SPDX-License-Identifier: Apache-2.0 */

/* A scalar of weir.yaml: its variables replaced, its type checked against the table. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_internal.h"

#define VARIABLE_BYTES 128

/* ---- variables ------------------------------------------------------------------------------- */

struct variable {
    char name[VARIABLE_BYTES];
    const char *fallback; /* NULL: none */
    size_t fallback_len;
};

/* Takes apart what follows "${"; the place behind its "}", or NULL when it is not closed. */
static const char *split_variable(const char *at, struct variable *ret_variable)
{
    const char *end = strchr(at, '}');
    if (end == NULL) {
        return NULL;
    }
    size_t len = (size_t)(end - at);
    const char *mark = memmem(at, len, ":-", 2);
    size_t name_len = mark == NULL ? len : (size_t)(mark - at);
    snprintf(ret_variable->name, sizeof(ret_variable->name), "%.*s", (int)name_len, at);
    ret_variable->fallback = mark == NULL ? NULL : mark + 2;
    ret_variable->fallback_len = mark == NULL ? 0 : (size_t)(end - (mark + 2));
    return end + 1;
}

/* False when the variable is not defined and has no default. As in a shell, the default also
 * stands in for an empty one. */
static bool put_variable(struct buf *out, const struct variable *variable)
{
    const char *value = getenv(variable->name);
    if ((value == NULL || value[0] == '\0') && variable->fallback != NULL) {
        buf_put(out, bytes_of(variable->fallback, variable->fallback_len));
        return true;
    }
    if (value != NULL) {
        buf_put_str(out, value);
    }
    return value != NULL;
}

static enum weir_status put_expanded(struct buf *out, const char *text,
                                     char ret_what[CONFIG_WHAT_BYTES])
{
    while (*text != '\0') {
        if (strncmp(text, "${", 2) != 0) {
            buf_put_u8(out, (uint8_t)*text++);
            continue;
        }
        struct variable variable;
        text = split_variable(text + 2, &variable);
        if (text == NULL) {
            snprintf(ret_what, CONFIG_WHAT_BYTES, "${ without }");
            return WEIR_CONFIG;
        }
        if (!put_variable(out, &variable)) {
            snprintf(ret_what, CONFIG_WHAT_BYTES,
                     "variable %.80s is not defined (${%.80s:-default} gives one)", variable.name,
                     variable.name);
            return WEIR_CONFIG;
        }
    }
    return WEIR_OK;
}

enum weir_status config_expand(struct arena *a, const char *text, char **ret_text,
                               char ret_what[CONFIG_WHAT_BYTES])
{
    struct buf out;
    buf_init(&out, CONFIG_FILE_BYTES_MAX);
    enum weir_status status = put_expanded(&out, text, ret_what);
    buf_put_u8(&out, 0);
    if (status == WEIR_OK && buf_status(&out) == WEIR_OK) {
        struct weir_bytes copy = arena_dup(a, buf_bytes(&out));
        *ret_text = (char *)(uintptr_t)copy.ptr;
    } else if (status == WEIR_OK) {
        snprintf(ret_what, CONFIG_WHAT_BYTES, "too long with its variables replaced");
        status = WEIR_CONFIG;
    }
    buf_fini(&out);
    return status == WEIR_OK && *ret_text == NULL ? WEIR_NO_MEMORY : status;
}

/* ---- types ----------------------------------------------------------------------------------- */

/* Digits, a sign at most before them. */
static bool take_integer(const char *text, int64_t *ret_number, const char **ret_rest)
{
    char *end = NULL;
    const char *digits = text + (*text == '-');
    errno = 0;
    *ret_number = strtoll(text, &end, 10);
    *ret_rest = end;
    return *digits >= '0' && *digits <= '9' && errno == 0;
}

bool config_parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const char *rest;
    int64_t number;
    if (!take_integer(text, &number, &rest)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(rest, units[i].unit) == 0) {
            return !__builtin_mul_overflow(number, units[i].ms, ret_ms);
        }
    }
    return false;
}

bool config_parse_number(const char *text, int64_t *ret_number)
{
    const char *rest;
    return take_integer(text, ret_number, &rest) && *rest == '\0';
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = choices; len > 0; at++) {
        const char *end = strchrnul(at, '|');
        if ((size_t)(end - at) == len && strncmp(at, text, len) == 0) {
            return true;
        }
        if (*end == '\0') {
            return false;
        }
        at = end;
    }
    return false;
}

static bool in_range(const struct config_key *key, int64_t number)
{
    return number >= key->min && number <= key->max;
}

bool config_value_good(const struct config_key *key, const char *text,
                       char ret_what[CONFIG_WHAT_BYTES])
{
    int64_t number = 0;
    switch (key->type) {
    case CONFIG_MAP:
    case CONFIG_TEXTS:
        snprintf(ret_what, CONFIG_WHAT_BYTES, "%s holds further keys, not a value", key->path);
        return false;
    case CONFIG_CHOICE:
        snprintf(ret_what, CONFIG_WHAT_BYTES, "\"%.80s\" is none of %s", text, key->choices);
        return is_choice(key->choices, text);
    case CONFIG_NUMBER:
        snprintf(ret_what, CONFIG_WHAT_BYTES, "\"%.80s\" is no number from %lld to %lld", text,
                 (long long)key->min, (long long)key->max);
        return config_parse_number(text, &number) && in_range(key, number);
    case CONFIG_DURATION_MS:
        snprintf(ret_what, CONFIG_WHAT_BYTES,
                 "\"%.80s\" is no duration (250ms, 10s, 5m, 2h, 7d) from %lldms to %lldms", text,
                 (long long)key->min, (long long)key->max);
        return config_parse_duration(text, &number) && in_range(key, number);
    case CONFIG_TEXT:
        snprintf(ret_what, CONFIG_WHAT_BYTES, "an empty text says nothing");
        return text[0] != '\0';
    }
    return false;
}
