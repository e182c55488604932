/* SPDX-License-Identifier: Apache-2.0 */
#include "random_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/error.h"
#include "value/number.h"

static uint64_t state;

void random_start(const char *test)
{
    const char *given = getenv("WEIR_TEST_SEED");
    if (given != NULL) {
        state = strtoull(given, NULL, 0);
    } else {
        WEIR_ASSERT(getrandom(&state, sizeof(state), 0) == (ssize_t)sizeof(state));
    }
    printf("%s: WEIR_TEST_SEED=0x%llx\n", test, (unsigned long long)state);
}

uint64_t random_u64(void)
{
    state += 0x9E3779B97F4A7C15ULL;
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
}

uint32_t random_below(uint32_t below)
{
    return (uint32_t)(random_u64() % below);
}

void random_number_text(char to[RANDOM_NUMBER_MAX])
{
    unsigned count = random_below(8) == 0 ? 38 : 1 + random_below(38);
    unsigned point = random_below(count + 1);
    size_t len = 0;

    len += random_below(3) == 0 ? (size_t)sprintf(to, "-") : 0;
    for (unsigned i = 0; i < count; i++) {
        if (i == point && i > 0) {
            to[len++] = '.';
        }
        to[len++] = (char)('0' + (random_below(3) == 0 ? 0 : random_below(10)));
    }
    to[len] = '\0';
    /* With 38 digits around the point, every exponent here stays in range. */
    if (random_below(2) == 0) {
        int exponent = (int)random_below(random_below(2) == 0 ? 5 : 87);
        (void)sprintf(to + len, "e%d", random_below(2) == 0 ? exponent : -exponent);
    }
}

static struct weir_bytes random_bytes(struct arena *a, bool text)
{
    size_t len = random_below(10) == 0 ? random_below(300) : random_below(6);
    uint8_t *bytes = arena_alloc(a, len);

    WEIR_ASSERT(bytes != NULL);
    for (size_t i = 0; i < len; i++) {
        static const uint8_t edges[] = {0, 1, 2, 0x1F, '"', '\\', 0x7F, '\n'};
        bytes[i] = random_below(2) == 0 ? edges[random_below(sizeof(edges))]
                                        : (uint8_t)random_below(text ? 0x80 : 0x100);
    }
    return bytes_of(bytes, len);
}

struct weir_value random_scalar(struct arena *a, enum value_type type)
{
    struct weir_value value = {0};

    if (type == VALUE_N) {
        char text[RANDOM_NUMBER_MAX];
        struct weir_bytes canonical;
        random_number_text(text);
        struct weir_bytes copy = arena_dup(a, bytes_str(text));
        WEIR_ASSERT(number_canonical(a, copy, &canonical, NULL) == WEIR_OK);
        value_set_n(&value, canonical);
    } else if (type == VALUE_S) {
        value_set_s(&value, random_bytes(a, true));
    } else {
        value_set_b(&value, random_bytes(a, false));
    }
    return value;
}

static int compare_scalars(const void *a, const void *b)
{
    return value_compare(a, b);
}

static struct weir_value random_set(struct arena *a, enum value_type set)
{
    enum value_type element = set == VALUE_SS ? VALUE_S : set == VALUE_NS ? VALUE_N : VALUE_B;
    uint32_t count = 1 + random_below(5);
    struct weir_value value = {.type = (uint8_t)set, .form = VALUE_ATTRIBUTE};
    struct weir_value *at = ARENA_ARRAY(a, struct weir_value, count);

    WEIR_ASSERT(at != NULL);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = random_scalar(a, element);
    }
    qsort(at, count, sizeof(at[0]), compare_scalars);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++) {
        if (value_compare(&at[kept - 1], &at[i]) != 0) {
            at[kept++] = at[i];
        }
    }
    value.u.list.at = at;
    value.u.list.count = kept;
    return value;
}

static void fill_map(struct arena *a, struct weir_value *map, unsigned levels)
{
    uint32_t count = random_below(random_below(10) == 0 ? 40 : 5);

    for (uint32_t i = 0; i < count; i++) {
        struct weir_bytes name = random_bytes(a, true);
        if (value_member(map, name) == NULL) {
            struct weir_value member = random_attribute(a, levels);
            *value_add(a, map, name) = member;
        }
        WEIR_ASSERT(value_sort_map(map, NULL) == WEIR_OK);
    }
}

struct weir_value random_attribute(struct arena *a, unsigned levels)
{
    enum value_type type = (enum value_type)random_below(VALUE_TYPE_COUNT);
    struct weir_value value = {.type = (uint8_t)type, .form = VALUE_ATTRIBUTE};

    if (type == VALUE_BOOL) {
        value.truth = random_below(2) == 0;
    } else if (type <= VALUE_B) {
        return random_scalar(a, type);
    } else if (type >= VALUE_SS) {
        return random_set(a, type);
    } else if (type == VALUE_M && levels > 1) {
        fill_map(a, &value, levels - 1);
    } else if (type == VALUE_L && levels > 1) {
        for (uint32_t count = random_below(4); count > 0; count--) {
            struct weir_value element = random_attribute(a, levels - 1);
            *value_append(a, &value) = element;
        }
    }
    return value;
}

struct weir_value *random_item(struct arena *a)
{
    struct weir_value *item = value_new_map(a, VALUE_ITEM);
    WEIR_ASSERT(item != NULL);
    fill_map(a, item, 6);
    return item;
}
