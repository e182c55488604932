/* SPDX-License-Identifier: Apache-2.0 */
/* The rules: their grammar, and which one acts on which call. Chance is a hash of seed and count,
 * so that a seed gives the same faults again, whatever the threads do in between. */
#include "server/weather.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define RULES_BYTES_MAX (WEATHER_RULES_MAX * WEATHER_RULE_BYTES)
#define NUMBER_MAX INT64_MAX

struct rule {
    /* Immutable. */
    const char *operation; /* NULL: any */
    enum weather_action action;
    uint32_t delay_ms;
    bool by_chance;
    uint64_t first, last; /* calls, from 1; 0 and 0: every one */
    unsigned percent;     /* by_chance */
    uint64_t seed;        /* by_chance */
    char text[WEATHER_RULE_BYTES];

    /* Any thread. */
    _Atomic uint64_t calls;
    _Atomic uint64_t fired;
};

struct weather {
    unsigned count;
    struct rule rules[WEATHER_RULES_MAX];
};

static const char *const action_names[WEATHER_ACTION_COUNT] = {
#define WEATHER_NAME(name, text) [WEATHER_##name] = (text),
    WEATHER_ACTIONS(WEATHER_NAME)
#undef WEATHER_NAME
};

/* ---- grammar --------------------------------------------------------------------------------- */

struct parser {
    const char *const *operations;
    struct weir_env *env;
    struct weir_bytes whole; /* the rule, for messages */
    struct weir_error *err;
};

/* Takes what stands before the first of `marks` (or everything) off the front of *rest, which then
 * begins with the mark. */
static struct weir_bytes cut_before(struct weir_bytes *rest, const char *marks)
{
    size_t len = 0;
    while (len < rest->len && strchr(marks, rest->ptr[len]) == NULL) {
        len++;
    }
    struct weir_bytes front = bytes_of(rest->ptr, len);
    *rest = bytes_of(rest->ptr + len, rest->len - len);
    return front;
}

static bool take_mark(struct weir_bytes *rest, char mark)
{
    if (rest->len == 0 || rest->ptr[0] != (uint8_t)mark) {
        return false;
    }
    *rest = bytes_of(rest->ptr + 1, rest->len - 1);
    return true;
}

static bool take_number(struct weir_bytes *rest, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t len = 0;
    for (; len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9'; len++) {
        uint64_t digit = (uint64_t)(rest->ptr[len] - '0');
        if (number > (max - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *rest = bytes_of(rest->ptr + len, rest->len - len);
    *ret_number = number;
    return len > 0;
}

static enum weir_status wrong(const struct parser *p, const char *what)
{
    return error_set(p->err, WEIR_INVALID_ARGUMENT, "the fault '%.*s': %s", BYTES_ARG(p->whole),
                     what);
}

static enum weir_status parse_operation(const struct parser *p, struct weir_bytes name,
                                        struct rule *rule)
{
    if (bytes_eq_str(name, "*")) {
        return WEIR_OK;
    }
    for (const char *const *one = p->operations; *one != NULL; one++) {
        if (bytes_eq_str(name, *one)) {
            rule->operation = *one;
            return WEIR_OK;
        }
    }
    return wrong(p, "it begins with an operation that the server has (weir version --output json), "
                    "or *, and a colon, as in PutItem:throttle@1-3");
}

static enum weir_status parse_action(const struct parser *p, struct weir_bytes name,
                                     struct rule *rule)
{
    char known[256] = "";
    size_t len = 0;
    for (int i = WEATHER_NONE + 1; i < WEATHER_ACTION_COUNT; i++) {
        if (bytes_eq_str(name, action_names[i])) {
            rule->action = (enum weather_action)i;
            return WEIR_OK;
        }
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", len == 0 ? "" : ", ",
                                action_names[i]);
    }
    return error_set(p->err, WEIR_INVALID_ARGUMENT,
                     "the fault '%.*s': no action '%.*s'; the actions are %s", BYTES_ARG(p->whole),
                     BYTES_ARG(name), known);
}

static enum weir_status parse_time(const struct parser *p, struct weir_bytes *rest,
                                   struct rule *rule)
{
    static const char what[] = "delay has a time up to 60s, as in delay=200ms or delay=2s";
    uint64_t number = 0;
    if (!take_mark(rest, '=') || !take_number(rest, WEATHER_DELAY_MS_MAX, &number)) {
        return wrong(p, what);
    }
    struct weir_bytes unit = cut_before(rest, "@%");
    if (bytes_eq_str(unit, "s")) {
        number *= 1000;
    } else if (!bytes_eq_str(unit, "ms")) {
        return wrong(p, what);
    }
    if (number > WEATHER_DELAY_MS_MAX) {
        return wrong(p, what);
    }
    rule->delay_ms = (uint32_t)number;
    return WEIR_OK;
}

/* Behind '@'. */
static enum weir_status parse_calls(const struct parser *p, struct weir_bytes *rest,
                                    struct rule *rule)
{
    bool good = take_number(rest, NUMBER_MAX, &rule->first) && rule->first > 0;
    rule->last = rule->first;
    if (good && take_mark(rest, '-')) {
        rule->last = UINT64_MAX;
        good = rest->len == 0 ||
               (take_number(rest, NUMBER_MAX, &rule->last) && rule->last >= rule->first);
    }
    return good && rest->len == 0
               ? WEIR_OK
               : wrong(p, "behind @ is the number of a call from 1, a range, or a start: @2, @1-3, "
                          "@5-");
}

/* Behind '%'. */
static enum weir_status parse_chance(const struct parser *p, struct weir_bytes *rest,
                                     struct rule *rule)
{
    static const struct weir_bytes seed = BYTES_LIT("?seed=");
    uint64_t percent = 0;
    bool good = take_number(rest, 100, &percent) && percent > 0;
    rule->by_chance = true;
    rule->percent = (unsigned)percent;
    if (good && bytes_starts_with(*rest, seed)) {
        *rest = bytes_of(rest->ptr + seed.len, rest->len - seed.len);
        good = take_number(rest, NUMBER_MAX, &rule->seed);
    } else {
        rule->seed = env_random_below(p->env, UINT32_MAX);
    }
    return good && rest->len == 0
               ? WEIR_OK
               : wrong(p, "behind % is a percentage from 1 to 100, and perhaps a seed: %10, "
                          "%10?seed=7");
}

static enum weir_status parse_when(const struct parser *p, struct weir_bytes *rest,
                                   struct rule *rule)
{
    if (rest->len == 0) {
        return WEIR_OK;
    }
    if (take_mark(rest, '@')) {
        return parse_calls(p, rest, rule);
    }
    if (take_mark(rest, '%')) {
        return parse_chance(p, rest, rule);
    }
    return wrong(p, "only delay has a value");
}

static bool is_batch(const char *operation)
{
    return operation != NULL &&
           (strcmp(operation, "BatchWriteItem") == 0 || strcmp(operation, "BatchGetItem") == 0);
}

/* What the rule is called in metrics and the log: as it was given, with the seed that it got. */
static void keep_text(const struct parser *p, struct rule *rule)
{
    const uint8_t *seed = memchr(p->whole.ptr, '?', p->whole.len);
    (void)snprintf(rule->text, sizeof(rule->text), "%.*s", BYTES_ARG(p->whole));
    if (rule->by_chance && seed == NULL) {
        (void)snprintf(rule->text + p->whole.len, sizeof(rule->text) - p->whole.len,
                       "?seed=%" PRIu64, rule->seed);
    }
}

static enum weir_status parse_rule(const struct parser *p, struct rule *rule)
{
    struct weir_bytes rest = p->whole;
    enum weir_status status = parse_operation(p, cut_before(&rest, ":"), rule);
    if (status == WEIR_OK) {
        status = take_mark(&rest, ':') ? parse_action(p, cut_before(&rest, "=@%"), rule)
                                       : wrong(p, "behind the operation is a colon and an action, "
                                                  "as in PutItem:throttle");
    }
    if (status == WEIR_OK && rule->action == WEATHER_DELAY) {
        status = parse_time(p, &rest, rule);
    }
    if (status == WEIR_OK) {
        status = parse_when(p, &rest, rule);
    }
    if (status == WEIR_OK && rule->action == WEATHER_HALF && !is_batch(rule->operation)) {
        status = wrong(p, "half is for BatchWriteItem and BatchGetItem");
    }
    if (status == WEIR_OK) {
        keep_text(p, rule);
    }
    return status;
}

static enum weir_status parse_rules(const char *rules, const char *const *operations,
                                    struct weir_env *env, struct weather *weather,
                                    struct weir_error *err)
{
    struct weir_bytes rest = bytes_str(rules);
    if (rest.len == 0 || rest.len > RULES_BYTES_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "faults are 1 to %d rules, parted by commas, as in PutItem:throttle@1-3",
                         WEATHER_RULES_MAX);
    }
    do {
        struct parser p = {.operations = operations, .env = env, .err = err};
        p.whole = cut_before(&rest, ",");
        if (weather->count == WEATHER_RULES_MAX) {
            return error_set(err, WEIR_INVALID_ARGUMENT, "there are more than %d faults",
                             WEATHER_RULES_MAX);
        }
        if (p.whole.len > WEATHER_RULE_BYTES / 2) {
            p.whole.len = WEATHER_RULE_BYTES / 2;
            return wrong(&p, "it is longer than any right one");
        }
        enum weir_status status = parse_rule(&p, &weather->rules[weather->count++]);
        if (status != WEIR_OK) {
            return status;
        }
    } while (take_mark(&rest, ','));
    return WEIR_OK;
}

enum weir_status weather_new(const char *rules, const char *const *operations, struct weir_env *env,
                             struct weather **ret_weather, struct weir_error *err)
{
    struct weather *weather = calloc(1, sizeof(*weather));
    if (weather == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the faults");
    }
    enum weir_status status = parse_rules(rules, operations, env, weather, err);
    if (status != WEIR_OK) {
        weather_free(weather);
        return status;
    }
    *ret_weather = weather;
    return WEIR_OK;
}

void weather_free(struct weather *weather)
{
    free(weather);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* splitmix64's mixing of seed and count. */
static unsigned percentile(uint64_t seed, uint64_t count)
{
    uint64_t x = seed + count * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((x ^ x >> 31) % 100);
}

static bool is_due(const struct rule *rule, uint64_t call)
{
    if (rule->by_chance) {
        return percentile(rule->seed, call) < rule->percent;
    }
    return rule->first == 0 || (call >= rule->first && call <= rule->last);
}

struct weather_fate weather_next(struct weather *weather, const char *operation)
{
    struct weather_fate fate = {WEATHER_NONE, 0};
    for (unsigned i = 0; i < weather->count; i++) {
        struct rule *rule = &weather->rules[i];
        if (rule->operation != NULL && strcmp(rule->operation, operation) != 0) {
            continue;
        }
        uint64_t call = atomic_fetch_add(&rule->calls, 1) + 1;
        if (fate.action == WEATHER_NONE && is_due(rule, call)) {
            fate = (struct weather_fate){rule->action, rule->delay_ms};
            (void)atomic_fetch_add(&rule->fired, 1);
        }
    }
    return fate;
}

unsigned weather_rule_count(const struct weather *weather)
{
    return weather->count;
}

const char *weather_rule_text(const struct weather *weather, unsigned index)
{
    return weather->rules[index].text;
}

uint64_t weather_rule_fired(const struct weather *weather, unsigned index)
{
    return atomic_load(&weather->rules[index].fired);
}

bool weather_is_before(enum weather_action action)
{
    return action == WEATHER_THROTTLE || action == WEATHER_EXCEED || action == WEATHER_ERROR_500 ||
           action == WEATHER_ERROR_503 || action == WEATHER_DROP_BEFORE;
}

/* Names and texts are DynamoDB's. */
struct weather_error weather_error_of(enum weather_action action)
{
#define TYPE(name) "com.amazonaws.dynamodb.v20120810#" name
    switch (action) {
    case WEATHER_THROTTLE:
        return (struct weather_error){400, TYPE("ThrottlingException"),
                                      "Rate of requests exceeds the allowed throughput."};
    case WEATHER_EXCEED:
        return (struct weather_error){
            400, TYPE("ProvisionedThroughputExceededException"),
            "The level of configured provisioned throughput for the table was exceeded. Consider "
            "increasing your provisioning level with the UpdateTable API."};
    case WEATHER_ERROR_500:
    case WEATHER_ERROR_500_AFTER:
        return (struct weather_error){500, TYPE("InternalServerError"), "Internal server error"};
    case WEATHER_ERROR_503:
        return (struct weather_error){503, TYPE("ServiceUnavailable"),
                                      "Service is unavailable. Please try again later."};
    default:
        return (struct weather_error){0};
    }
#undef TYPE
}
