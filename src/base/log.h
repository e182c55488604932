/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

/*
 * One line per event on stderr, text or JSON: time, level, message, and fields. Library code logs
 * at debug only and returns errors; the program that handles an error logs it once. Items,
 * payloads and credentials are never passed to it.
 *
 * A repeat is held back: a line with the message and the fields of one that was written less than
 * 10 s before, durations (fields named *_ms) aside. When the time is over the last of those held is
 * written, with their number as `repeats`, so that what is read last is how things are. Debug lines
 * are never held.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Call before threads start. Default: LOG_INFO, LOG_TEXT. */
void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
/* The clock of the lines; NULL: the system's. Call before threads start. */
void log_clock(struct weir_env *env);

#define LOG_REPEAT_MS 10000

/* Writes held lines whose time is over; each log_event does, too. For whoever wakes now and then:
 * without it a line is held until the next one comes. @thread any */
void log_tick(void);
/* Writes all that is held: the end of the process. @thread any */
void log_flush_repeats(void);

/*
 * log_event(LOG_WARN, "the sink is unreachable", "sink", name, "error", text, NULL): the message,
 * then pairs of a field's name and its text, ended by NULL. A pair whose text is NULL is left out.
 * Texts are quoted as needed. @thread any
 */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
