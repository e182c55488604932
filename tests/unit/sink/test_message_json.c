/* SPDX-License-Identifier: Apache-2.0 */
/* A message as a line of JSON: golden texts. */
#include "unit/sink/sink_fixture.h"

#include "sink/message_json.h"
#include "value/value.h"

static void assert_line(const struct weir_sink_message *message, const char *wanted)
{
    struct buf line;
    buf_init(&line, 1 << 20);
    message_json_write(&line, message);
    buf_put_u8(&line, 0);
    assert_int_equal(buf_status(&line), WEIR_OK);
    assert_string_equal((const char *)line.ptr, wanted);
    struct arena *a = arena_new(1 << 20);
    struct weir_value *document = NULL;
    assert_int_equal(json_parse(a, bytes_str(wanted), &document, NULL), WEIR_OK);
    assert_null(strchr(wanted, '\n'));
    arena_free(a);
    buf_fini(&line);
}

static void every_field_has_its_name(void **state)
{
    (void)state;
    assert_line(
        &(struct weir_sink_message){
            .id = text("m-1"),
            .key = text("k\"1"),
            .type = text("order.placed"),
            .destination = text("orders"),
            .payload = text("{\"n\":1}\n"),
            .content_type = text("application/json"),
            .headers = text("{\"A\": \"b\",\n \"a\":\"\"}"),
            .correlation_id = text("c"),
            .causation_id = text("d"),
            .aggregate_id = text("1"),
            .aggregate_type = text("order"),
            .traceparent = text("00-x"),
            .tracestate = text("y=1"),
            .created_at = text("2023-11-14T22:13:20.123Z"),
        },
        "{\"id\":\"m-1\",\"key\":\"k\\\"1\",\"type\":\"order.placed\",\"topic\":\"orders\","
        "\"time\":\"2023-11-14T22:13:20.123Z\",\"contentType\":\"application/json\","
        "\"correlationId\":\"c\",\"causationId\":\"d\",\"aggregateId\":\"1\","
        "\"aggregateType\":\"order\",\"traceparent\":\"00-x\",\"tracestate\":\"y=1\","
        "\"headers\":{\"A\":\"b\",\"a\":\"\"},\"encoding\":\"raw\",\"data\":\"{\\\"n\\\":1}\\n\"}");
}

static void absent_fields_are_left_out(void **state)
{
    (void)state;
    assert_line(&(struct weir_sink_message){.id = text("m"), .key = text("k"), .type = text("t")},
                "{\"id\":\"m\",\"key\":\"k\",\"type\":\"t\",\"encoding\":\"raw\",\"data\":\"\"}");
    assert_line(&(struct weir_sink_message){0}, "{\"encoding\":\"raw\",\"data\":\"\"}");
}

static void payload_that_is_no_text_goes_as_base64(void **state)
{
    (void)state;
    assert_line(&(struct weir_sink_message){.id = text("m"), .payload = {"\xff\0\xfe", 3}},
                "{\"id\":\"m\",\"encoding\":\"base64\",\"data\":\"/wD+\"}");
    assert_line(&(struct weir_sink_message){.id = text("m"), .payload = {"\xc3\xa9\0", 3}},
                "{\"id\":\"m\",\"encoding\":\"raw\",\"data\":\"\xc3\xa9\\u0000\"}");
}

static void headers_that_are_no_object_go_as_text(void **state)
{
    (void)state;
    assert_line(&(struct weir_sink_message){.id = text("m"), .headers = text("{oops}")},
                "{\"id\":\"m\",\"headers\":\"{oops}\",\"encoding\":\"raw\",\"data\":\"\"}");
    assert_line(&(struct weir_sink_message){.id = text("m"), .headers = text("[1]")},
                "{\"id\":\"m\",\"headers\":\"[1]\",\"encoding\":\"raw\",\"data\":\"\"}");
}

static void full_buffer_is_an_error_and_no_crash(void **state)
{
    (void)state;
    struct buf line;
    for (size_t max = 0; max < 40; max++) {
        buf_init(&line, max);
        message_json_write(&line, &(struct weir_sink_message){.id = text("m"),
                                                              .key = text("k"),
                                                              .headers = text("{\"a\":\"b\"}"),
                                                              .payload = text("x")});
        assert_int_not_equal(buf_status(&line), WEIR_OK);
        buf_fini(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_its_name),
        cmocka_unit_test(absent_fields_are_left_out),
        cmocka_unit_test(payload_that_is_no_text_goes_as_base64),
        cmocka_unit_test(headers_that_are_no_object_go_as_text),
        cmocka_unit_test(full_buffer_is_an_error_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
