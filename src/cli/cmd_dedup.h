/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CMD_DEDUP_H
#define WEIR_CLI_CMD_DEDUP_H

/* What the commands of weir dedup share: the store, opened for one command. */

#include "cli/cli.h"
#include "weir/dedup.h"

#define RETENTION_MS_MAX (3650LL * 24 * 3600 * 1000)

#define CLI_DEDUP_TABLE                                                  \
    {                                                                    \
        "table", 't', "TABLE", "the store's table (deduplication-table)" \
    }

struct dedup_session {
    struct weir_client *client;
    struct weir_dedup *dedup;
};
/* Reads --table, --lease and --retention. Close it also after a failure. */
enum weir_status dedup_session_open(struct dedup_session *s, const struct cli_args *args,
                                    bool create, struct weir_error *err);
void dedup_session_close(struct dedup_session *s);
/* "acquired", "completed", "in-progress", "failed". */
const char *dedup_outcome_name(enum weir_claim_outcome outcome);

#endif
