/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_CONFIG_H
#define WEIR_AWS_CONFIG_H

/*
 * Region, endpoints, credentials and attempts, from where every AWS SDK takes them. Precedence:
 *
 *     region       given; AWS_REGION; AWS_DEFAULT_REGION; the profile's
 *     endpoint     given; AWS_ENDPOINT_URL_<SERVICE>; AWS_ENDPOINT_URL; the profile's services
 *                  section; the profile's endpoint_url; region "local": http://localhost:8000;
 *                  otherwise AWS's own of the region
 *     streams      the same with DYNAMODB_STREAMS, then what was configured for DYNAMODB
 *     credentials  AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN); the
 *                  credentials file's profile; the config file's
 */

#include "weir/error.h"

/* The environment, so that tests bring their own. */
struct aws_environment {
    const char *(*get)(void *arg, const char *name); /* NULL: not set */
    void *arg;
};
const struct aws_environment *aws_environment_system(void);

struct aws_config {
    char *region;
    char *endpoint;         /* of DynamoDB */
    char *streams_endpoint; /* of DynamoDB Streams */
    char *access_key_id;    /* NULL: there are no credentials */
    char *secret_access_key;
    char *session_token;   /* NULL: none */
    char *ca_bundle;       /* NULL: the system's */
    uint32_t max_attempts; /* 0: not set */
};

/*
 * `endpoint` and `region` are what the caller was given explicitly, or NULL.
 * WEIR_CONFIG: neither a region nor an endpoint, half a key pair, an unknown profile, an
 * unreadable or malformed file. WEIR_UNSUPPORTED: FIPS or dual-stack endpoints without an explicit
 * one.
 */
enum weir_status aws_config_load(const struct aws_environment *environment, const char *endpoint,
                                 const char *region, struct aws_config *ret_config,
                                 struct weir_error *err);
void aws_config_fini(struct aws_config *config); /* accepts a zeroed one */

/* AWS_MAX_ATTEMPTS alone: 0 when not set, WEIR_CONFIG when it is not 1 or more. */
enum weir_status aws_config_attempts(const struct aws_environment *environment, uint32_t *ret_count,
                                     struct weir_error *err);

#endif
