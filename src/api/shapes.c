/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The shapes that several operations share. Lengths and enums: AWS's API models, 2026-08; the order
 * of an enum's values in a text is the service's.
 */

#include "api/shape.h"

#define COMPARISONS \
    "[IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]"

const struct shape shape_string = {.kind = SHAPE_STRING};
const struct shape shape_boolean = {.kind = SHAPE_BOOLEAN};

const struct shape shape_item_table = {.kind = SHAPE_STRING,
                                       .checks = SHAPE_TABLE | SHAPE_NAME | SHAPE_MIN | SHAPE_MAX,
                                       .min = LIMIT_TABLE_NAME_MIN,
                                       .max = LIMIT_TABLE_NAME_MAX};
const struct shape shape_table = {.kind = SHAPE_STRING,
                                  .checks = SHAPE_TABLE | SHAPE_FIRST | SHAPE_NAME};
const struct shape shape_limit = {.kind = SHAPE_INTEGER, .checks = SHAPE_MIN, .min = 1};

const struct shape shape_capacity = {.kind = SHAPE_STRING, .choices = "[INDEXES, TOTAL, NONE]"};
const struct shape shape_metrics = {.kind = SHAPE_STRING, .choices = "[SIZE, NONE]"};
const struct shape shape_returns = {
    .kind = SHAPE_STRING, .choices = "[ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"};
const struct shape shape_on_failure = {.kind = SHAPE_STRING, .choices = "[ALL_OLD, NONE]"};
const struct shape shape_operator = {.kind = SHAPE_STRING, .choices = "[OR, AND]"};
const struct shape shape_index_name = {.kind = SHAPE_STRING,
                                       .checks = SHAPE_NAME | SHAPE_MIN | SHAPE_MAX,
                                       .min = LIMIT_TABLE_NAME_MIN,
                                       .max = LIMIT_TABLE_NAME_MAX};
const struct shape shape_select = {
    .kind = SHAPE_STRING,
    .choices = "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"};

static const struct shape shape_attribute = {.kind = SHAPE_ATTRIBUTE, .name = "AttributeValue"};
static const struct shape shape_attribute_list = {.kind = SHAPE_LIST, .element = &shape_attribute};
const struct shape shape_item = {.kind = SHAPE_MAP, .element = &shape_attribute};
const struct shape shape_names = {.kind = SHAPE_MAP, .element = &shape_string};
const struct shape shape_name_list = {
    .kind = SHAPE_LIST, .checks = SHAPE_MIN, .min = 1, .element = &shape_string};

static const struct shape shape_comparison = {.kind = SHAPE_STRING, .choices = COMPARISONS};

static const struct shape_member expected_members[] = {
    {"AttributeValueList", &shape_attribute_list, false},
    {"ComparisonOperator", &shape_comparison, false},
    {"Exists", &shape_boolean, false},
    {"Value", &shape_attribute, false},
    {0},
};
static const struct shape shape_expected_value = {
    .kind = SHAPE_STRUCT, .name = "ExpectedAttributeValue", .members = expected_members};
const struct shape shape_expected = {.kind = SHAPE_MAP, .element = &shape_expected_value};

static const struct shape_member condition_members[] = {
    {"AttributeValueList", &shape_attribute_list, false},
    {"ComparisonOperator", &shape_comparison, true},
    {0},
};
static const struct shape shape_condition = {
    .kind = SHAPE_STRUCT, .name = "Condition", .members = condition_members};
const struct shape shape_conditions = {.kind = SHAPE_MAP, .element = &shape_condition};

const struct shape shape_stream_arn = {
    .kind = SHAPE_STRING, .checks = SHAPE_MIN | SHAPE_MAX, .min = 37, .max = 1024};
const struct shape shape_shard_id = {
    .kind = SHAPE_STRING, .checks = SHAPE_MIN | SHAPE_MAX, .min = 28, .max = 65};

static const struct shape shape_view_type = {
    .kind = SHAPE_STRING, .choices = "[NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]"};
static const struct shape_member stream_spec_members[] = {
    {"StreamEnabled", &shape_boolean, true},
    {"StreamViewType", &shape_view_type, false},
    {0},
};
const struct shape shape_stream_spec = {
    .kind = SHAPE_STRUCT, .name = "StreamSpecification", .members = stream_spec_members};
