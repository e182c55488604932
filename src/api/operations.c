/* SPDX-License-Identifier: Apache-2.0 */

/* The operations there are, and those that AWS has and we do not. */

#include "api/operations.h"

#include <stdlib.h>

#define OPERATION_ROW(name, prefix, service) \
    {#name, service, &shape_##prefix, op_##prefix##_start, NULL},
#define OPERATION_ROW_WAITS(name, prefix, service) \
    {#name, service, &shape_##prefix, op_##prefix##_start, op_##prefix##_resume},
static const struct api_operation operations[] = {
    OPERATION_TABLE(OPERATION_ROW, OPERATION_ROW_WAITS)};
#define OPERATION_COUNT (sizeof(operations) / sizeof(operations[0]))

#define OPERATION_NAME(name, prefix, service) #name,
static const char *const operation_names[] = {OPERATION_TABLE(OPERATION_NAME, OPERATION_NAME) NULL};

/* AWS's API model of DynamoDB, 2026-08, without the above. */
static const char *const unsupported_names[] = {
    "BatchExecuteStatement",
    "CreateBackup",
    "CreateGlobalTable",
    "DeleteBackup",
    "DeleteResourcePolicy",
    "DescribeBackup",
    "DescribeContinuousBackups",
    "DescribeContributorInsights",
    "DescribeExport",
    "DescribeGlobalTable",
    "DescribeGlobalTableSettings",
    "DescribeImport",
    "DescribeKinesisStreamingDestination",
    "DescribeTableReplicaAutoScaling",
    "DisableKinesisStreamingDestination",
    "EnableKinesisStreamingDestination",
    "ExecuteStatement",
    "ExecuteTransaction",
    "ExportTableToPointInTime",
    "GetResourcePolicy",
    "ImportTable",
    "ListBackups",
    "ListContributorInsights",
    "ListExports",
    "ListGlobalTables",
    "ListImports",
    "ListTagsOfResource",
    "PutResourcePolicy",
    "RestoreTableFromBackup",
    "RestoreTableToPointInTime",
    "SearchVectors",
    "TagResource",
    "UntagResource",
    "UpdateContinuousBackups",
    "UpdateContributorInsights",
    "UpdateGlobalTable",
    "UpdateGlobalTableSettings",
    "UpdateKinesisStreamingDestination",
    "UpdateTableReplicaAutoScaling",
    NULL,
};

static int compare_name(const void *name, const void *operation)
{
    return bytes_cmp(*(const struct weir_bytes *)name,
                     bytes_str(((const struct api_operation *)operation)->name));
}

const struct api_operation *operations_find(struct weir_bytes name)
{
    return bsearch(&name, operations, OPERATION_COUNT, sizeof(operations[0]), compare_name);
}

bool operations_unsupported(struct weir_bytes name)
{
    for (const char *const *at = unsupported_names; *at != NULL; at++) {
        if (bytes_eq_str(name, *at)) {
            return true;
        }
    }
    return false;
}

const char *const *api_operation_names(void)
{
    return operation_names;
}

const char *const *api_unsupported_names(void)
{
    return unsupported_names;
}
