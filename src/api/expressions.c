/* SPDX-License-Identifier: Apache-2.0 */

/* The expressions of one request. See expressions.h. */

#include "api/expressions.h"

#include "api/request.h"

#include <stdlib.h>

static const char *const put_expressions[] = {"ConditionExpression", NULL};
static const char *const put_legacy[] = {"Expected", NULL};
const struct expression_use expression_use_put = {put_expressions, put_legacy};

static const char *const update_expressions[] = {"UpdateExpression", "ConditionExpression", NULL};
static const char *const update_legacy[] = {"AttributeUpdates", "Expected", NULL};
const struct expression_use expression_use_update = {update_expressions, update_legacy};

static const char *const get_expressions[] = {"ProjectionExpression", NULL};
static const char *const get_legacy[] = {"AttributesToGet", NULL};
const struct expression_use expression_use_get = {get_expressions, get_legacy};

static const char *const query_expressions[] = {"ProjectionExpression", "FilterExpression",
                                                "KeyConditionExpression", NULL};
static const char *const query_legacy[] = {"AttributesToGet", "QueryFilter", "ConditionalOperator",
                                           "KeyConditions", NULL};
const struct expression_use expression_use_query = {query_expressions, query_legacy};

static const char *const scan_expressions[] = {"ProjectionExpression", "FilterExpression", NULL};
static const char *const scan_legacy[] = {"AttributesToGet", "ScanFilter", "ConditionalOperator",
                                          NULL};
const struct expression_use expression_use_scan = {scan_expressions, scan_legacy};

static const char *const no_legacy[] = {NULL};
const struct expression_use expression_use_transact = {put_expressions, no_legacy};
const struct expression_use expression_use_transact_update = {update_expressions, no_legacy};
const struct expression_use expression_use_transact_get = {get_expressions, no_legacy};

/* ---- what goes together --------------------------------------------------------------------- */

/* KeyConditions beside a FilterExpression are tolerated as long as no KeyConditionExpression is
 * there: AWS's texts leave the parameter out then. */
static bool counts(const struct weir_value *from, const char *name)
{
    if (strcmp(name, "KeyConditions") == 0 &&
        request_member(from, "KeyConditionExpression") == NULL) {
        return false;
    }
    return request_member(from, name) != NULL;
}

static unsigned count_present(const struct weir_value *from, const char *const *names)
{
    unsigned found = 0;
    for (; *names != NULL; names++) {
        found += counts(from, *names);
    }
    return found;
}

static void put_present(struct buf *to, const struct weir_value *from, const char *const *names)
{
    unsigned found = 0;
    for (; *names != NULL; names++) {
        if (counts(from, *names)) {
            buf_printf(to, "%s%s", found++ == 0 ? "" : ", ", *names);
        }
    }
}

static enum weir_status together_error(struct api_call *call, const struct weir_value *from,
                                       const struct expression_use *use)
{
    struct buf text;
    buf_init(&text, 1024);
    buf_put_str(&text, "Non-expression parameters: {");
    put_present(&text, from, use->legacy);
    buf_put_str(&text, "} Expression parameters: {");
    put_present(&text, from, use->expressions);
    enum weir_status status = call_invalid(call,
                                           "Can not use both expression and non-expression "
                                           "parameters in the same request: %.*s}",
                                           BYTES_ARG(buf_bytes(&text)));
    buf_fini(&text);
    return status;
}

/* Values stand in every expression but a projection. */
static bool takes_values(const char *expression)
{
    return strcmp(expression, "ProjectionExpression") != 0;
}

static enum weir_status values_error(struct api_call *call, const struct expression_use *use)
{
    struct buf names;
    buf_init(&names, 1024);
    unsigned kinds = 0;
    for (const char *const *name = use->expressions; *name != NULL; name++) {
        if (takes_values(*name)) {
            buf_printf(&names, "%s%s", kinds++ == 0 ? "" : " and ", *name);
        }
    }
    enum weir_status status = call_invalid(call,
                                           "ExpressionAttributeValues can only be specified when "
                                           "using expressions: %.*s %s null",
                                           BYTES_ARG(buf_bytes(&names)), kinds > 1 ? "are" : "is");
    buf_fini(&names);
    return status;
}

static bool values_are_used(const struct weir_value *from, const struct expression_use *use)
{
    bool any = false;
    for (const char *const *name = use->expressions; *name != NULL; name++) {
        any = any || takes_values(*name);
        if (takes_values(*name) && request_member(from, *name) != NULL) {
            return true;
        }
    }
    return !any;
}

enum weir_status expressions_mix(struct api_call *call, const struct weir_value *from,
                                 const struct expression_use *use)
{
    unsigned expressions = count_present(from, use->expressions);
    if (expressions > 0 && count_present(from, use->legacy) > 0) {
        return together_error(call, from, use);
    }
    if (request_member(from, "ExpressionAttributeNames") != NULL && expressions == 0) {
        return call_invalid(
            call, "ExpressionAttributeNames can only be specified when using expressions");
    }
    if (request_member(from, "ExpressionAttributeValues") != NULL && !values_are_used(from, use)) {
        return values_error(call, use);
    }
    return WEIR_OK;
}

/* ---- placeholders --------------------------------------------------------------------------- */

/* The text of a bad value names its placeholder; which one it was is looked for only now. */
static enum weir_status explain_bad_value(struct api_call *call, const struct weir_value *values)
{
    for (uint32_t i = 0; values->type == VALUE_M && i < values->u.map.count; i++) {
        const struct value_member *member = &values->u.map.at[i];
        struct weir_value *ignored;
        struct weir_error error = {0};
        if (value_to_attribute(call->arena, &member->value, &ignored, &error) == WEIR_VALIDATION) {
            return call_invalid(call,
                                "ExpressionAttributeValues contains invalid value: %s for key %.*s",
                                error.message, BYTES_ARG(member->name));
        }
    }
    return call->error.status;
}

/* The syntax of a placeholder is looked at before any value is. */
static enum weir_status check_value_names(struct api_call *call, const struct weir_value *values)
{
    for (uint32_t i = 0; values->type == VALUE_M && i < values->u.map.count; i++) {
        struct weir_bytes name = values->u.map.at[i].name;
        bool good = name.len > 1 && name.ptr[0] == ':';
        for (size_t k = 1; good && k < name.len; k++) {
            uint8_t c = name.ptr[k];
            good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   c == '_';
        }
        if (!good) {
            return call_invalid(call,
                                "ExpressionAttributeValues contains invalid key: Syntax error; "
                                "key: \"%.*s\"",
                                BYTES_ARG(name));
        }
    }
    return WEIR_OK;
}

static enum weir_status read_values(struct api_call *call, const struct weir_value *doc,
                                    struct weir_value **ret_values)
{
    enum weir_status status = check_value_names(call, doc);
    if (status != WEIR_OK) {
        return status;
    }
    status = value_to_item(call->arena, doc, ret_values, &call->error);
    return status == WEIR_VALIDATION ? explain_bad_value(call, doc) : status;
}

enum weir_status expressions_begin(struct api_call *call, const struct weir_value *from,
                                   const struct expression_use *use,
                                   struct expressions *ret_expressions)
{
    *ret_expressions = (struct expressions){.call = call, .from = from, .use = use};
    const struct weir_value *names = request_member(from, "ExpressionAttributeNames");
    const struct weir_value *doc = request_member(from, "ExpressionAttributeValues");
    struct weir_value *values = NULL;
    enum weir_status status = WEIR_OK;
    if (names != NULL) {
        status = expr_names_init(call->arena, names, NULL, &ret_expressions->names, &call->error);
    }
    if (status == WEIR_OK && doc != NULL) {
        status = read_values(call, doc, &values);
    }
    if (status != WEIR_OK) {
        return status;
    }
    return expr_names_init(call->arena, names, values, &ret_expressions->names, &call->error);
}

enum weir_status expressions_end(struct expressions *e)
{
    return expr_names_check(&e->names, &e->call->error);
}

/* A legacy parameter, if the operation has it; others of that name are unknown members. */
static const struct weir_value *legacy_member(const struct expressions *e, const char *name)
{
    for (const char *const *at = e->use->legacy; *at != NULL; at++) {
        if (strcmp(*at, name) == 0) {
            return request_member(e->from, name);
        }
    }
    return NULL;
}

/* ---- the expressions ------------------------------------------------------------------------ */

enum weir_status expressions_update(struct expressions *e, struct expr_update **ret_update)
{
    struct api_call *call = e->call;
    *ret_update = NULL;
    if (request_member(e->from, "UpdateExpression") != NULL) {
        return expr_parse_update(call->arena, request_string(e->from, "UpdateExpression"),
                                 &e->names, ret_update, &call->error);
    }
    const struct weir_value *updates = legacy_member(e, "AttributeUpdates");
    if (updates == NULL) {
        return WEIR_OK;
    }
    return expr_update_of_attribute_updates(call->arena, updates, ret_update, &call->error);
}

static enum weir_status check_operator(struct expressions *e, const struct weir_value *conditions)
{
    if (request_member(e->from, "ConditionalOperator") == NULL || e->use->legacy[0] == NULL) {
        return WEIR_OK;
    }
    if (conditions == NULL) {
        return call_invalid(e->call, "One or more parameter values were invalid: "
                                     "ConditionalOperator cannot be used without Filter or "
                                     "Expected");
    }
    if (conditions->u.map.count < 2) {
        return call_invalid(e->call, "One or more parameter values were invalid: "
                                     "ConditionalOperator can only be used when Filter or Expected "
                                     "has two or more elements");
    }
    return WEIR_OK;
}

typedef enum weir_status legacy_condition_fn(struct arena *a, const struct weir_value *conditions,
                                             struct weir_bytes conditional_operator,
                                             struct expr_condition **ret_condition,
                                             struct weir_error *err);

static enum weir_status condition_of(struct expressions *e, enum expr_kind kind,
                                     const char *expression, const char *legacy,
                                     legacy_condition_fn *of_legacy,
                                     struct expr_condition **ret_condition)
{
    struct api_call *call = e->call;
    *ret_condition = NULL;
    if (request_member(e->from, expression) != NULL) {
        return expr_parse_condition(call->arena, kind, request_string(e->from, expression),
                                    &e->names, ret_condition, &call->error);
    }
    const struct weir_value *conditions = legacy_member(e, legacy);
    enum weir_status status = check_operator(e, conditions);
    if (status != WEIR_OK || conditions == NULL || conditions->u.map.count == 0) {
        return status;
    }
    return of_legacy(call->arena, conditions, request_string(e->from, "ConditionalOperator"),
                     ret_condition, &call->error);
}

enum weir_status expressions_condition(struct expressions *e, struct expr_condition **ret_condition)
{
    return condition_of(e, EXPR_CONDITION, "ConditionExpression", "Expected",
                        expr_condition_of_expected, ret_condition);
}

enum weir_status expressions_filter(struct expressions *e, const char *legacy,
                                    struct expr_condition **ret_condition)
{
    return condition_of(e, EXPR_FILTER, "FilterExpression", legacy, expr_condition_of_filter,
                        ret_condition);
}

static int compare_names(const void *a, const void *b)
{
    return bytes_cmp(*(const struct weir_bytes *)a, *(const struct weir_bytes *)b);
}

static enum weir_status check_distinct(struct api_call *call, const struct weir_value *list)
{
    uint32_t count = list->u.list.count;
    struct weir_bytes *names = ARENA_ARRAY(call->arena, struct weir_bytes, count);
    if (names == NULL) {
        return call_no_memory(call);
    }
    for (uint32_t i = 0; i < count; i++) {
        names[i] = list->u.list.at[i].type == VALUE_S ? list->u.list.at[i].u.bytes : BYTES_NONE;
    }
    qsort(names, count, sizeof(*names), compare_names);
    for (uint32_t i = 1; i < count; i++) {
        if (bytes_eq(names[i - 1], names[i])) {
            return call_invalid(call,
                                "One or more parameter values were invalid: Duplicate value in "
                                "attribute name: %.*s",
                                BYTES_ARG(names[i]));
        }
    }
    return WEIR_OK;
}

enum weir_status expressions_projection(struct expressions *e,
                                        struct expr_projection **ret_projection)
{
    struct api_call *call = e->call;
    *ret_projection = NULL;
    if (request_member(e->from, "ProjectionExpression") != NULL) {
        return expr_parse_projection(call->arena, request_string(e->from, "ProjectionExpression"),
                                     &e->names, ret_projection, &call->error);
    }
    const struct weir_value *names = legacy_member(e, "AttributesToGet");
    if (names == NULL) {
        return WEIR_OK;
    }
    enum weir_status status = check_distinct(call, names);
    if (status != WEIR_OK) {
        return status;
    }
    return expr_projection_of_names(call->arena, names, ret_projection, &call->error);
}

enum weir_status expressions_key_condition(struct expressions *e,
                                           const struct engine_key_attribute *partition,
                                           const struct engine_key_attribute *sort,
                                           struct expr_key_condition *ret_condition)
{
    struct api_call *call = e->call;
    struct expr_key_schema schema = {
        .partition_name = partition->name,
        .partition_type = partition->type,
        .sort_name = sort->name,
        .sort_type = sort->type,
    };
    if (request_member(e->from, "KeyConditionExpression") != NULL) {
        return expr_parse_key_condition(call->arena,
                                        request_string(e->from, "KeyConditionExpression"),
                                        &e->names, &schema, ret_condition, &call->error);
    }
    return expr_key_condition_of_conditions(call->arena, request_member(e->from, "KeyConditions"),
                                            &schema, ret_condition, &call->error);
}
