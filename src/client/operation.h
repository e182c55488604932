/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_OPERATION_H
#define WEIR_CLIENT_OPERATION_H

/*
 * What the client must know of each operation: which service it belongs to, whether it writes, and
 * whether a write whose outcome is unknown may be made again without being applied twice in a way
 * that anybody could tell.
 */

#include "value/value.h"

enum operation_repeat {
    REPEAT_NEVER,     /* twice is not once */
    REPEAT_ALWAYS,    /* twice is once, or the second is refused */
    REPEAT_UPDATE,    /* UpdateItem: depends on its expression */
    REPEAT_WITH_TOKEN /* carries a ClientRequestToken; one is added when it has none */
};

struct operation {
    const char *name;
    bool streams; /* DynamoDB Streams */
    bool writes;
    enum operation_repeat repeat;
    bool counts; /* its request has the member ReturnConsumedCapacity */
};

/* One that is not in the table is a write of DynamoDB's that is never repeated. Never NULL. */
const struct operation *operation_find(struct weir_bytes name);
/* Whether a write of unknown outcome may be made again. */
bool operation_may_repeat(const struct operation *operation, const struct weir_value *document);

/* The name as a static or arena string; NULL when it is no name (letters and digits, 1 to 64). */
const char *operation_name(struct arena *a, struct weir_bytes name);

#endif
