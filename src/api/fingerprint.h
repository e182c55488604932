/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_FINGERPRINT_H
#define WEIR_API_FINGERPRINT_H

/*
 * What a transaction's ClientRequestToken stands for: a SHA-256 over its operations in a form that
 * does not depend on how the request was written (order of members, spelling of numbers), so that
 * a repeat of the same request has the same hash and another request, for all purposes, has not.
 */

#include "api/call.h"

struct fingerprint;

/* NULL without memory. */
struct fingerprint *fingerprint_new(void);
void fingerprint_free(struct fingerprint *f); /* accepts NULL */

/* Parts are length-prefixed, so that none runs into the next. */
void fingerprint_bytes(struct fingerprint *f, struct weir_bytes bytes);
void fingerprint_number(struct fingerprint *f, uint64_t number);
/* The placeholders of one operation, sorted. */
void fingerprint_names(struct fingerprint *f, const struct expr_names *names);
/* False when hashing failed or memory ran out. */
bool fingerprint_finish(struct fingerprint *f, uint8_t to[32]);

#endif
