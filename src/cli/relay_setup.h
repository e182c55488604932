/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_RELAY_SETUP_H
#define WEIR_CLI_RELAY_SETUP_H

/* A relay of the configuration or of the command line, opened; and what a person is told of it. */

#include <pthread.h>
#include <semaphore.h>

#include "cli/cli.h"
#include "cli/config.h"
#include "cli/outbox_setup.h"
#include "weir/relay.h"

/* Prepares the outbox, then opens the relay. Fills options, sink and settings of relay `index` of
 * the configuration (NULL: none), and what the command line (NULL: none) says over it. Texts are in
 * the arena. */
enum weir_status relay_setup_open(struct arena *a, struct weir_client *client,
                                  const struct config *config, uint32_t index,
                                  const struct cli_args *args, struct weir_relay **ret_relay,
                                  struct weir_error *err);

#define RELAY_SETUP_MAX 64

/* WEIR_CONFIG, with the place, for what no single relay can see: too many of them, two of one name,
 * an outbox that could not be opened (outbox_setup_check). */
enum weir_status relay_setup_check(const struct config *config, struct weir_error *err);
/* What a person is told of the order that the relay promises, for logs and status. */
const char *relay_setup_order(const struct weir_relay *relay);
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
