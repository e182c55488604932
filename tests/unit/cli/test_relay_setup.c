/* SPDX-License-Identifier: Apache-2.0 */

/* From configuration and environment to a relay, as far as no engine is needed. */

#include "config_text.h"

#include "cli/relay_setup.h"

static struct config_file file;

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

static struct config *loaded(const char *text)
{
    struct config *config = NULL;
    struct weir_error err;
    if (config_file_load(&file, text, strlen(text), &config, &err) != WEIR_OK) {
        fail_msg("%s\n%s", text, err.message);
    }
    return config;
}

static void test_F2_the_variable_is_on_off_or_an_error(void **state)
{
    (void)state;
    const char *const on[] = {"true", "TRUE", "True", "1", "yes", "YES", "Yes"};
    const char *const off[] = {"false", "FALSE", "False", "0", "no", "NO", "No", "", NULL};
    const char *const wrong[] = {"on", "off", "y", "n", "2", "01", " true", "true ", "t", "none"};
    struct weir_error err = {0};
    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        bool skip = false;
        assert_int_equal(outbox_setup_skip_mark(on[i], &skip, &err), WEIR_OK);
        assert_true(skip);
    }
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        bool skip = true;
        assert_int_equal(outbox_setup_skip_mark(off[i], &skip, &err), WEIR_OK);
        assert_false(skip);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bool skip = false;
        assert_int_equal(outbox_setup_skip_mark(wrong[i], &skip, &err), WEIR_CONFIG);
        assert_non_null(strstr(err.message, "OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED"));
    }
}

static void relays_of_one_name_are_refused(void **state)
{
    (void)state;
    struct weir_error err = {0};
    assert_int_equal(relay_setup_check(NULL, &err), WEIR_OK);
    assert_int_equal(relay_setup_check(loaded("relays:\n  - name: a\n  - name: b\n"), &err),
                     WEIR_OK);
    const char *const twice[] = {"relays:\n  - name: a\n  - name: a\n", "relays:\n  - {}\n  - {}\n",
                                 "relays:\n  - {}\n  - name: relay\n"};
    for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
        assert_int_equal(relay_setup_check(loaded(twice[i]), &err), WEIR_CONFIG);
        assert_non_null(strstr(err.message, ":3:5: a relay named"));
    }
}

static void more_than_64_relays_are_refused(void **state)
{
    (void)state;
    char text[64 * 1024] = "relays:\n";
    struct weir_error err = {0};
    for (int i = 0; i <= RELAY_SETUP_MAX; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "  - name: r%d\n", i);
        enum weir_status status = relay_setup_check(loaded(text), &err);
        assert_int_equal(status, i < RELAY_SETUP_MAX ? WEIR_OK : WEIR_CONFIG);
    }
}

static void a_relay_is_found_by_name(void **state)
{
    (void)state;
    uint32_t index = 9;
    struct weir_error err = {0};
    struct config *two = loaded("relays:\n  - name: a\n  - {}\n");
    assert_int_equal(relay_setup_find(two, "relay", &index, &err), WEIR_OK);
    assert_int_equal(index, 1);
    assert_int_equal(relay_setup_find(two, NULL, &index, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, ": a, relay"));
    assert_int_equal(relay_setup_find(two, "c", &index, &err), WEIR_CONFIG);
    struct config *one = loaded("relays:\n  - name: a\n");
    assert_int_equal(relay_setup_find(one, NULL, &index, &err), WEIR_OK);
    assert_int_equal(index, 0);
    assert_int_equal(relay_setup_find(one, "b", &index, &err), WEIR_CONFIG);
}

static void without_relays_in_the_file_any_name_will_do(void **state)
{
    (void)state;
    uint32_t index = 9;
    struct weir_error err = {0};
    assert_int_equal(relay_setup_find(NULL, "any", &index, &err), WEIR_OK);
    assert_int_equal(index, 0);
    assert_int_equal(relay_setup_find(loaded("region: a\n"), "any", &index, &err), WEIR_OK);
    assert_string_equal(relay_setup_name(NULL, 0), "relay");
}

static struct weir_outbox_options outbox_of(struct arena *a, struct config *config, uint32_t index)
{
    struct weir_outbox_options options;
    struct weir_error err = {0};
    if (outbox_setup_read(a, config, index, &options, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
    return options;
}

static void an_outbox_of_the_file_becomes_options(void **state)
{
    (void)state;
    struct arena *a = arena_new(65536);
    struct config *config =
        loaded("outboxes:\n"
               "  - { table: a, partition_name: p, sort_name: s, ttl_name: t }\n"
               "  - { retention: 90s, create: no, stream: no }\n"
               "  - { retention: 0 }\n"
               "  - { layout: by-message, sink: sqs, payload_max: 100, strict_topics: yes,\n"
               "      names: { payload: body, messageType: kind },\n"
               "      topics: { order.placed: orders, 'a[1]': b } }\n"
               "  - { pending_shards: 4 }\n");
    struct weir_outbox_options options = outbox_of(a, config, 0);
    assert_string_equal(options.table, "a");
    assert_string_equal(options.partition_name, "p");
    assert_string_equal(options.sort_name, "s");
    assert_string_equal(options.ttl_name, "t");
    assert_int_equal(options.retention_s, 0);
    assert_false(options.no_create);
    assert_false(options.no_stream);
    options = outbox_of(a, config, 1);
    assert_null(options.table);
    assert_int_equal(options.retention_s, 90);
    assert_true(options.no_create);
    assert_true(options.no_stream);
    assert_int_equal(outbox_of(a, config, 2).retention_s, -1);
    options = outbox_of(a, config, 3);
    assert_string_equal(options.layout, "by-message");
    assert_string_equal(options.sink, "sqs");
    assert_int_equal(options.payload_max, 100);
    assert_int_equal(options.strict_topics, 1);
    assert_int_equal(options.name_count, 2);
    assert_string_equal(options.names[1].field, "messageType");
    assert_string_equal(options.names[1].name, "kind");
    assert_int_equal(options.topic_count, 2);
    assert_string_equal(options.topics[0].type, "order.placed");
    assert_string_equal(options.topics[0].topic, "orders");
    assert_string_equal(options.topics[1].type, "a[1]");
    assert_int_equal(outbox_of(a, config, 4).pending_shards, 4);
    arena_free(a);
}

static void an_outbox_is_found_by_its_table_with_its_relays_mark(void **state)
{
    (void)state;
    struct arena *a = arena_new(65536);
    struct weir_outbox_options options;
    struct weir_error err = {0};
    struct config *config = loaded("outboxes:\n"
                                   "  - { table: a, layout: by-message }\n"
                                   "relays:\n"
                                   "  - { name: r1, from: { outbox: a }, mark: none }\n"
                                   "  - { name: r2, from: { outbox: a }, mark: delete }\n"
                                   "  - { name: r3, mark: none }\n");
    assert_int_equal(outbox_setup_find(a, config, "a", &options, &err), WEIR_OK);
    assert_string_equal(options.layout, "by-message");
    assert_int_equal(options.mark, WEIR_MARK_DELETE);
    assert_int_equal(outbox_setup_find(a, config, NULL, &options, &err), WEIR_OK);
    assert_string_equal(options.table, "outbox");
    assert_null(options.layout);
    assert_int_equal(options.mark, WEIR_MARK_NONE);
    assert_int_equal(outbox_setup_find(a, config, "b", &options, &err), WEIR_OK);
    assert_int_equal(options.mark, WEIR_MARK_UPDATE);
    assert_int_equal(outbox_setup_find(a, NULL, NULL, &options, &err), WEIR_OK);
    arena_free(a);
}

static void outboxes_that_cannot_be_are_refused_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"outboxes:\n  - table: a\n    names: { body: x }\n",
         ":3:12: names: layout partitioned has"},
        {"outboxes:\n  - layout: by-message\n    sort_name: x\n", ":2:5: sort_name"},
        {"outboxes:\n  - layout: by-message\n    pending_shards: 2\n", ":2:5: pending_shards"},
        {"outboxes:\n  - names: { payload: x, headers: x }\n", ":2:5: attribute \"x\""},
        {"outboxes:\n  - table: a\n  - table: a\n", ":3:5: an outbox of this table"},
        {"outboxes:\n  - retention: 1s\n  - table: outbox\n", ":3:5: an outbox of this table"},
    };
    struct weir_error err = {0};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(relay_setup_check(loaded(wrong[i].text), &err), WEIR_CONFIG);
        if (strstr(err.message, wrong[i].says) == NULL) {
            fail_msg("%s: %s", wrong[i].text, err.message);
        }
    }
}

static void texts_of_ones_own_keys_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "outboxes:\n  - topics: { a: }\n",
        "outboxes:\n  - topics: { a: [b] }\n",
        "outboxes:\n  - topics: [a]\n",
        "outboxes:\n  - topics: a\n",
        "outboxes:\n  - topics: { a: b, a: c }\n",
        "outboxes:\n  - topics: { '': c }\n",
        "outboxes:\n  - layout: other\n",
        "outboxes:\n  - pending_shards: 65\n",
        "outboxes:\n  - payload_max: 0\n",
        "outboxes:\n  - sink: pigeon\n",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct config *config = NULL;
        struct weir_error err = {0};
        assert_int_equal(config_file_load(&file, wrong[i], strlen(wrong[i]), &config, &err),
                         WEIR_CONFIG);
        assert_non_null(strstr(err.message, ":2:"));
    }
    assert_int_equal(relay_setup_check(loaded("outboxes:\n  - topics:\n    names: ~\n"), NULL),
                     WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_F2_the_variable_is_on_off_or_an_error),
        cmocka_unit_test(relays_of_one_name_are_refused),
        cmocka_unit_test(more_than_64_relays_are_refused),
        cmocka_unit_test(a_relay_is_found_by_name),
        cmocka_unit_test(without_relays_in_the_file_any_name_will_do),
        cmocka_unit_test(an_outbox_of_the_file_becomes_options),
        cmocka_unit_test(an_outbox_is_found_by_its_table_with_its_relays_mark),
        cmocka_unit_test(outboxes_that_cannot_be_are_refused_at_their_place),
        cmocka_unit_test(texts_of_ones_own_keys_are_checked),
    };
    return cmocka_run_group_tests(tests, open_file, close_file);
}
