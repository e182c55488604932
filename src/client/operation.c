/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations, and the test of an update expression for being repeatable. */
#include "client/operation.h"

#include <stdlib.h>
#include <strings.h>

#define OPERATION_NAME_MAX 64

/* Sorted by name. */
static const struct operation operations[] = {
    {"BatchGetItem", false, false, REPEAT_ALWAYS, true},
    {"BatchWriteItem", false, true, REPEAT_ALWAYS, true},
    {"CreateTable", false, true, REPEAT_ALWAYS, false},
    {"DeleteItem", false, true, REPEAT_ALWAYS, true},
    {"DeleteTable", false, true, REPEAT_ALWAYS, false},
    {"DescribeBackup", false, false, REPEAT_ALWAYS, false},
    {"DescribeContinuousBackups", false, false, REPEAT_ALWAYS, false},
    {"DescribeContributorInsights", false, false, REPEAT_ALWAYS, false},
    {"DescribeEndpoints", false, false, REPEAT_ALWAYS, false},
    {"DescribeExport", false, false, REPEAT_ALWAYS, false},
    {"DescribeGlobalTable", false, false, REPEAT_ALWAYS, false},
    {"DescribeGlobalTableSettings", false, false, REPEAT_ALWAYS, false},
    {"DescribeImport", false, false, REPEAT_ALWAYS, false},
    {"DescribeKinesisStreamingDestination", false, false, REPEAT_ALWAYS, false},
    {"DescribeLimits", false, false, REPEAT_ALWAYS, false},
    {"DescribeStream", true, false, REPEAT_ALWAYS, false},
    {"DescribeTable", false, false, REPEAT_ALWAYS, false},
    {"DescribeTableReplicaAutoScaling", false, false, REPEAT_ALWAYS, false},
    {"DescribeTimeToLive", false, false, REPEAT_ALWAYS, false},
    {"ExecuteTransaction", false, true, REPEAT_WITH_TOKEN, true},
    {"GetItem", false, false, REPEAT_ALWAYS, true},
    {"GetRecords", true, false, REPEAT_ALWAYS, false},
    {"GetResourcePolicy", false, false, REPEAT_ALWAYS, false},
    {"GetShardIterator", true, false, REPEAT_ALWAYS, false},
    {"ListBackups", false, false, REPEAT_ALWAYS, false},
    {"ListContributorInsights", false, false, REPEAT_ALWAYS, false},
    {"ListExports", false, false, REPEAT_ALWAYS, false},
    {"ListGlobalTables", false, false, REPEAT_ALWAYS, false},
    {"ListImports", false, false, REPEAT_ALWAYS, false},
    {"ListStreams", true, false, REPEAT_ALWAYS, false},
    {"ListTables", false, false, REPEAT_ALWAYS, false},
    {"ListTagsOfResource", false, false, REPEAT_ALWAYS, false},
    {"PutItem", false, true, REPEAT_ALWAYS, true},
    {"Query", false, false, REPEAT_ALWAYS, true},
    {"Scan", false, false, REPEAT_ALWAYS, true},
    {"SearchVectors", false, false, REPEAT_ALWAYS, true},
    {"TagResource", false, true, REPEAT_ALWAYS, false},
    {"TransactGetItems", false, false, REPEAT_ALWAYS, true},
    {"TransactWriteItems", false, true, REPEAT_WITH_TOKEN, true},
    {"UntagResource", false, true, REPEAT_ALWAYS, false},
    {"UpdateItem", false, true, REPEAT_UPDATE, true},
    {"UpdateTable", false, true, REPEAT_ALWAYS, false},
    {"UpdateTimeToLive", false, true, REPEAT_ALWAYS, false},
};

static int name_order(const void *key, const void *row)
{
    return bytes_cmp(*(const struct weir_bytes *)key,
                     bytes_str(((const struct operation *)row)->name));
}

const struct operation *operation_find(struct weir_bytes name)
{
    static const struct operation unknown = {"", false, true, REPEAT_NEVER, false};
    const struct operation *found =
        bsearch(&name, operations, sizeof(operations) / sizeof(operations[0]),
                sizeof(operations[0]), name_order);
    return found == NULL ? &unknown : found;
}

const char *operation_name(struct arena *a, struct weir_bytes name)
{
    if (name.len == 0 || name.len > OPERATION_NAME_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            return NULL;
        }
    }
    return arena_printf(a, "%.*s", BYTES_ARG(name));
}

static bool contains_add(struct weir_bytes text)
{
    for (size_t i = 0; i + 3 <= text.len; i++) {
        if (strncasecmp((const char *)text.ptr + i, "add", 3) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Setting paths to given values, removing attributes and deleting from sets come out the same when
 * made twice. ADD, arithmetic, list_append, copying other attributes and removing by list index do
 * not. The test is coarse on the safe side: a name that contains "add" counts as ADD.
 */
static bool expression_repeatable(struct weir_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '+' || text.ptr[i] == '-' || text.ptr[i] == '[') {
            return false;
        }
        if (text.ptr[i] != '=') {
            continue;
        }
        size_t next = i + 1;
        while (next < text.len && (text.ptr[next] == ' ' || text.ptr[next] == '\t' ||
                                   text.ptr[next] == '\n' || text.ptr[next] == '\r')) {
            next++;
        }
        if (next == text.len || text.ptr[next] != ':') {
            return false;
        }
    }
    return !contains_add(text);
}

static bool update_repeatable(const struct weir_value *document)
{
    const struct weir_value *expression = value_get(document, "UpdateExpression");
    if (value_get(document, "AttributeUpdates") != NULL) {
        return false;
    }
    return expression == NULL ||
           (expression->type == VALUE_S && expression_repeatable(expression->u.bytes));
}

bool operation_may_repeat(const struct operation *operation, const struct weir_value *document)
{
    switch (operation->repeat) {
    case REPEAT_ALWAYS:
        return true;
    case REPEAT_UPDATE:
        return update_repeatable(document);
    case REPEAT_WITH_TOKEN:
        return value_get(document, "ClientRequestToken") != NULL;
    case REPEAT_NEVER:
        break;
    }
    return false;
}
