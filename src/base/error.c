/* SPDX-License-Identifier: Apache-2.0 */
/* The table of statuses as data, and the two ways to fill a struct weir_error. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct status_row {
    const char *name;
    const char *text;
    const char *exception;
    int http;
    int retry;
};

static const struct status_row rows[] = {
#define STATUS_ROW(name, text, exception, http, retry) {#name, text, exception, http, retry},
    WEIR_STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

#define STATUS_FITS(name, text, exception, http, retry) \
    _Static_assert(sizeof(exception) <= WEIR_ERROR_CODE_MAX, "the code fits struct weir_error");
WEIR_STATUS_TABLE(STATUS_FITS)
#undef STATUS_FITS
_Static_assert(sizeof(rows) / sizeof(rows[0]) == WEIR_STATUS_COUNT, "one row for each status");
_Static_assert(WEIR_OK == 0, "zero is success");

/* A number that is no status is treated as a defect of ours, since no caller can mean one. */
static const struct status_row *row_of(enum weir_status status)
{
    return &rows[(unsigned)status < WEIR_STATUS_COUNT ? status : WEIR_INTERNAL];
}

const char *weir_status_name(enum weir_status status)
{
    return row_of(status)->name;
}

const char *weir_status_text(enum weir_status status)
{
    return row_of(status)->text;
}

int32_t weir_status_retryable(enum weir_status status)
{
    return row_of(status)->retry;
}

const char *status_exception(enum weir_status status)
{
    return row_of(status)->exception;
}

int status_http(enum weir_status status)
{
    return row_of(status)->http;
}

enum weir_status status_from_exception(struct weir_bytes name)
{
    for (size_t i = 0; i < WEIR_STATUS_COUNT; i++) {
        if (name.len > 0 && bytes_eq_str(name, rows[i].exception)) {
            return (enum weir_status)i;
        }
    }
    return WEIR_SERVICE_OTHER;
}

/* Takes away the last character of a text that was cut in the middle of its UTF-8 sequence. */
static void utf8_trim(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    while (start > 0 && len - start < 3 && ((uint8_t)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0 || (uint8_t)text[start - 1] < 0xC0) {
        return;
    }
    uint8_t lead = (uint8_t)text[start - 1];
    size_t sequence = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (len - (start - 1) < sequence) {
        text[start - 1] = '\0';
    }
}

/* `to` is of WEIR_ERROR_MESSAGE_MAX bytes and not the old message, which may be an argument. */
static void format_message(char *to, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void format_message(char *to, const char *format, va_list args)
{
    int len = vsnprintf(to, WEIR_ERROR_MESSAGE_MAX, format, args);
    if (len < 0) {
        to[0] = '\0';
    } else if (len >= WEIR_ERROR_MESSAGE_MAX) {
        utf8_trim(to);
    }
}

static void fill(struct weir_error *err, enum weir_status status, const char *message)
{
    const struct status_row *row = row_of(status);
    *err = (struct weir_error){
        .status = status,
        .outcome = WEIR_NOT_APPLIED,
        .http_status = row->http,
        .retryable = row->retry,
    };
    memcpy(err->code, row->exception, strlen(row->exception) + 1);
    memcpy(err->message, message, strlen(message) + 1);
}

enum weir_status error_set(struct weir_error *err, enum weir_status status, const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    char message[WEIR_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    format_message(message, format, args);
    va_end(args);
    fill(err, status, message);
    return status;
}

/* "<what>: <message>" into the message. */
static void prefix_message(struct weir_error *err, const char *what)
{
    char whole[WEIR_ERROR_MESSAGE_MAX];
    size_t what_len = strlen(what);
    memcpy(whole, what, what_len);
    int len = snprintf(whole + what_len, sizeof(whole) - what_len, ": %s", err->message);
    if (len >= 0 && (size_t)len >= sizeof(whole) - what_len) {
        utf8_trim(whole);
    }
    memcpy(err->message, whole, strlen(whole) + 1);
}

enum weir_status error_wrap(struct weir_error *err, enum weir_status status, const char *format,
                            ...)
{
    if (err == NULL) {
        return status;
    }
    char what[WEIR_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    format_message(what, format, args);
    va_end(args);
    if (err->status == WEIR_OK) {
        fill(err, status, what);
    } else {
        prefix_message(err, what);
    }
    return err->status;
}

void assert_failed(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "weir: defect at %s:%d: not true: %s\n", file, line, what);
    abort();
}
