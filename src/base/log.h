/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

/*
 * One line per event on stderr, text or JSON: time, level, message, and fields. Library code logs
 * at debug only and returns errors; the program that handles an error logs it once. Items,
 * payloads and credentials are never passed to it.
 */

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Call before threads start. Default: LOG_INFO, LOG_TEXT. */
void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/*
 * log_event(LOG_WARN, "the sink is unreachable", "sink", name, "error", text, NULL): the message,
 * then pairs of a field's name and its text, ended by NULL. A pair whose text is NULL is left out.
 * Texts are quoted as needed. @thread any
 */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
