/* SPDX-License-Identifier: Apache-2.0 */

/* What the commands print: results on stdout, errors on stderr, and the exit codes. */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"

#define TEXT_MAX (512u * 1024 * 1024)

bool cli_json(const struct cli_args *args)
{
    const char *output = cli_get(args, "output");
    return output != NULL && strcmp(output, "json") == 0;
}

const struct cli_exit cli_exits[] = {
    {0, "done; also after a stop by SIGINT or SIGTERM that ended cleanly"},
    {1, "failed"},
    {3, "not found"},
    {4, "a condition failed: what was to be made exists already, or was processed"},
    {64, "usage: unknown command, unknown option, wrong value"},
    {65, "bad data: refused as invalid, malformed or too large"},
    {66, "a gap: records were lost before they could be read"},
    {69, "the service cannot be reached"},
    {75, "try again: throttled, or held by another process"},
    {77, "credentials or permission"},
    {78, "the configuration is wrong"},
    {130, "a second SIGINT cut the stop short"},
    {143, "a second SIGTERM cut the stop short"},
};
const size_t cli_exit_count = sizeof(cli_exits) / sizeof(cli_exits[0]);

int cli_exit_code(enum weir_status status)
{
    switch (status) {
    case WEIR_OK:
        return 0;
    case WEIR_NOT_FOUND:
    case WEIR_RESOURCE_NOT_FOUND:
        return 3;
    case WEIR_CONDITION_FAILED:
    case WEIR_ALREADY_EXISTS:
        return 4;
    case WEIR_INVALID_ARGUMENT:
    case WEIR_UNSUPPORTED:
        return 64;
    case WEIR_VALIDATION:
    case WEIR_SERIALIZATION:
    case WEIR_MALFORMED_MESSAGE:
    case WEIR_TOO_LARGE:
    case WEIR_UNKNOWN_TOPIC:
        return 65;
    case WEIR_GAP:
    case WEIR_TRIMMED:
        return 66;
    case WEIR_UNREACHABLE:
    case WEIR_TIMEOUT:
    case WEIR_UNAVAILABLE:
        return 69;
    case WEIR_THROTTLED:
    case WEIR_PROVISIONED_EXCEEDED:
    case WEIR_LOCK_HELD:
        return 75;
    case WEIR_ACCESS_DENIED:
    case WEIR_BAD_CREDENTIALS:
    case WEIR_CREDENTIALS:
        return 77;
    case WEIR_CONFIG:
        return 78;
    default:
        return 1;
    }
}

const char *cli_hint(enum weir_status status)
{
    switch (status) {
    case WEIR_RESOURCE_NOT_FOUND:
        return "check the table's name, the endpoint and the region; weir doctor shows them";
    case WEIR_ACCESS_DENIED:
        return "the credentials are valid but may not do this; weir doctor says whose they are";
    case WEIR_BAD_CREDENTIALS:
    case WEIR_CREDENTIALS:
        return "weir doctor says which credentials were chosen, and why no others";
    case WEIR_UNREACHABLE:
    case WEIR_TIMEOUT:
        return "check the endpoint and that its server runs (weir dev starts one); weir doctor "
               "tests "
               "each step";
    case WEIR_THROTTLED:
    case WEIR_PROVISIONED_EXCEEDED:
        return "try again later, or raise the table's capacity";
    case WEIR_LEASE_LOST:
        return "claim it again; only the claim that holds it now can complete it";
    case WEIR_LOCK_HELD:
        return "use the endpoint of the process that holds it, or end that process";
    case WEIR_NO_SPACE:
        return "free space on the device, then try again";
    default:
        return NULL;
    }
}

bool cli_color(const struct cli_args *args, FILE *to)
{
    const char *wish = cli_get(args, "color");
    const char *force = getenv("CLICOLOR_FORCE");
    const char *no = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (wish != NULL && strcmp(wish, "auto") != 0) {
        return strcmp(wish, "always") == 0;
    }
    if (no != NULL && no[0] != '\0') {
        return false;
    }
    if (force != NULL && force[0] != '\0' && strcmp(force, "0") != 0) {
        return true;
    }
    return isatty(fileno(to)) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

/* As weir/error.h has them; in an error that nobody filled nothing was sent. */
static enum weir_outcome outcome_of(const struct weir_error *err)
{
    return err->status == WEIR_OK ? WEIR_NOT_APPLIED : err->outcome;
}

static const char *outcome_name(enum weir_outcome outcome)
{
    return outcome == WEIR_APPLIED           ? "applied"
           : outcome == WEIR_OUTCOME_UNKNOWN ? "unknown"
                                             : "not_applied";
}

static void print_error_json(enum weir_status status, const struct weir_error *err)
{
    struct buf text;
    buf_init(&text, sizeof(struct weir_error) * 8);
    buf_put_str(&text, "{\"error\":{\"code\":");
    json_write_string(&text,
                      bytes_str(err->code[0] != '\0' ? err->code : weir_status_name(status)));
    buf_put_str(&text, ",\"message\":");
    json_write_string(&text, bytes_str(err->message));
    if (cli_hint(status) != NULL) {
        buf_put_str(&text, ",\"hint\":");
        json_write_string(&text, bytes_str(cli_hint(status)));
    }
    buf_printf(&text, ",\"outcome\":\"%s\"", outcome_name(outcome_of(err)));
    buf_put_str(&text, ",\"request_id\":");
    json_write_string(&text, bytes_str(err->request_id));
    buf_put_str(&text, "}}\n");
    fwrite(text.ptr, 1, text.len, stderr);
    buf_fini(&text);
}

int cli_fail(const struct cli_args *args, enum weir_status status, const struct weir_error *err)
{
    if (cli_json(args)) {
        print_error_json(status, err);
    } else {
        bool color = cli_color(args, stderr);
        fprintf(stderr, "%sweir:%s %s%s%s%s\n", color ? "\033[31m" : "", color ? "\033[0m" : "",
                err->message[0] != '\0' ? err->message : weir_status_text(status),
                err->code[0] != '\0' ? " (" : "", err->code, err->code[0] != '\0' ? ")" : "");
        if (outcome_of(err) == WEIR_OUTCOME_UNKNOWN) {
            fprintf(stderr,
                    "weir: whether it was applied is not known: look before doing it again\n");
        } else if (outcome_of(err) == WEIR_APPLIED) {
            fprintf(stderr, "weir: it was applied all the same\n");
        }
        if (cli_hint(status) != NULL) {
            fprintf(stderr, "weir: %s\n", cli_hint(status));
        }
    }
    return cli_exit_code(status);
}

int cli_run(const struct cli_args *args, size_t arena_bytes,
            enum weir_status (*run)(struct arena *a, const struct cli_args *args,
                                    struct weir_error *err))
{
    struct weir_error err = {0};
    struct arena *a = arena_new(arena_bytes);
    enum weir_status status =
        a == NULL ? error_set(&err, WEIR_NO_MEMORY, "no memory") : run(a, args, &err);
    arena_free(a);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}

bool cli_print_text(const char *text, size_t len)
{
    return (len == 0 || fwrite(text, 1, len, stdout) == len) && fflush(stdout) == 0;
}

void cli_print_clean(FILE *to, struct weir_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        fputc(cli_is_control(text.ptr[i]) ? '?' : text.ptr[i], to);
    }
}

struct weir_bytes cli_member(const struct weir_value *map, const char *name)
{
    const struct weir_value *value = value_get(map, name);
    return value != NULL && value->type == VALUE_S ? value->u.bytes : BYTES_LIT("-");
}

bool cli_print_json(const struct weir_value *document)
{
    struct buf text;
    if (document == NULL) {
        return false;
    }
    buf_init(&text, TEXT_MAX);
    json_write(&text, document);
    buf_put_u8(&text, '\n');
    bool good = buf_status(&text) == WEIR_OK && cli_print_text((const char *)text.ptr, text.len);
    buf_fini(&text);
    return good;
}

bool cli_reader_gone(void)
{
    struct pollfd reader = {.fd = STDOUT_FILENO};
    return poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR) != 0;
}

int cli_finish(int code)
{
    bool good = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (good || cli_reader_gone() || code != 0) {
        return code;
    }
    fprintf(stderr, "weir: the result could not be written to standard output\n");
    return 1;
}

bool cli_progress(const struct cli_args *args)
{
    return isatty(STDERR_FILENO) && !cli_has(args, "quiet") && !cli_has(args, "no-progress");
}
