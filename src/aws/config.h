/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_CONFIG_H
#define WEIR_AWS_CONFIG_H

/*
 * Region, endpoints, attempts and retry mode, from where every AWS SDK takes them; credentials come
 * from the same settings, see credentials.h. Precedence:
 *
 *     region       given; AWS_REGION; AWS_DEFAULT_REGION; the profile's
 *     endpoint     given; AWS_ENDPOINT_URL_<SERVICE>; AWS_ENDPOINT_URL; the profile's services
 *                  section; the profile's endpoint_url; region "local": http://localhost:8000;
 *                  otherwise AWS's own of the region: FIPS, dual-stack or the account's when the
 *                  settings say so
 *     streams      the same with DYNAMODB_STREAMS, then what was configured for DYNAMODB
 */

#include "aws/settings.h"

/* What each means is in weir/client.h. */
enum aws_retry_mode {
    AWS_RETRY_UNSET,
    AWS_RETRY_LEGACY,
    AWS_RETRY_STANDARD,
    AWS_RETRY_ADAPTIVE,
};

struct aws_config {
    struct aws_settings *settings; /* NULL in one that was made without an environment */
    char *region;
    char *endpoint;         /* of DynamoDB */
    char *streams_endpoint; /* of DynamoDB Streams */
    char *ca_bundle;        /* NULL: the system's */
    uint32_t max_attempts;  /* 0: not set */
    enum aws_retry_mode retry_mode;
};

/*
 * `profile`, `endpoint` and `region` are what the caller was given explicitly, or NULL; the profile
 * as in settings_open. WEIR_CONFIG: neither a region nor an endpoint, an unknown profile, an
 * unreadable or malformed file, an endpoint of a kind that AWS does not have.
 */
enum weir_status aws_config_load_profile(const struct aws_environment *environment,
                                         const char *profile, const char *endpoint,
                                         const char *region, struct aws_config *ret_config,
                                         struct weir_error *err);
void aws_config_fini(struct aws_config *config); /* accepts a zeroed one */

/* AWS_MAX_ATTEMPTS alone: 0 when not set, WEIR_CONFIG when it is not 1 or more. */
enum weir_status aws_config_attempts(const struct aws_environment *environment, uint32_t *ret_count,
                                     struct weir_error *err);
/* The mode's name, in any case; NULL is UNSET. WEIR_CONFIG: any other name. */
enum weir_status aws_retry_mode_parse(const char *name, enum aws_retry_mode *ret_mode,
                                      struct weir_error *err);
/* AWS_RETRY_MODE alone. */
enum weir_status aws_config_retry_mode(const struct aws_environment *environment,
                                       enum aws_retry_mode *ret_mode, struct weir_error *err);

#endif
