/* SPDX-License-Identifier: Apache-2.0 */

/* CSV as RFC 4180 has it, and cells as attributes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/columns.h"
#include "cli/csv.h"
#include "cli/formats.h"
#include "value/plain_json.h"

#define ARENA_BYTES (64 * 1024 * 1024)

/* A source over a text, from a file that is gone already. */
static void open_text(struct source *from, const char *text, size_t len, struct weir_error *err)
{
    char path[] = "/tmp/weir-csv-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
    assert_int_equal(source_open(from, path, NULL, err), WEIR_OK);
    assert_int_equal(unlink(path), 0);
}

/* All records as "a|b;c|d;": quoted fields in brackets; then "!" and the message of an error, after
 * which reading goes on. */
static void check(const char *text, const char *expected)
{
    struct source from;
    struct csv_reader reader;
    struct weir_error err = {0};
    struct buf got;
    enum weir_status status;
    open_text(&from, text, strlen(text), &err);
    assert_int_equal(csv_open(&reader, &from, &err), WEIR_OK);
    buf_init(&got, 65536);
    while ((status = csv_read(&reader)) != WEIR_NOT_FOUND) {
        for (size_t i = 0; status == WEIR_OK && i < reader.count; i++) {
            const struct csv_field *field = &reader.at[i];
            buf_printf(&got, "%s%s%.*s%s", i > 0 ? "|" : "", field->quoted ? "[" : "",
                       BYTES_ARG(field->text), field->quoted ? "]" : "");
        }
        buf_printf(&got, "%s%s;", status == WEIR_OK ? "" : "!",
                   status == WEIR_OK ? "" : err.message);
    }
    buf_put_u8(&got, '\0');
    assert_string_equal((const char *)got.ptr, expected);
    buf_fini(&got);
    csv_close(&reader);
    source_close(&from);
}

static void records_and_fields_are_read(void **state)
{
    (void)state;
    check("", "");
    check("a", "a;");
    check("a,b\nc,d\n", "a|b;c|d;");
    check("a,b\r\nc,d", "a|b;c|d;");
    check("a,,\n,\n", "a||;|;");
    check("\xef\xbb\xbf"
          "a,b\n",
          "a|b;");
    check("\n\na\n\r\n\nb\n", "a;b;");
}

static void quoted_fields_hold_anything(void **state)
{
    (void)state;
    check("\"a,b\",\"c\nd\",\"e\"\"f\"\n", "[a,b]|[c\nd]|[e\"f];");
    check("\"\",x\n", "[]|x;");
    check("\"\"\"\"\r\n\"a\r\nb\"\r\n", "[\"];[a\r\nb];");
}

static void what_is_no_csv_is_refused_and_reading_goes_on(void **state)
{
    (void)state;
    check("a\"b,c\nd\n", "!a quote inside a field that is not in quotes;d;");
    check("\"a\"b,c\nd\n", "!text behind a field's closing quote;d;");
    check("a\rb\nc\n", "!a carriage return without a line feed;c;");
    check("a\n\"b\nc", "a;!the text ends inside quotes;");
    check("\xff\na\n", "!the text is not UTF-8;a;");
}

static void lines_are_counted_through_quoted_line_ends(void **state)
{
    struct source from;
    struct csv_reader reader;
    struct weir_error err = {0};
    const char *text = "a\n\"b\n\n\"\nc\n";
    (void)state;
    open_text(&from, text, strlen(text), &err);
    assert_int_equal(csv_open(&reader, &from, &err), WEIR_OK);
    const uint64_t lines[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(csv_read(&reader), WEIR_OK);
        assert_int_equal(reader.line, lines[i]);
    }
    csv_close(&reader);
    source_close(&from);
}

static void more_than_4096_fields_are_refused(void **state)
{
    struct buf text;
    struct source from;
    struct csv_reader reader;
    struct weir_error err = {0};
    (void)state;
    buf_init(&text, 65536);
    for (size_t i = 0; i < CSV_FIELDS_MAX; i++) {
        buf_put_str(&text, i + 1 < CSV_FIELDS_MAX ? "," : "\n");
    }
    for (size_t i = 0; i < CSV_FIELDS_MAX; i++) {
        buf_put_str(&text, ",");
    }
    open_text(&from, (const char *)text.ptr, text.len, &err);
    assert_int_equal(csv_open(&reader, &from, &err), WEIR_OK);
    assert_int_equal(csv_read(&reader), WEIR_OK);
    assert_int_equal(reader.count, CSV_FIELDS_MAX);
    assert_int_equal(csv_read(&reader), WEIR_VALIDATION);
    csv_close(&reader);
    source_close(&from);
    buf_fini(&text);
}

static void check_written(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 1024);
    csv_write(&out, bytes_str(text));
    assert_true(bytes_eq_str(buf_bytes(&out), expected));
    buf_fini(&out);
}

static void fields_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    check_written("plain text", "plain text");
    check_written("", "\"\"");
    check_written("a,b", "\"a,b\"");
    check_written("a\"b", "\"a\"\"b\"");
    check_written("a\nb", "\"a\nb\"");
    check_written("a\rb", "\"a\rb\"");
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void check_cell(const char *text, bool quoted, const char *type, bool infer,
                       const char *expected)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct csv_field cell = {.text = bytes_str(text), .quoted = quoted};
    struct column column = {.name = BYTES_LIT("c"), .typed = type != NULL};
    struct weir_value value = {0};
    struct weir_error err = {0};
    struct buf out;
    for (unsigned t = 0; type != NULL && t < VALUE_TYPE_COUNT; t++) {
        if (strcmp(value_type_name((enum value_type)t), type) == 0) {
            column.type = (enum value_type)t;
        }
    }
    enum weir_status status = format_parse_cell(a, &cell, &column, infer, &value, &err);
    buf_init(&out, 65536);
    if (status == WEIR_OK) {
        json_write(&out, &value);
    } else {
        buf_put_str(&out, err.message);
    }
    buf_put_u8(&out, '\0');
    assert_string_equal((const char *)out.ptr, expected);
    buf_fini(&out);
    arena_free(a);
}

static void cells_have_the_types_that_were_given(void **state)
{
    (void)state;
    check_cell("12", false, NULL, false, "{\"S\":\"12\"}");
    check_cell("12", false, "S", false, "{\"S\":\"12\"}");
    check_cell("1.50", false, "N", false, "{\"N\":\"1.5\"}");
    check_cell("AAEC", false, "B", false, "{\"B\":\"AAEC\"}");
    check_cell("true", false, "BOOL", false, "{\"BOOL\":true}");
    check_cell("null", false, "NULL", false, "{\"NULL\":true}");
    check_cell("[1]", true, "L", false, "{\"L\":[{\"N\":\"1\"}]}");
    check_cell("{\"a\":1}", true, "M", false, "{\"M\":{\"a\":{\"N\":\"1\"}}}");
    check_cell("[\"a\"]", true, "SS", false, "{\"SS\":[\"a\"]}");
    check_cell("{\"$set\":[\"a\"]}", true, "SS", false, "{\"SS\":[\"a\"]}");
    check_cell("[2,1]", true, "NS", false, "{\"NS\":[\"1\",\"2\"]}");
    check_cell("[{\"$binary\":\"AA==\"}]", true, "BS", false, "{\"BS\":[\"AA==\"]}");
}

static void cells_that_are_not_of_their_type_are_refused(void **state)
{
    (void)state;
    check_cell("yes", false, "BOOL", false, "column c, type BOOL: a BOOL is true or false");
    check_cell("[1]", false, "SS", false, "column c, type SS: no set of type SS");
    check_cell("1", false, "M", false, "column c, type M: it is of type N");
    check_cell("x", false, "N", false,
               "column c, type N: The parameter cannot be converted to a numeric value: x");
}

static void inference_takes_what_reads_as_json(void **state)
{
    (void)state;
    check_cell("12", false, NULL, true, "{\"N\":\"12\"}");
    check_cell("12", true, NULL, true, "{\"S\":\"12\"}");
    check_cell("true", false, NULL, true, "{\"BOOL\":true}");
    check_cell("null", false, NULL, true, "{\"NULL\":true}");
    check_cell("nul", false, NULL, true, "{\"S\":\"nul\"}");
    check_cell("[1,2]", true, NULL, true, "{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}");
    check_cell("{\"a\":null}", true, NULL, true, "{\"M\":{\"a\":{\"NULL\":true}}}");
    check_cell("[x]", true, NULL, true, "{\"S\":\"[x]\"}");
    check_cell("01", false, NULL, true, "{\"S\":\"01\"}");
    check_cell("", true, NULL, true, "{\"S\":\"\"}");
}

/* ---- columns --------------------------------------------------------------------------------- */

static const struct weir_value *item_of(struct arena *a, const char *text)
{
    struct weir_value *item = NULL;
    assert_int_equal(plain_parse_item(a, bytes_str(text), &item, NULL), WEIR_OK);
    return item;
}

static void columns_are_all_names_with_the_keys_first(void **state)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct data_keys keys = {.key = {{BYTES_LIT("pk"), VALUE_S}, {BYTES_LIT("sk"), VALUE_N}},
                             .count = 2};
    struct columns *columns = columns_new(&keys);
    struct weir_error err = {0};
    struct buf out;
    (void)state;
    buf_init(&out, 65536);
    const struct weir_value *one = item_of(a, "{\"pk\":\"a\",\"sk\":1,\"n\":2,\"b\":\"x,y\"}");
    const struct weir_value *two = item_of(a, "{\"pk\":\"a\",\"sk\":2,\"z\":\"\",\"n\":3}");
    assert_int_equal(columns_learn(columns, one, &err), WEIR_OK);
    assert_int_equal(columns_learn(columns, two, &err), WEIR_OK);
    columns_write_header(columns, &out);
    assert_int_equal(columns_write(columns, one, &out, &err), WEIR_OK);
    assert_int_equal(columns_write(columns, two, &out, &err), WEIR_OK);
    assert_true(bytes_eq_str(buf_bytes(&out), "pk,sk,b,n,z\na,1,\"x,y\",2,\na,2,,3,\"\"\n"));
    buf_reset(&out);
    assert_true(columns_types(columns, &keys, &out));
    assert_true(bytes_eq_str(buf_bytes(&out), "n:N"));
    /* One that came after the names were gathered is not dropped. */
    assert_int_equal(
        columns_write(columns, item_of(a, "{\"pk\":\"a\",\"sk\":3,\"new\":1}"), &out, &err),
        WEIR_NOT_FOUND);
    assert_int_equal(
        columns_write(columns, item_of(a, "{\"pk\":\"a\",\"sk\":4,\"n\":\"t\"}"), &out, &err),
        WEIR_OK);
    buf_reset(&out);
    assert_false(columns_types(columns, &keys, &out));
    assert_true(bytes_eq_str(buf_bytes(&out), "n"));
    buf_fini(&out);
    columns_free(columns);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_fields_are_read),
        cmocka_unit_test(quoted_fields_hold_anything),
        cmocka_unit_test(what_is_no_csv_is_refused_and_reading_goes_on),
        cmocka_unit_test(lines_are_counted_through_quoted_line_ends),
        cmocka_unit_test(more_than_4096_fields_are_refused),
        cmocka_unit_test(fields_are_quoted_where_they_must_be),
        cmocka_unit_test(cells_have_the_types_that_were_given),
        cmocka_unit_test(cells_that_are_not_of_their_type_are_refused),
        cmocka_unit_test(inference_takes_what_reads_as_json),
        cmocka_unit_test(columns_are_all_names_with_the_keys_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
