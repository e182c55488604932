/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_RELAY_SETUP_H
#define WEIR_CLI_RELAY_SETUP_H

/* A relay of the configuration or of the command line, opened; and what a person is told of it. */

#include <pthread.h>
#include <semaphore.h>

#include "cli/cli.h"
#include "cli/config.h"
#include "weir/relay.h"

/* An outbox of the configuration's list, as options (texts are the configuration's). */
void outbox_setup_read(const struct config *config, uint32_t index,
                       struct weir_outbox_options *ret_options);
/* Makes sure that the outbox's table is there, as weir_outbox_open does. */
enum weir_status outbox_setup_prepare(struct weir_client *client,
                                      const struct weir_outbox_options *options,
                                      struct weir_error *err);

/* Prepares the outbox, then opens the relay. Fills options, sink and settings of relay `index` of
 * the configuration (NULL: none), and what the command line (NULL: none) says over it. Texts are in
 * the arena. */
enum weir_status relay_setup_open(struct arena *a, struct weir_client *client,
                                  const struct config *config, uint32_t index,
                                  const struct cli_args *args, struct weir_relay **ret_relay,
                                  struct weir_error *err);

/* Whether OUTBOX_SKIP_MARK_MESSAGES_AS_DISPATCHED (NULL: not set) asks for `mark: none`. */
enum weir_status relay_setup_skip_mark(const char *text, bool *ret_skip, struct weir_error *err);

#define RELAY_SETUP_MAX 64

/* What no single relay can see: WEIR_CONFIG for too many of them, and for two of one name. */
enum weir_status relay_setup_check(const struct config *config, struct weir_error *err);
/* The name of a relay of the configuration, or the default. */
const char *relay_setup_name(const struct config *config, uint32_t index);

/* The relay of that name in the configuration; without a name, the only one. Otherwise 0 when there
 * is no configuration; WEIR_CONFIG lists those there are. */
enum weir_status relay_setup_find(const struct config *config, const char *name,
                                  uint32_t *ret_index, struct weir_error *err);

/* Tells on stderr how a relay is doing, in a thread of its own: changes of its sink's state as log
 * lines, and counts and lag as a line that is rewritten when stderr is a terminal. */
struct relay_watch {
    struct weir_relay *relay;
    const char *name;
    bool progress;
    pthread_t thread;
    sem_t over;
    bool running;
};
enum weir_status relay_watch_start(struct relay_watch *watch, struct weir_error *err);
void relay_watch_stop(struct relay_watch *watch);

#endif
