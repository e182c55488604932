/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_PATIENCE_H
#define WEIR_CLI_PATIENCE_H

/*
 * Why a command is silent: a client repeats what fails for up to half a minute, and whoever waits
 * wants to know. On a terminal one line says so; with --verbose a debug line, wherever it goes.
 */

#include <semaphore.h>
#include <stdbool.h>

#include "cli/cli.h"

/* Watches the client; nothing where nobody is to be told. */
void patience_start(const struct cli_args *args, struct weir_client *client);
/* Ends the watch of that client, if there is one. Before the client is closed. */
void patience_end(const struct weir_client *client);

/* Waits so long; true as soon as it is over. */
bool patience_wait(sem_t *over, unsigned ms);

#endif
