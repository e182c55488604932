/* SPDX-License-Identifier: Apache-2.0 */

/* weir.yaml: what is read, and where an error is said to be. */

#include "config_text.h"

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

/* Refused with exactly "<file>:<expected>". */
static void refused(const char *text, const char *expected)
{
    struct config *config = NULL;
    struct weir_error err;
    char whole[1024];
    enum weir_status status = config_file_load(&file, text, strlen(text), &config, &err);
    (void)snprintf(whole, sizeof(whole), "%s:%s", file.path, expected);
    if (status != WEIR_CONFIG || strcmp(err.message, whole) != 0) {
        fail_msg("%s\nis '%s'\nexpected '%s'", text, err.message, whole);
    }
    assert_null(config);
}

static void assert_text(const struct config *config, const char *path, const char *expected)
{
    const char *text = config_text(config, path);
    if (text == NULL || strcmp(text, expected) != 0) {
        fail_msg("%s is '%s', expected '%s'", path, text == NULL ? "(not set)" : text, expected);
    }
}

/* ---- what is read ----------------------------------------------------------------------------
 */

static void keys_of_every_type_are_read(void **state)
{
    (void)state;
    struct config *config = loaded("endpoint: http://127.0.0.1:8000\n"
                                   "server: { port: 0, durability: relaxed }\n"
                                   "outboxes:\n"
                                   "  - table: mail\n"
                                   "    retention: 90m\n"
                                   "  - table: orders\n"
                                   "relays:\n"
                                   "  - name: orders\n"
                                   "    to:\n"
                                   "      redis: { url: \"redis://h\", maxlen: 1000000000000 }\n"
                                   "    retry: { max: 1, backoff: 250ms, backoff_max: 60 }\n"
                                   "    drain: 1h\n");
    assert_text(config, "endpoint", "http://127.0.0.1:8000");
    assert_text(config, "server.durability", "relaxed");
    assert_int_equal(config_number(config, "server.port", 7), 0);
    assert_int_equal(config_count(config, "outboxes"), 2);
    assert_text(config, "outboxes[1].table", "orders");
    assert_int_equal(config_number(config, "outboxes[0].retention", 0), 90 * 60000);
    assert_text(config, "relays[0].to.redis.url", "redis://h");
    assert_int_equal(config_number(config, "relays[0].to.redis.maxlen", 0), 1000000000000LL);
    assert_int_equal(config_number(config, "relays[0].retry.backoff", 0), 250);
    assert_int_equal(config_number(config, "relays[0].retry.backoff_max", 0), 60000);
    assert_int_equal(config_number(config, "relays[0].drain", 0), 3600000);
}

static void what_is_not_set_gives_the_fallback(void **state)
{
    (void)state;
    struct config *config = loaded("server: { port: 1 }\n");
    assert_null(config_text(config, "endpoint"));
    assert_null(config_text(NULL, "endpoint"));
    assert_int_equal(config_number(config, "relays[0].drain", 42), 42);
    assert_int_equal(config_number(NULL, "server.port", 42), 42);
    assert_int_equal(config_count(config, "relays"), 0);
    assert_int_equal(config_count(NULL, "relays"), 0);
}

static void an_empty_file_sets_nothing(void **state)
{
    (void)state;
    const char *const texts[] = {"", "\n\n", "# a comment\n", "---\n", "--- {}\n", "{}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(config_count(loaded(texts[i]), "relays"), 0);
    }
}

static void keys_without_anything_in_them_are_empty(void **state)
{
    (void)state;
    const char *const texts[] = {"relays:\nserver:\n", "relays: []\nserver: {}\n",
                                 "relays: ~\nserver: null\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config *config = loaded(texts[i]);
        assert_int_equal(config_count(config, "relays"), 0);
        assert_non_null(config_text(config, "server"));
    }
}

/* YAML 1.1 would read some of them as booleans, numbers, dates or nothing. */
static void unquoted_words_stay_text(void **state)
{
    (void)state;
    const char *const words[] = {"N",        "y",    "no",   "yes", "on",   "off",
                                 "true",     "07",   "0x10", "1e3", ".inf", "2026-11-20",
                                 "12:30:45", "null", "=",    "_1",  "1_000"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "relays:\n  - name: %s\n", words[i]);
        assert_text(loaded(text), "relays[0].name", words[i]);
    }
}

static void a_sink_may_be_a_word(void **state)
{
    (void)state;
    const char *const texts[] = {"relays:\n  - to: stdout\n", "relays:\n  - to: { stdout: {} }\n",
                                 "relays:\n  - to: { stdout: }\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config_child *children = NULL;
        uint32_t count = 0;
        struct weir_error err = {0};
        struct config *config = loaded(texts[i]);
        assert_int_equal(
            config_children(file.arena, config, "relays[0].to", &children, &count, &err), WEIR_OK);
        assert_int_equal(count, 1);
        assert_string_equal(children[0].name, "stdout");
    }
}

static void children_are_direct_and_in_order(void **state)
{
    (void)state;
    struct config_child *children = NULL;
    uint32_t count = 0;
    struct weir_error err = {0};
    struct config *config = loaded("relays:\n"
                                   "  - to: { file: { sync: yes, path: a } }\n"
                                   "  - to: { file: { path: b } }\n");
    const char *prefix = "relays[0].to.file";
    assert_int_equal(config_children(file.arena, config, prefix, &children, &count, &err), WEIR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(children[0].name, "sync");
    assert_string_equal(children[0].text, "yes");
    assert_string_equal(children[1].name, "path");
    assert_string_equal(children[1].text, "a");
}

static void aliases_are_followed(void **state)
{
    (void)state;
    struct config *config = loaded("relays:\n"
                                   "  - &base { name: a, retry: { max: 5 } }\n"
                                   "  - *base\n");
    assert_int_equal(config_number(config, "relays[1].retry.max", 0), 5);
}

/* ---- variables ---------------------------------------------------------------------------------
 */

static void variables_are_replaced_once(void **state)
{
    (void)state;
    (void)setenv("WEIR_TEST_A", "left", 1);
    (void)setenv("WEIR_TEST_B", "${WEIR_TEST_A}", 1);
    (void)setenv("WEIR_TEST_EMPTY", "", 1);
    (void)unsetenv("WEIR_TEST_NONE");
    const char *const cases[][2] = {
        {"${WEIR_TEST_A}", "left"},
        {"a${WEIR_TEST_A}b${WEIR_TEST_A}", "aleftbleft"},
        {"${WEIR_TEST_A:-right}", "left"},
        {"${WEIR_TEST_NONE:-right}", "right"},
        {"${WEIR_TEST_EMPTY:-right}", "right"},
        {"x${WEIR_TEST_NONE:-}y${WEIR_TEST_EMPTY}", "xy"},
        {"${WEIR_TEST_NONE:-a:-b}", "a:-b"},
        {"${WEIR_TEST_B}", "${WEIR_TEST_A}"},
        {"$WEIR_TEST_A", "$WEIR_TEST_A"},
        {"$${WEIR_TEST_A}", "$left"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "endpoint: \"%s\"\n", cases[i][0]);
        assert_text(loaded(text), "endpoint", cases[i][1]);
    }
}

static void a_variable_without_value_and_default_is_an_error(void **state)
{
    (void)state;
    (void)unsetenv("WEIR_TEST_NONE");
    (void)setenv("WEIR_TEST_PORT", "70000", 1);
    refused("region: a\nendpoint: x${WEIR_TEST_NONE}\n",
            "2:11: variable WEIR_TEST_NONE is not defined (${WEIR_TEST_NONE:-default} gives one)");
    refused("endpoint: ${}\n", "1:11: variable  is not defined (${:-default} gives one)");
    refused("endpoint: a${WEIR\n", "1:11: ${ without }");
    refused("endpoint: ${WEIR_TEST_NONE:-}\n", "1:11: an empty text says nothing");
    refused("server:\n  port: ${WEIR_TEST_PORT}\n", "2:9: \"70000\" is no number from 0 to 65535");
}

/* ---- what is refused ---------------------------------------------------------------------------
 */

static void an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    refused("relay: []\n", "1:1: unknown key \"relay\"; did you mean \"relays\"?");
    refused("server:\n  prot: 1\n", "2:3: unknown key \"prot\"; did you mean \"port\"?");
    refused("relays:\n  - nmae: a\n", "2:5: unknown key \"nmae\"; did you mean \"name\"?");
    refused("relays:\n  - to: { fil: {} }\n", "2:11: unknown key \"fil\"; did you mean \"file\"?");
    refused("relays:\n  - to: { file: { pat: a } }\n",
            "2:19: unknown key \"pat\"; did you mean \"path\"?");
    refused("relays:\n  - to: { stdout: { pat: a } }\n", "2:21: unknown key \"pat\"");
    refused("? regoin\n: b\n", "1:3: unknown key \"regoin\"; did you mean \"region\"?");
    refused("? []\n: b\n", "1:3: a key is a word");
    refused("<<: { region: a }\n", "1:1: unknown key \"<<\"; did you mean \"region\"?");
}

/* Paths are the table's own way of writing; a file must not get at them. */
static void a_path_is_no_key(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct weir_error err;
    const char *const texts[] = {"server.port: 1\n",
                                 "\"relays[].name\": a\n",
                                 "\"relays[0].name\": a\n",
                                 "\"relays[]\": {}\n",
                                 "\"\": a\n",
                                 "\"region\\0\": a\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(config_file_load(&file, texts[i], strlen(texts[i]), &config, &err),
                         WEIR_CONFIG);
        assert_non_null(strstr(err.message, ":1:1: unknown key"));
    }
}

static void a_key_set_twice_is_an_error(void **state)
{
    (void)state;
    refused("region: a\nregion: a\n", "2:1: this key was set before");
    refused("server: {}\nserver: { port: 1 }\n", "2:1: this key was set before");
    refused("relays: []\nrelays: []\n", "2:1: this key was set before");
    refused("relays:\n  - to: stdout\n    to: stdout\n", "3:5: this key was set before");
    refused("relays:\n  - to: stdout\n    to: { file: {} }\n", "3:5: this key was set before");
}

static void lists_maps_and_values_are_told_apart(void **state)
{
    (void)state;
    refused("region: [a]\n", "1:9: no list belongs here");
    refused("region: { a: b }\n", "1:9: a single value belongs here");
    refused("server: [port]\n", "1:9: no list belongs here");
    refused("server: yes\n", "1:9: server holds further keys, not a value");
    refused("relays: { name: a }\n", "1:9: a list belongs here: begin with \"- \"");
    refused("relays: orders\n", "1:9: relays holds further keys, not a value");
    refused("relays:\n  - orders\n", "2:5: each element holds keys");
    refused("relays:\n  - - name: a\n", "2:5: each element holds keys");
    refused("relays:\n  - to: [stdout]\n", "2:9: no list belongs here");
    refused("relays:\n  - to: pigeon\n", "2:9: relays[].to holds further keys, not a value");
    refused("relays:\n  - from: outbox\n", "2:11: relays[].from holds further keys, not a value");
    refused("[]\n", "1:1: the file holds keys, such as relays:");
    refused("text\n", "1:1: the file holds keys, such as relays:");
}

static void values_of_the_wrong_type_are_errors(void **state)
{
    (void)state;
    const char *const ports[] = {
        "-1",  "65536", "1.5", "eight", "80a", "0x50", "+1", "8 0", "99999999999999999999",
        "1e3", "''",    "' 1'"};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        char text[64], expected[96];
        size_t quoted = ports[i][0] == '\'';
        (void)snprintf(text, sizeof(text), "server:\n  port: %s\n", ports[i]);
        (void)snprintf(expected, sizeof(expected), "2:9: \"%.*s\" is no number from 0 to 65535",
                       (int)(strlen(ports[i]) - 2 * quoted), ports[i] + quoted);
        refused(text, expected);
    }
    refused("server:\n  durability: Sync\n", "2:15: \"Sync\" is none of sync|relaxed");
    refused("server:\n  durability: sync|relaxed\n",
            "2:15: \"sync|relaxed\" is none of sync|relaxed");
    refused("server:\n  durability: \"\"\n", "2:15: \"\" is none of sync|relaxed");
    refused("outboxes:\n  - create: true\n", "2:13: \"true\" is none of yes|no");
    refused("region: ''\n", "1:9: an empty text says nothing");
    refused("region:\nendpoint: a\n", "1:8: an empty text says nothing");
    refused("region: \"a\\0b\"\n", "1:9: a zero byte in a text");
}

static void durations_have_units_and_bounds(void **state)
{
    (void)state;
    const char *const wrong[] = {"0",
                                 "0ms",
                                 "-1s",
                                 "1w",
                                 "1 s",
                                 "s",
                                 "",
                                 "1.5s",
                                 "25h",
                                 "2d",
                                 "99999999999999999999ms",
                                 "9223372036854775807h"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[96], expected[160];
        (void)snprintf(text, sizeof(text), "relays:\n  - retry:\n      backoff: \"%s\"\n",
                       wrong[i]);
        (void)snprintf(expected, sizeof(expected),
                       "3:16: \"%s\" is no duration (250ms, 10s, 5m, 2h, 7d) from 1ms to "
                       "86400000ms",
                       wrong[i]);
        refused(text, expected);
    }
    const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1ms", 1},
                {"1", 1000},
                {"1s", 1000},
                {"2m", 120000},
                {"24h", 86400000},
                {"1d", 86400000},
                {"86400000ms", 86400000}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[96];
        (void)snprintf(text, sizeof(text), "relays:\n  - retry: { backoff: %s }\n", good[i].text);
        assert_int_equal(config_number(loaded(text), "relays[0].retry.backoff", 0), good[i].ms);
    }
}

/* The key alone in a file: "relays[].retry.max" 7 is "relays: [{ retry: { max: 7 } }]". */
static void put_key(struct buf *text, const struct config_key *key, int64_t value)
{
    unsigned open_maps = 0;
    bool in_list = false;
    for (const char *at = key->path; *at != '\0'; at++) {
        if (strncmp(at, "[].", 3) == 0) {
            buf_put_str(text, ": [{ ");
            in_list = true;
            at += 2;
        } else if (*at == '.') {
            buf_put_str(text, ": { ");
            open_maps++;
        } else {
            buf_put_u8(text, (uint8_t)*at);
        }
    }
    buf_printf(text, ": %lld%s", (long long)value, key->type == CONFIG_NUMBER ? "" : "ms");
    for (; open_maps > 0; open_maps--) {
        buf_put_str(text, " }");
    }
    buf_put_str(text, in_list ? " }]\n" : "\n");
}

static void try_value(const struct config_key *key, int64_t value, enum weir_status expected)
{
    struct config *config = NULL;
    struct weir_error err;
    struct buf text;
    buf_init(&text, 4096);
    put_key(&text, key, value);
    enum weir_status status = config_file_load(&file, text.ptr, text.len, &config, &err);
    if (status != expected) {
        fail_msg("%.*s: %s", BYTES_ARG(buf_bytes(&text)), err.message);
    }
    buf_fini(&text);
}

/* Every number and duration of the table: at its bounds, and one past them. */
static void every_bound_of_the_table_holds(void **state)
{
    (void)state;
    unsigned tried = 0;
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        const struct config_key *key = config_key_at(i);
        if (key->type != CONFIG_NUMBER && key->type != CONFIG_DURATION_MS) {
            continue;
        }
        try_value(key, key->min - 1, WEIR_CONFIG);
        try_value(key, key->min, WEIR_OK);
        try_value(key, key->max, WEIR_OK);
        try_value(key, key->max + 1, WEIR_CONFIG);
        tried++;
    }
    assert_true(tried >= 8);
}

static void syntax_errors_say_where(void **state)
{
    (void)state;
    const struct {
        const char *text, *where;
    } cases[] = {{"a: b: c\n", ":1:5: "},
                 {"server: {port: 1\n", ":2:1: "},
                 {"server:\n\tport: 1\n", ":2:1: "},
                 {"region: \"a\n", ":2:1: "},
                 {"region: *none\n", ":1:9: "},
                 {"%YAML 3.0\n---\na\n", ":1:1: "},
                 {"]", ":1:1: "},
                 {"region: @a\n", ":1:9: "}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *config = NULL;
        struct weir_error err;
        assert_int_equal(
            config_file_load(&file, cases[i].text, strlen(cases[i].text), &config, &err),
            WEIR_CONFIG);
        if (strstr(err.message, cases[i].where) == NULL) {
            fail_msg("%s: %s", cases[i].text, err.message);
        }
    }
    refused("region: a\n---\nregion: b\n", "3:1: a second document: one belongs in a file");
}

static void a_text_that_is_no_utf8_is_an_error(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct weir_error err;
    static const char text[] = "region: \xff\xfe\n";
    assert_int_equal(config_file_load(&file, text, sizeof(text) - 1, &config, &err), WEIR_CONFIG);
}

/* ---- bounds ------------------------------------------------------------------------------------
 */

static void a_file_has_at_most_a_megabyte(void **state)
{
    (void)state;
    const size_t most = 1024 * 1024;
    struct config *config = NULL;
    struct weir_error err;
    char *text = malloc(most + 1);
    assert_non_null(text);
    memset(text, '#', most + 1);
    assert_int_equal(config_file_load(&file, text, most, &config, &err), WEIR_OK);
    assert_int_equal(config_file_load(&file, text, most + 1, &config, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "larger than 1048576 bytes"));
    free(text);
}

static void a_file_sets_at_most_10000_keys(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct weir_error err;
    struct buf text;
    buf_init(&text, 1024 * 1024);
    buf_put_str(&text, "relays:\n");
    for (int i = 0; i < 9999; i++) {
        buf_put_str(&text, "- {}\n");
    }
    assert_int_equal(config_file_load(&file, text.ptr, text.len, &config, &err), WEIR_OK);
    assert_int_equal(config_count(config, "relays"), 9999);
    buf_put_str(&text, "- {}\n");
    assert_int_equal(config_file_load(&file, text.ptr, text.len, &config, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "the file is too large"));
    buf_fini(&text);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    const char *const openings[] = {"[", "{a: ", "relays: [", "- ", "server: {"};
    for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        struct config *config = NULL;
        struct weir_error err;
        struct buf text;
        buf_init(&text, 1024 * 1024);
        for (int depth = 0; depth < 5000; depth++) {
            buf_put_str(&text, openings[i]);
        }
        assert_int_equal(config_file_load(&file, text.ptr, text.len, &config, &err), WEIR_CONFIG);
        buf_fini(&text);
    }
}

static void a_file_that_cannot_be_read_is_told_from_a_missing_one(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct weir_error err = {0};
    assert_int_equal(config_load(file.arena, "/tmp/no-such-weir.yaml", &config, &err),
                     WEIR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/tmp/no-such-weir.yaml: No such file"));
    assert_int_equal(config_load(file.arena, "/tmp", &config, &err), WEIR_CONFIG);
    assert_non_null(strstr(err.message, "/tmp: Is a directory"));
    assert_null(config);
}

static void an_error_can_be_placed_at_a_path(void **state)
{
    (void)state;
    struct weir_error err = {0};
    struct config *config = loaded("relays:\n  - name: a\n    to: stdout\n");
    char expected[128];
    assert_int_equal(config_error(config, "relays[0].to", &err, "no"), WEIR_CONFIG);
    (void)snprintf(expected, sizeof(expected), "%s:3:9: no", file.path);
    assert_string_equal(err.message, expected);
    assert_int_equal(config_error(config, "region", &err, "missing"), WEIR_CONFIG);
    (void)snprintf(expected, sizeof(expected), "%s: region: missing", file.path);
    assert_string_equal(err.message, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_type_are_read),
        cmocka_unit_test(what_is_not_set_gives_the_fallback),
        cmocka_unit_test(an_empty_file_sets_nothing),
        cmocka_unit_test(keys_without_anything_in_them_are_empty),
        cmocka_unit_test(unquoted_words_stay_text),
        cmocka_unit_test(a_sink_may_be_a_word),
        cmocka_unit_test(children_are_direct_and_in_order),
        cmocka_unit_test(aliases_are_followed),
        cmocka_unit_test(variables_are_replaced_once),
        cmocka_unit_test(a_variable_without_value_and_default_is_an_error),
        cmocka_unit_test(an_unknown_key_names_the_nearest),
        cmocka_unit_test(a_path_is_no_key),
        cmocka_unit_test(a_key_set_twice_is_an_error),
        cmocka_unit_test(lists_maps_and_values_are_told_apart),
        cmocka_unit_test(values_of_the_wrong_type_are_errors),
        cmocka_unit_test(durations_have_units_and_bounds),
        cmocka_unit_test(every_bound_of_the_table_holds),
        cmocka_unit_test(syntax_errors_say_where),
        cmocka_unit_test(a_text_that_is_no_utf8_is_an_error),
        cmocka_unit_test(a_file_has_at_most_a_megabyte),
        cmocka_unit_test(a_file_sets_at_most_10000_keys),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told_from_a_missing_one),
        cmocka_unit_test(an_error_can_be_placed_at_a_path),
    };
    return cmocka_run_group_tests(tests, open_file, close_file);
}
