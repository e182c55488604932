/* SPDX-License-Identifier: Apache-2.0 */

/* weir: one program, many commands. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "cli/cli.h"

#define EXIT_USAGE 64

static void configure_log(const struct cli_args *args)
{
    const char *format = cli_get(args, "log-format");
    enum log_level level = cli_has(args, "quiet")     ? LOG_WARN
                           : cli_has(args, "verbose") ? LOG_DEBUG
                                                      : LOG_INFO;
    log_configure(level, format != NULL && strcmp(format, "json") == 0 ? LOG_JSON : LOG_TEXT);
}

static int arm_faults(void)
{
    struct weir_error err = {0};
    if (fault_arm(getenv("WEIR_FAULTS"), &err) != WEIR_OK) {
        fprintf(stderr, "weir: WEIR_FAULTS: %s\n", err.message);
        return EXIT_USAGE;
    }
    return 0;
}

/* A standard stream that was closed must not become the first file or socket that is opened. What
 * takes its place fails as a closed one does, being open the wrong way round; messages go nowhere.
 */
static void fill_standard_streams(void)
{
    static const int wrong_way[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", wrong_way[fd]); /* the lowest free one: fd itself */
        }
    }
}

int main(int argc, char **argv)
{
    struct cli_args args;
    fill_standard_streams();
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write() */
    int code = cli_parse(argc, argv, &args);
    if (args.command == NULL) {
        return cli_finish(code);
    }
    if (cli_has(&args, "help")) {
        cli_help_command(stdout, args.command);
        return cli_finish(0);
    }
    configure_log(&args);
    code = arm_faults();
    if (code != 0) {
        return code;
    }
    code = args.command->run(&args);
    log_flush_repeats();
    return cli_finish(code);
}
