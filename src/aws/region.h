/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_REGION_H
#define WEIR_AWS_REGION_H

/* AWS's partitions: which domain a region's endpoints are in. Source: botocore's partitions.json,
 * 2026-08. */

#include <stdbool.h>

#define REGION_LEN_MAX 63

/* A region becomes part of a host's name. */
bool region_is_name(const char *region);
/* "amazonaws.com"; with dual stack "api.aws". Unknown regions are taken for the partition "aws". */
const char *region_domain_view(const char *region, bool dual_stack);
bool region_is_government(const char *region); /* the partition aws-us-gov */
/* Whether it is of "aws", "aws-cn" or "aws-us-gov", where Streams have a dual-stack host. */
bool region_has_dual_streams(const char *region);

#endif
