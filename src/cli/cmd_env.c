/* SPDX-License-Identifier: Apache-2.0 */

/* weir env: what AWS's SDKs and its command line need to find the endpoint, as lines for a shell:
 * eval "$(weir env)". */

#include <string.h>

#include "aws/http.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/config.h"

#define ARENA_BYTES ((size_t)32 * 1024 * 1024)
#define VARIABLES_MAX 8
#define LOCAL_REGION "us-east-1"
#define LOCAL_KEY "local"

const struct cli_option cmd_env_options[] = {
    {"shell", 's', "bash|zsh|fish", "whose syntax (bash)"},
    {0},
};

/* value NULL: the variable is to be unset. */
struct variable {
    const char *name, *value;
};

struct list {
    struct variable at[VARIABLES_MAX];
    size_t count;
};

static void add(struct list *list, const char *name, const char *value)
{
    list->at[list->count++] = (struct variable){name, value};
}

/* ---- which endpoint -------------------------------------------------------------------------- */

/* The one that was given or configured; otherwise where `weir serve` listens by this
 * configuration. */
static const char *choose_endpoint(struct arena *a, const struct cli_args *args,
                                   const struct config *config)
{
    const char *given = cli_get(args, "endpoint-url");
    const char *configured = config_text(config, "endpoint");
    if (given != NULL || configured != NULL) {
        return given != NULL ? given : configured;
    }
    const char *address = config_text(config, "server.address");
    address = address == NULL || strcmp(address, "0.0.0.0") == 0 ? "127.0.0.1" : address;
    bool v6 = strchr(address, ':') != NULL;
    return arena_printf(a, "http://%s%s%s:%lld", v6 ? "[" : "", address, v6 ? "]" : "",
                        (long long)config_number(config, "server.port", 8000));
}

static enum weir_status check_endpoint(const char *url, bool *ret_local, struct weir_error *err)
{
    struct aws_endpoint endpoint = {0};
    if (strncmp(url, "file:", 5) == 0 || strncmp(url, "memory:", 7) == 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "the endpoint \"%.200s\" is inside one process: run weir serve, and give "
                         "its address as --endpoint-url",
                         url);
    }
    enum weir_status status = aws_endpoint_init(&endpoint, url, err);
    if (status == WEIR_OK) {
        *ret_local = endpoint.loopback && !endpoint.tls;
    }
    aws_endpoint_fini(&endpoint);
    return status;
}

/* `keys`: the server is on this machine and takes any pair of keys. */
static void fill(struct list *list, const char *url, const char *region, bool local, bool keys)
{
    region = region == NULL && local ? LOCAL_REGION : region;
    add(list, "AWS_ENDPOINT_URL_DYNAMODB", url);
    add(list, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", url);
    if (region != NULL) {
        add(list, "AWS_REGION", region);
        add(list, "AWS_DEFAULT_REGION", region);
    }
    if (keys) {
        add(list, "AWS_ACCESS_KEY_ID", LOCAL_KEY);
        add(list, "AWS_SECRET_ACCESS_KEY", LOCAL_KEY);
        add(list, "AWS_SESSION_TOKEN", NULL);
    }
}

/* ---- how it is written ----------------------------------------------------------------------- */

/* In single quotes nothing is special but the quote itself, and in fish the backslash. */
static void print_quoted(const char *text, bool fish)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs(fish ? "\\'" : "'\\''", stdout);
        } else if (fish && *text == '\\') {
            fputs("\\\\", stdout);
        } else {
            putchar(*text);
        }
    }
    putchar('\'');
}

static void print_shell(const struct list *list, bool fish)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct variable *variable = &list->at[i];
        if (variable->value == NULL) {
            printf(fish ? "set -e %s\n" : "unset %s\n", variable->name);
            continue;
        }
        printf(fish ? "set -gx %s " : "export %s=", variable->name);
        print_quoted(variable->value, fish);
        putchar('\n');
    }
}

static void print_json(struct arena *a, const struct list *list)
{
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i].value != NULL) {
            value_add_str(a, document, list->at[i].name, bytes_str(list->at[i].value));
        }
    }
    (void)cli_print_json(document); /* cli_finish says what became of it */
}

static enum weir_status run(struct arena *a, const struct cli_args *args, struct weir_error *err)
{
    struct config *config = NULL;
    struct list list = {.count = 0};
    bool local = false;
    const char *shell = cli_get(args, "shell");
    enum weir_status status = cli_load_config(args, a, &config, err);
    if (status != WEIR_OK) {
        return status;
    }
    const char *url = choose_endpoint(a, args, config);
    const char *region = cli_get(args, "region");
    status = url == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for an address")
                         : check_endpoint(url, &local, err);
    if (status != WEIR_OK) {
        return status;
    }
    const char *keys_file = local ? config_text(config, "server.require_signature") : NULL;
    fill(&list, url, region != NULL ? region : config_text(config, "region"), local,
         local && keys_file == NULL);
    if (keys_file != NULL && !cli_has(args, "quiet")) {
        fprintf(stderr,
                "weir: by weir.yaml the server takes only calls signed with a key of %s: set "
                "AWS_ACCESS_KEY_ID\nweir: and AWS_SECRET_ACCESS_KEY to one of them\n",
                keys_file);
    }
    if (cli_json(args)) {
        print_json(a, &list);
    } else {
        print_shell(&list, shell != NULL && strcmp(shell, "fish") == 0);
    }
    return WEIR_OK;
}

int cmd_env(const struct cli_args *args)
{
    return cli_run(args, ARENA_BYTES, run);
}
