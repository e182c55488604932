/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SINK_SINK_REDIS_URL_H
#define WEIR_SINK_SINK_REDIS_URL_H

#include "base/bytes.h"
#include "weir/error.h"

/* redis://[[user]:password@]host[:port][/database], percent-encoding in user and password. */
struct redis_url {
    char host[256];
    uint16_t port; /* 6379 when not given */
    char user[256];
    char password[512]; /* "" : none */
    uint32_t database;
};

/* WEIR_CONFIG says what is wrong, without repeating the password; "rediss:" is refused by name. */
enum weir_status redis_url_parse(const char *text, struct redis_url *ret_url,
                                 struct weir_error *err);

#endif
