/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVER_WEATHER_H
#define WEIR_SERVER_WEATHER_H

/*
 * Bad weather on demand: what a client of a real service lives through, by rule, so that its
 * handling can be tested. The calls of an operation are counted, and a rule says at which of them
 * what happens:
 *
 *     rules := rule ("," rule)*                          PutItem:throttle@1-3,*:500@2
 *     rule  := operation ":" action ["=" time] [when]
 *     operation := a name of the API, or "*"
 *     when  := "@" n | "@" n "-" m | "@" n "-"           the n-th call, n-th to m-th, n-th and on
 *            | "%" percent ["?seed=" number]             that many of a hundred, by chance
 *                                                        without it: every call
 *
 * One rule acts on a call: the first that is due. All rules for its operation count it.
 *
 * base/fault.h is the other half: points in our own code where tests make this process fail or die,
 * whatever the request. Here the server stays well and each answer is as the rules say.
 */

#include "base/arena.h"
#include "base/env.h"
#include "value/value.h"

/* X(name, text): what becomes of a call. */
#define WEATHER_ACTIONS(X)                                                               \
    X(THROTTLE, "throttle")         /* not applied: ThrottlingException */               \
    X(EXCEED, "exceed")             /* not applied: ProvisionedThroughputExceeded... */  \
    X(ERROR_500, "500")             /* not applied: InternalServerError */               \
    X(ERROR_503, "503")             /* not applied: ServiceUnavailable */                \
    X(ERROR_500_AFTER, "500_after") /* applied: InternalServerError */                   \
    X(DROP_BEFORE, "drop_before")   /* not applied; the connection ends */               \
    X(DROP_AFTER, "drop_after")     /* applied; the connection ends without an answer */ \
    X(CUT, "cut")                   /* applied; it ends in the middle of the answer */   \
    X(HALF, "half")                 /* of a batch: the latter half is unprocessed */     \
    X(DELAY, "delay")               /* applied; the answer comes later */

enum weather_action {
    WEATHER_NONE,
#define WEATHER_ENUM(name, text) WEATHER_##name,
    WEATHER_ACTIONS(WEATHER_ENUM)
#undef WEATHER_ENUM
        WEATHER_ACTION_COUNT
};

#define WEATHER_RULES_MAX 32
#define WEATHER_RULE_BYTES 128
#define WEATHER_DELAY_MS_MAX 60000

struct weather;

/* Parses; `operations` are the names that there are, NULL-terminated. A rule by chance without a
 * seed gets one from env. WEIR_INVALID_ARGUMENT says what is wrong and what would be right. */
enum weir_status weather_new(const char *rules, const char *const *operations, struct weir_env *env,
                             struct weather **ret_weather, struct weir_error *err);
void weather_free(struct weather *weather); /* accepts NULL */

struct weather_fate {
    enum weather_action action;
    uint32_t delay_ms;
};

/* Counts one call of that operation and says what becomes of it. @thread any */
struct weather_fate weather_next(struct weather *weather, const char *operation);

/* For /metrics and the log. @thread any */
unsigned weather_rule_count(const struct weather *weather);
/* As it was given, with its seed if it has one; letters, digits and `_*:=@%?-`. */
const char *weather_rule_text(const struct weather *weather, unsigned index);
uint64_t weather_rule_fired(const struct weather *weather, unsigned index);

/* The error that a refusing action answers with: static texts; type NULL for the others. */
struct weather_error {
    int status;
    const char *type;
    const char *message;
};
struct weather_error weather_error_of(enum weather_action action);

/* Whether the call reaches the API at all. */
bool weather_is_before(enum weather_action action);

/* ---- batches (weather_batch.c) --------------------------------------------------------------- */

/* Splits the request of a batch: *ret_kept has the former half (rounded up) of its elements,
 * *ret_rest what is left out, as UnprocessedItems or UnprocessedKeys has it. NULL both when it is
 * not a batch of two or more, or without memory. */
void weather_halve(struct arena *a, const struct weir_value *request,
                   const struct weir_value **ret_kept, const struct weir_value **ret_rest);
/* The response with the rest among what it did not process; NULL without memory. */
struct weir_value *weather_add_rest(struct arena *a, const struct weir_value *response,
                                    const struct weir_value *rest);

#endif
