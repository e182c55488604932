/* SPDX-License-Identifier: Apache-2.0 */
/* The table of partitions: see region.h. */
#include "aws/region.h"

#include <stddef.h>
#include <string.h>

struct partition {
    const char *prefix; /* of its regions' names */
    const char *domain;
    const char *dual_stack_domain;
    bool dual_streams;
};

/* Longer prefixes before those that begin them; the last one is everybody's. */
static const struct partition partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", true},
    {"us-gov-", "amazonaws.com", "api.aws", true},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu", false},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud", false},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", false},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov", false},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", false},
    {"", "amazonaws.com", "api.aws", true},
};

static const struct partition *partition_of(const char *region)
{
    size_t i = 0;
    while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0) {
        i++;
    }
    return &partitions[i];
}

bool region_is_name(const char *region)
{
    size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= REGION_LEN_MAX && region[len] == '\0';
}

const char *region_domain_view(const char *region, bool dual_stack)
{
    const struct partition *partition = partition_of(region);
    return dual_stack ? partition->dual_stack_domain : partition->domain;
}

bool region_is_government(const char *region)
{
    return strncmp(region, "us-gov-", 7) == 0;
}

bool region_has_dual_streams(const char *region)
{
    return partition_of(region)->dual_streams;
}
