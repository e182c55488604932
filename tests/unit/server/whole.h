/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_SERVER_WHOLE_H
#define WEIR_TEST_SERVER_WHOLE_H

/* The whole of it: a server with the real API over an engine in memory, and a client of it. */

#include "http_client.h"
#include "server/server.h"

struct whole {
    struct engine *engine;
    struct api *api;
    struct server *server; /* a test that stopped it sets NULL */
    struct http_client client;
};

/* CreateTable: pk (S) alone, and a stream. */
#define ORDERS_TABLE                                                                 \
    "{\"TableName\":\"orders\",\"BillingMode\":\"PAY_PER_REQUEST\","                 \
    "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"               \
    "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}]," \
    "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_IMAGE\"}}"

/* `options` without api and env. Fails the test when it does not start. */
struct whole *whole_new(struct server_options options);
void whole_free(struct whole *w);
/* Posts the operation; fails the test unless the answer has this status and this in its body. */
void expect(struct whole *w, const char *operation, const char *body, int status, const char *part);

#endif
