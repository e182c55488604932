/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the weather: what they may say, at which calls they act, and how a batch is cut. */
#include "server/weather.h"

#include "api/api.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct weather *weather_of(const char *rules)
{
    struct weather *weather = NULL;
    struct weir_error err = {0};
    if (weather_new(rules, api_operation_names(), env_system(), &weather, &err) != WEIR_OK) {
        fail_msg("%s: %s", rules, err.message);
    }
    return weather;
}

/* What becomes of the next calls of an operation, a letter each. */
static void assert_fates(const char *rules, const char *operation, const char *letters)
{
    struct weather *weather = weather_of(rules);
    static const char of_action[WEATHER_ACTION_COUNT] = {
        [WEATHER_NONE] = '-',        [WEATHER_THROTTLE] = 't',   [WEATHER_EXCEED] = 'e',
        [WEATHER_ERROR_500] = '5',   [WEATHER_ERROR_503] = '3',  [WEATHER_ERROR_500_AFTER] = 'a',
        [WEATHER_DROP_BEFORE] = 'b', [WEATHER_DROP_AFTER] = 'd', [WEATHER_CUT] = 'c',
        [WEATHER_HALF] = 'h',        [WEATHER_DELAY] = 'l'};
    char made[64] = "";
    for (size_t i = 0; letters[i] != '\0'; i++) {
        made[i] = of_action[weather_next(weather, operation).action];
    }
    assert_string_equal(made, letters);
    weather_free(weather);
}

static void rules_act_at_their_calls(void **state)
{
    (void)state;
    assert_fates("PutItem:throttle@1-3", "PutItem", "ttt--");
    assert_fates("PutItem:throttle@1-3", "GetItem", "-----");
    assert_fates("*:500@2", "GetItem", "-5---");
    assert_fates("*:503", "GetItem", "33333");
    assert_fates("GetItem:drop_before@3-", "GetItem", "--bbb");
    assert_fates("GetItem:drop_after@5", "GetItem", "----d");
    assert_fates("GetItem:cut@1,GetItem:500_after@2,GetItem:exceed@3", "GetItem", "cae--");
    assert_fates("BatchGetItem:half@2", "BatchGetItem", "-h---");
    assert_fates("*:delay=200ms@1", "Query", "l----");
    assert_fates("*:throttle%100?seed=1", "Query", "ttttt");
}

static void one_rule_acts_and_all_count(void **state)
{
    (void)state;
    assert_fates("GetItem:500@2,*:throttle@1-3", "GetItem", "t5t--");
    assert_fates("*:throttle@1-2,GetItem:500@2-3", "GetItem", "tt5--");
}

static void a_rule_for_all_counts_all_operations(void **state)
{
    (void)state;
    struct weather *weather = weather_of("*:500@2");
    assert_int_equal(weather_next(weather, "GetItem").action, WEATHER_NONE);
    assert_int_equal(weather_next(weather, "PutItem").action, WEATHER_ERROR_500);
    assert_int_equal(weather_next(weather, "GetItem").action, WEATHER_NONE);
    assert_int_equal(weather_rule_fired(weather, 0), 1);
    weather_free(weather);
}

static void times_have_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint32_t ms;
    } cases[] = {
        {"*:delay=200ms", 200}, {"*:delay=2s@1", 2000}, {"*:delay=60s", 60000}, {"*:delay=0ms", 0}};
    for (size_t i = 0; i < 4; i++) {
        struct weather *weather = weather_of(cases[i].rule);
        struct weather_fate fate = weather_next(weather, "GetItem");
        assert_int_equal(fate.action, WEATHER_DELAY);
        assert_int_equal(fate.delay_ms, cases[i].ms);
        weather_free(weather);
    }
}

static unsigned fired_of(const char *rules, unsigned calls, char *pattern)
{
    struct weather *weather = weather_of(rules);
    for (unsigned i = 0; i < calls; i++) {
        bool fired = weather_next(weather, "GetItem").action != WEATHER_NONE;
        if (pattern != NULL) {
            pattern[i] = fired ? 'x' : '-';
        }
    }
    unsigned fired = (unsigned)weather_rule_fired(weather, 0);
    weather_free(weather);
    return fired;
}

static void a_seed_gives_the_same_faults_again(void **state)
{
    (void)state;
    char one[100];
    char again[100];
    char other[100];
    (void)fired_of("*:500%30?seed=7", 100, one);
    (void)fired_of("*:500%30?seed=7", 100, again);
    (void)fired_of("*:500%30?seed=8", 100, other);
    assert_memory_equal(one, again, 100);
    assert_memory_not_equal(one, other, 100);
    unsigned many = fired_of("*:500%10?seed=42", 10000, NULL);
    assert_in_range(many, 900, 1100);
}

static void a_rule_without_seed_says_the_one_it_got(void **state)
{
    (void)state;
    struct weather *weather = weather_of("*:500%30,PutItem:cut@1,*:503%5?seed=9");
    assert_int_equal(weather_rule_count(weather), 3);
    assert_int_equal(strncmp(weather_rule_text(weather, 0), "*:500%30?seed=", 14), 0);
    assert_string_equal(weather_rule_text(weather, 1), "PutItem:cut@1");
    assert_string_equal(weather_rule_text(weather, 2), "*:503%5?seed=9");
    /* What it says can be given back. */
    weather_free(weather_of(weather_rule_text(weather, 0)));
    weather_free(weather);
}

static void wrong_rules_are_explained(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "faults are 1 to 32 rules"},
        {"PutItm:500", "the fault 'PutItm:500': it begins with an operation"},
        {"PutItem", "the fault 'PutItem': behind the operation is a colon"},
        {"PutItem:500,", "the fault '': it begins with an operation"},
        {",PutItem:500", "the fault '': it begins with an operation"},
        {"PutItem:", "no action ''; the actions are throttle, exceed, 500, 503, 500_after,"},
        {"PutItem:explode@1", "no action 'explode'; the actions are throttle,"},
        {"PutItem:500@0", "behind @ is the number of a call from 1"},
        {"PutItem:500@", "behind @ is the number"},
        {"PutItem:500@3-2", "behind @ is the number"},
        {"PutItem:500@1-3x", "behind @ is the number"},
        {"PutItem:500@99999999999999999999", "behind @ is the number"},
        {"PutItem:500%0", "behind % is a percentage"},
        {"PutItem:500%101", "behind % is a percentage"},
        {"PutItem:500%10?seed=", "behind % is a percentage"},
        {"PutItem:500%10?sed=1", "behind % is a percentage"},
        {"PutItem:500=1ms", "only delay has a value"},
        {"PutItem:delay", "delay has a time up to 60s"},
        {"PutItem:delay=@1", "delay has a time"},
        {"PutItem:delay=1", "delay has a time"},
        {"PutItem:delay=1m", "delay has a time"},
        {"PutItem:delay=61s", "delay has a time"},
        {"PutItem:delay=60001ms", "delay has a time"},
        {"PutItem:half", "half is for BatchWriteItem and BatchGetItem"},
        {"*:half", "half is for BatchWriteItem and BatchGetItem"},
        {"PutItem:500@0000000000000000000000000000000000000000000000000000000001",
         "it is longer than any right one"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weather *weather = NULL;
        struct weir_error err = {0};
        assert_int_equal(
            weather_new(cases[i][0], api_operation_names(), env_system(), &weather, &err),
            WEIR_INVALID_ARGUMENT);
        if (strstr(err.message, cases[i][1]) == NULL) {
            fail_msg("%s says: %s", cases[i][0], err.message);
        }
    }
}

static void the_number_of_rules_is_bounded(void **state)
{
    (void)state;
    char rules[WEATHER_RULES_MAX * 8 + 16] = "*:500";
    struct weather *weather = NULL;
    struct weir_error err = {0};
    for (unsigned i = 1; i < WEATHER_RULES_MAX; i++) {
        strcat(rules, ",*:500");
    }
    weather_free(weather_of(rules));
    strcat(rules, ",*:500");
    assert_int_equal(weather_new(rules, api_operation_names(), env_system(), &weather, &err),
                     WEIR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "there are more than 32 faults");
}

/* ---- batches --------------------------------------------------------------------------------- */

static struct weir_value *parsed(struct arena *a, const char *text)
{
    struct weir_value *document = NULL;
    assert_int_equal(json_parse(a, bytes_str(text), &document, NULL), WEIR_OK);
    return document;
}

static void assert_json(const struct weir_value *document, const char *text)
{
    struct buf made;
    buf_init(&made, 65536);
    assert_non_null(document);
    json_write(&made, document);
    buf_put_u8(&made, '\0');
    assert_string_equal((const char *)made.ptr, text);
    buf_fini(&made);
}

static void a_batch_is_halved_and_joined_again(void **state)
{
    (void)state;
    static const struct {
        const char *request, *kept, *rest, *response, *joined;
    } cases[] = {
        {"{\"RequestItems\":{\"a\":[1,2,3],\"b\":[4]},\"X\":\"y\"}",
         "{\"RequestItems\":{\"a\":[1,2]},\"X\":\"y\"}", "{\"a\":[3],\"b\":[4]}",
         "{\"UnprocessedItems\":{}}", "{\"UnprocessedItems\":{\"a\":[3],\"b\":[4]}}"},
        {"{\"RequestItems\":{\"a\":[1],\"b\":[2,3],\"c\":[4,5]}}",
         "{\"RequestItems\":{\"a\":[1],\"b\":[2,3]}}", "{\"c\":[4,5]}",
         "{\"R\":1,\"UnprocessedItems\":{\"b\":[3]}}",
         "{\"R\":1,\"UnprocessedItems\":{\"b\":[3],\"c\":[4,5]}}"},
        {"{\"RequestItems\":{\"a\":[1,2,3,4]}}", "{\"RequestItems\":{\"a\":[1,2]}}",
         "{\"a\":[3,4]}", "{\"UnprocessedItems\":{\"a\":[2]}}",
         "{\"UnprocessedItems\":{\"a\":[2,3,4]}}"},
        {"{\"RequestItems\":{\"a\":{\"Keys\":[1,2,3],\"ConsistentRead\":true}}}",
         "{\"RequestItems\":{\"a\":{\"Keys\":[1,2],\"ConsistentRead\":true}}}",
         "{\"a\":{\"Keys\":[3],\"ConsistentRead\":true}}",
         "{\"Responses\":{},\"UnprocessedKeys\":{\"a\":{\"Keys\":[2],\"ConsistentRead\":true}}}",
         "{\"Responses\":{},\"UnprocessedKeys\":{\"a\":{\"Keys\":[2,3],\"ConsistentRead\":true}}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *a = arena_new(65536);
        const struct weir_value *kept = NULL;
        const struct weir_value *rest = NULL;
        weather_halve(a, parsed(a, cases[i].request), &kept, &rest);
        assert_json(kept, cases[i].kept);
        assert_json(rest, cases[i].rest);
        assert_json(weather_add_rest(a, parsed(a, cases[i].response), rest), cases[i].joined);
        arena_free(a);
    }
}

/* {"NAME":{"t0":[0,0,0,0],...}} of tables from `first` on, the first with `many` elements. */
static const struct weir_value *batch_of(struct arena *a, const char *name, unsigned first,
                                         unsigned tables, unsigned many)
{
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    struct weir_value *items = value_add_map(a, document, name);
    for (unsigned t = first; t < first + tables; t++) {
        struct weir_value *list = value_add_list(a, items, arena_printf(a, "t%u", t));
        for (unsigned i = 0; i < (t == first ? many : 4); i++) {
            *value_append(a, list) = (struct weir_value){.type = VALUE_BOOL};
        }
    }
    return document;
}

static uint32_t elements(const struct weir_value *items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < items->u.map.count; i++) {
        count += items->u.map.at[i].value.u.list.count;
    }
    return count;
}

/* However little memory there is, no element is lost: all are there, or nothing is. */
static void no_element_is_lost_for_want_of_memory(void **state)
{
    (void)state;
    unsigned halved = 0, joined = 0;
    struct arena *given = arena_new(1024 * 1024);
    const struct weir_value *request = batch_of(given, "RequestItems", 0, 60, 4);
    const struct weir_value *response = batch_of(given, "UnprocessedItems", 30, 10, 300);
    for (size_t bytes = 64; bytes < 131072; bytes += 64) {
        struct arena *a = arena_new(bytes);
        const struct weir_value *kept = NULL;
        const struct weir_value *rest = NULL;
        weather_halve(a, request, &kept, &rest);
        assert_true((kept == NULL) == (rest == NULL));
        if (kept != NULL) {
            halved++;
            assert_int_equal(elements(value_get(kept, "RequestItems")), 120);
            assert_int_equal(elements(rest), 120);
            const struct weir_value *all = weather_add_rest(a, response, rest);
            joined += all != NULL;
            assert_true(all == NULL || elements(value_get(all, "UnprocessedItems")) == 120 + 336);
        }
        arena_free(a);
    }
    assert_true(joined > 0 && halved > joined);
    arena_free(given);
}

static void what_is_no_batch_of_two_is_left_alone(void **state)
{
    (void)state;
    static const char *const requests[] = {"{}",
                                           "[]",
                                           "{\"RequestItems\":{}}",
                                           "{\"RequestItems\":[1,2]}",
                                           "{\"RequestItems\":{\"a\":[1]}}",
                                           "{\"RequestItems\":{\"a\":[1,2],\"b\":3}}",
                                           "{\"RequestItems\":{\"a\":{\"Keys\":4}}}",
                                           "{\"RequestItems\":{\"a\":{\"Keys\":[1]},\"b\":{}}}"};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct arena *a = arena_new(65536);
        const struct weir_value *kept = NULL;
        const struct weir_value *rest = NULL;
        weather_halve(a, parsed(a, requests[i]), &kept, &rest);
        assert_null(kept);
        assert_null(rest);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_act_at_their_calls),
        cmocka_unit_test(one_rule_acts_and_all_count),
        cmocka_unit_test(a_rule_for_all_counts_all_operations),
        cmocka_unit_test(times_have_a_unit),
        cmocka_unit_test(a_seed_gives_the_same_faults_again),
        cmocka_unit_test(a_rule_without_seed_says_the_one_it_got),
        cmocka_unit_test(wrong_rules_are_explained),
        cmocka_unit_test(the_number_of_rules_is_bounded),
        cmocka_unit_test(a_batch_is_halved_and_joined_again),
        cmocka_unit_test(no_element_is_lost_for_want_of_memory),
        cmocka_unit_test(what_is_no_batch_of_two_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
