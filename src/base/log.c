/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines. A line is put together in a fixed buffer of PIPE_BUF bytes and leaves in one write(2),
 * so that lines of threads and processes that share a pipe do not mix. What does not fit is cut in
 * the middle of a text, never in the middle of the syntax: a reserve is kept for closing quotes.
 *
 *     line ─► known, written less than 10 s ago? ─ no ─► written, remembered
 *                      └─ yes ─► held in its place, over the one held before
 *
 * The places are few: a new line takes a free one, or the one whose time ends first.
 */
#include "base/log.h"

#include "base/bytes.h"
#include "base/env.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES PIPE_BUF
#define LINE_RESERVE 40 /* for a closing quote, the repeats' number, a brace, the line's end */
#define REPEATS_MAX 16

struct line {
    size_t len;
    char text[LINE_MAX_BYTES];
};

static enum log_level level_max = LOG_INFO;
static enum log_format line_format = LOG_TEXT;
static struct weir_env *line_clock; /* NULL: the system's */

void log_configure(enum log_level level, enum log_format format)
{
    level_max = level;
    line_format = format;
}

bool log_enabled(enum log_level level)
{
    return level <= level_max;
}

void log_clock(struct weir_env *env)
{
    line_clock = env;
}

static struct weir_env *clock_of_lines(void)
{
    return line_clock == NULL ? env_system() : line_clock;
}

static bool has_room(const struct line *line, size_t size)
{
    return line->len + size <= sizeof(line->text) - LINE_RESERVE;
}

/* For the line's own syntax: the caller made sure of the room, or uses the reserve. */
static void put(struct line *line, const char *s)
{
    size_t len = strlen(s);
    memcpy(line->text + line->len, s, len);
    line->len += len;
}

/* Bytes of the UTF-8 sequence at s, 0 if it is none. Relies on the NUL at the end of the text. */
static size_t utf8_length(const uint8_t *s)
{
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (s[0] > 0xF4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    bool beyond = s[0] == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || beyond ? 0 : len;
}

/* Control characters, also those of ISO 6429 above 7F, which some terminals obey. */
static bool is_control(const uint8_t *s)
{
    return s[0] < 0x20 || s[0] == 0x7F || (s[0] == 0xC2 && s[1] >= 0x80 && s[1] < 0xA0);
}

/* How the character at s is written; `specials` get a backslash. Returns the bytes of s it was. */
static size_t escape(const uint8_t *s, const char *specials, char to[8])
{
    static const char hex[] = "0123456789abcdef";
    size_t len = utf8_length(s);
    if (len == 0) {
        memcpy(to, "\\ufffd", 7);
        return 1;
    }
    if (is_control(s)) {
        unsigned code = len == 1 ? s[0] : s[1];
        memcpy(to, "\\u00", 4);
        to[4] = hex[code >> 4];
        to[5] = hex[code & 15];
        to[6] = '\0';
        return len;
    }
    size_t at = 0;
    if (strchr(specials, s[0]) != NULL) {
        to[at++] = '\\';
    }
    memcpy(to + at, s, len);
    to[at + len] = '\0';
    return len;
}

static void put_escaped(struct line *line, const char *text, const char *specials)
{
    const uint8_t *s = (const uint8_t *)text;
    while (*s != 0) {
        char escaped[8];
        s += escape(s, specials, escaped);
        if (!has_room(line, strlen(escaped))) {
            return;
        }
        put(line, escaped);
    }
}

static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"");
    put_escaped(line, text, "\"\\");
    put(line, "\"");
}

/* Whether a text can stand in a text line without quotes. */
static bool is_plain(const char *text)
{
    const uint8_t *s = (const uint8_t *)text;
    if (*s == 0) {
        return false;
    }
    while (*s != 0) {
        size_t len = utf8_length(s);
        if (len == 0 || is_control(s) || strchr(" \"\\=", *s) != NULL) {
            return false;
        }
        s += len;
    }
    return true;
}

static void put_field_json(struct line *line, const char *name, const char *text)
{
    if (has_room(line, strlen(name) + sizeof(",\"\":\"\""))) {
        put(line, ",\"");
        put(line, name);
        put(line, "\":");
        put_quoted(line, text);
    }
}

static void put_field_text(struct line *line, const char *name, const char *text)
{
    if (has_room(line, strlen(name) + sizeof(" =\"\""))) {
        put(line, " ");
        put(line, name);
        put(line, "=");
        if (is_plain(text)) {
            put_escaped(line, text, "");
        } else {
            put_quoted(line, text);
        }
    }
}

static void put_head(struct line *line, enum log_level level, const char *message)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    static const char *const columns[] = {" error ", " warn  ", " info  ", " debug "};
    char now[ISO8601_SIZE];
    iso8601_ms(env_wall_ms(clock_of_lines()), now);
    if (line_format == LOG_JSON) {
        put(line, "{\"time\":\"");
        put(line, now);
        put(line, "\",\"level\":\"");
        put(line, names[level]);
        put(line, "\",\"message\":");
        put_quoted(line, message);
    } else {
        put(line, now);
        put(line, columns[level]);
        put_escaped(line, message, "");
    }
}

/* A line that cannot be written has nobody to be told to. */
static void line_write(const struct line *line)
{
    size_t done = 0;
    while (done < line->len) {
        ssize_t wrote = write(STDERR_FILENO, line->text + done, line->len - done);
        if (wrote > 0) {
            done += (size_t)wrote;
        } else if (wrote == 0 || errno != EINTR) {
            return;
        }
    }
}

/* ---- repeats --------------------------------------------------------------------------------- */

struct repeat {
    uint64_t key; /* 0: a free place */
    uint64_t until_ns;
    uint32_t held;
    struct line last; /* without its end; when `held` is not 0 */
};

static pthread_mutex_t repeats_mu = PTHREAD_MUTEX_INITIALIZER;
static struct repeat repeats[REPEATS_MAX]; /* under repeats_mu */

/* FNV-1a, with a byte between texts that no text holds. */
static void key_add(uint64_t *key, const char *text)
{
    for (const uint8_t *s = (const uint8_t *)text; *s != 0; s++) {
        *key = (*key ^ *s) * 0x100000001B3u;
    }
    *key = (*key ^ 0xFF) * 0x100000001B3u;
}

static bool is_duration(const char *name)
{
    size_t len = strlen(name);
    return len > 3 && strcmp(name + len - 3, "_ms") == 0;
}

static void line_end(struct line *line)
{
    put(line, line_format == LOG_JSON ? "}\n" : "\n");
    line_write(line);
}

/* @locks repeats_mu */
static void repeat_write(struct repeat *repeat, uint64_t now_ns)
{
    char count[32];
    (void)snprintf(count, sizeof(count),
                   line_format == LOG_JSON ? ",\"repeats\":%u" : " repeats=%u", repeat->held);
    put(&repeat->last, count);
    line_end(&repeat->last);
    repeat->held = 0;
    repeat->until_ns = now_ns + LOG_REPEAT_MS * UINT64_C(1000000);
}

/* @locks repeats_mu */
static void repeats_write(uint64_t now_ns, bool all)
{
    for (size_t i = 0; i < REPEATS_MAX; i++) {
        if (repeats[i].held > 0 && (all || repeats[i].until_ns <= now_ns)) {
            repeat_write(&repeats[i], now_ns);
        }
    }
}

/* The place of the key, or one for it. @locks repeats_mu */
static struct repeat *repeat_find(uint64_t key, uint64_t now_ns)
{
    struct repeat *first = &repeats[0];
    for (size_t i = 0; i < REPEATS_MAX; i++) {
        if (repeats[i].key == key) {
            return &repeats[i];
        }
        if (repeats[i].until_ns < first->until_ns) {
            first = &repeats[i];
        }
    }
    if (first->held > 0) {
        repeat_write(first, now_ns);
    }
    first->key = key;
    first->until_ns = 0;
    return first;
}

/* Writes the line, or holds it. */
static void line_pass(struct line *line, uint64_t key)
{
    uint64_t now_ns = env_mono_ns(clock_of_lines());
    pthread_mutex_lock(&repeats_mu);
    repeats_write(now_ns, false);
    struct repeat *repeat = repeat_find(key, now_ns);
    if (now_ns < repeat->until_ns) {
        repeat->last = *line;
        repeat->held++;
    } else {
        repeat->until_ns = now_ns + LOG_REPEAT_MS * UINT64_C(1000000);
        line_end(line);
    }
    pthread_mutex_unlock(&repeats_mu);
}

void log_tick(void)
{
    pthread_mutex_lock(&repeats_mu);
    repeats_write(env_mono_ns(clock_of_lines()), false);
    pthread_mutex_unlock(&repeats_mu);
}

void log_flush_repeats(void)
{
    pthread_mutex_lock(&repeats_mu);
    repeats_write(env_mono_ns(clock_of_lines()), true);
    pthread_mutex_unlock(&repeats_mu);
}

/* ---- events ---------------------------------------------------------------------------------- */

void log_event(enum log_level level, const char *message, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    struct line line;
    uint64_t key = 0xCBF29CE484222325u + (uint64_t)level;
    line.len = 0;
    put_head(&line, level, message);
    key_add(&key, message);
    va_list fields;
    va_start(fields, message);
    for (const char *name; (name = va_arg(fields, const char *)) != NULL;) {
        const char *text = va_arg(fields, const char *);
        if (text == NULL) {
            continue;
        }
        (line_format == LOG_JSON ? put_field_json : put_field_text)(&line, name, text);
        if (!is_duration(name)) {
            key_add(&key, name);
            key_add(&key, text);
        }
    }
    va_end(fields);
    if (level == LOG_DEBUG) {
        line_end(&line);
    } else {
        line_pass(&line, key | 1);
    }
    errno = saved_errno;
}
