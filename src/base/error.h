/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

/* Filling struct weir_error, and the assertion that means "our defect". */

#include "base/bytes.h"
#include "weir/error.h"

/*
 * Sets status, message, and code, http_status and retryable from the table; the outcome is
 * NOT_APPLIED; request_id is cleared. Returns `status`, so that a failing function ends in one
 * line. err may be NULL, and the arguments may point into its message.
 */
enum weir_status error_set(struct weir_error *err, enum weir_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<what>: " before the message, on the way up. Returns err's status, or `status` if NULL.
 * An err that nobody filled (status OK) is filled with `status` and what. */
enum weir_status error_wrap(struct weir_error *err, enum weir_status status, const char *format,
                            ...) __attribute__((format(printf, 3, 4)));

/* The status's DynamoDB exception name ("" if it has none) and its HTTP status. */
const char *status_exception(enum weir_status status);
int status_http(enum weir_status status);
/* The status whose exception name this is (without namespace); WEIR_SERVICE_OTHER if unknown. */
enum weir_status status_from_exception(struct weir_bytes name);

void assert_failed(const char *file, int line, const char *what) __attribute__((noreturn));

/* Always on. Means "our defect": never for input, network, disk or memory. */
#define WEIR_ASSERT(fact) ((fact) ? (void)0 : assert_failed(__FILE__, __LINE__, #fact))

#endif
