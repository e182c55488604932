/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CONFIRM_H
#define WEIR_CLI_CONFIRM_H

/* Asking before what cannot be undone. */

#include "cli/cli.h"

/*
 * 0 when it may be done: --yes was given, or a person on the terminal said so. Otherwise an exit
 * code, after the reason on stderr: 64 when there is nobody to ask, 1 when the answer was no.
 * `what` is a question without its mark: "delete table orders".
 */
int cli_confirm(const struct cli_args *args, const char *what);

#define CLI_OPTION_YES                                                   \
    {                                                                    \
        "yes", 'y', NULL, "do not ask; needed where nobody can be asked" \
    }

#endif
