/* SPDX-License-Identifier: Apache-2.0 */

/* Damaged files: every truncation of a sample, and random changes of it. Whatever comes, the answer
 * is a configuration or an error that names the file. */

#include "config_text.h"

#include "base/env.h"

static const char sample[] = "# everything\n"
                             "endpoint: \"${WEIR_TEST_ENDPOINT:-http://127.0.0.1:8000}\"\n"
                             "server: { port: 0, data: .weir, durability: sync }\n"
                             "outboxes:\n"
                             "  - &o { table: orders, retention: 7d, create: yes }\n"
                             "  - *o\n"
                             "relays:\n"
                             "  - name: 'orders'\n"
                             "    from: { outbox: orders, start: horizon }\n"
                             "    to:\n"
                             "      redis:\n"
                             "        url: redis://127.0.0.1\n"
                             "        maxlen: 1000\n"
                             "    mark: none\n"
                             "    retry: { max: 3, backoff: 200ms, backoff_max: 10s }\n"
                             "  - name: >-\n"
                             "      copy\n"
                             "    to: stdout\n";

static struct config_file file;

static void check(const char *text, size_t len)
{
    struct config *config = NULL;
    struct weir_error err;
    enum weir_status status = config_file_load(&file, text, len, &config, &err);
    if (status == WEIR_OK) {
        assert_non_null(config);
        (void)config_count(config, "relays");
        (void)config_number(config, "relays[0].retry.max", 0);
        return;
    }
    assert_int_equal(status, WEIR_CONFIG);
    assert_null(config);
    assert_memory_equal(err.message, file.path, strlen(file.path));
}

static void every_truncation_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(sample); len++) {
        check(sample, len);
    }
}

static void every_single_byte_may_be_anything(void **state)
{
    (void)state;
    static const char strange[] = {'\0', '\t', '\n', '{', '}', '[', ']',  ':', '-',    '"',
                                   '$',  '&',  '*',  '!', '#', '|', '\'', '~', '\x80', '\xff'};
    char text[sizeof(sample)];
    for (size_t at = 0; at + 1 < sizeof(sample); at++) {
        memcpy(text, sample, sizeof(sample));
        text[at] = strange[at % sizeof(strange)];
        check(text, sizeof(sample) - 1);
    }
}

static void random_pieces_in_random_order_are_read_or_refused(void **state)
{
    (void)state;
    const char *given = getenv("WEIR_SEED");
    uint64_t seed =
        given != NULL ? strtoull(given, NULL, 10) : env_random_below(env_system(), UINT32_MAX);
    const int rounds = getenv("WEIR_SOAK") != NULL ? 100000 : 2000;
    struct weir_env *env = env_fake_new(seed, 0);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < rounds; round++) {
        char text[sizeof(sample) * 4];
        size_t len = 0;
        for (uint64_t pieces = 1 + env_random_below(env, 8); pieces > 0; pieces--) {
            size_t from = env_random_below(env, sizeof(sample) - 1);
            size_t size = env_random_below(env, sizeof(sample) - from);
            if (len + size <= sizeof(text)) {
                memcpy(text + len, sample + from, size);
                len += size;
            }
        }
        check(text, len);
    }
    env_fake_free(env);
}

static int open_file(void **state)
{
    (void)state;
    config_file_open(&file);
    return 0;
}

static int close_file(void **state)
{
    (void)state;
    config_file_close(&file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_read_or_refused),
        cmocka_unit_test(every_single_byte_may_be_anything),
        cmocka_unit_test(random_pieces_in_random_order_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, open_file, close_file);
}
