/* SPDX-License-Identifier: Apache-2.0 */

/* Asking before what cannot be undone. */

#include "cli/confirm.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define ANSWER_SIZE 64

int cli_confirm(const struct cli_args *args, const char *what)
{
    char answer[ANSWER_SIZE] = "";
    if (cli_has(args, "yes")) {
        return 0;
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        struct weir_error err = {0};
        (void)error_set(&err, WEIR_INVALID_ARGUMENT,
                        "to %s needs --yes: there is no terminal to ask on", what);
        return cli_fail(args, WEIR_INVALID_ARGUMENT, &err);
    }
    fprintf(stderr, "weir: %s? [y/N] ", what);
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) == NULL) {
        fputc('\n', stderr);
    }
    answer[strcspn(answer, "\n")] = '\0';
    if (strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0) {
        return 0;
    }
    fprintf(stderr, "weir: nothing was done\n");
    return 1;
}
