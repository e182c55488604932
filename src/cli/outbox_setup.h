/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_OUTBOX_SETUP_H
#define WEIR_CLI_OUTBOX_SETUP_H

/* An outbox as weir.yaml and the command line describe it: options for weir_outbox_open. */

#include "cli/cli.h"
#include "cli/config.h"
#include "weir/outbox.h"

#define OUTBOX_SETUP_TABLE "outbox" /* without another name */

/* The configuration's outbox `index` as options; texts are the configuration's, lists in the arena.
 */
enum weir_status outbox_setup_read(struct arena *a, const struct config *config, uint32_t index,
                                   struct weir_outbox_options *ret_options, struct weir_error *err);
/* The one of that table (NULL: the default's name), or defaults with that name. `mark` is what the
 * relays that read it say; so is OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED. */
enum weir_status outbox_setup_find(struct arena *a, const struct config *config, const char *table,
                                   struct weir_outbox_options *ret_options, struct weir_error *err);
/* WEIR_CONFIG, with the place: an outbox that could not be opened as it is described, or two of one
 * table. */
enum weir_status outbox_setup_check(const struct config *config, struct weir_error *err);

/* --layout over what the configuration says. */
void outbox_setup_take_layout(const struct cli_args *args, struct weir_outbox_options *options);
/* "update", "delete" or "none" to its value; the first for any other text. */
enum weir_mark outbox_setup_mark(const char *text);

/* Whether OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED (NULL: not set) asks for `mark: none`. */
enum weir_status outbox_setup_skip_mark(const char *text, bool *ret_skip, struct weir_error *err);
/* The same of the environment's. */
enum weir_status outbox_setup_environment(bool *ret_skip, struct weir_error *err);

/* Makes sure that the outbox's table is there, as weir_outbox_open does. */
enum weir_status outbox_setup_prepare(struct weir_client *client,
                                      const struct weir_outbox_options *options,
                                      struct weir_error *err);

#endif
