/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"
#include "cli/cli.h"

#define ARENA_BYTES (1024 * 1024)

static void add_names(struct arena *a, struct weir_value *list, const char *const *names)
{
    for (; *names != NULL; names++) {
        struct weir_value *node = value_append(a, list);
        if (node != NULL) {
            *node = (struct weir_value){.type = VALUE_S, .u.bytes = bytes_str(*names)};
        }
    }
}

int cmd_version(const struct cli_args *args)
{
    if (!cli_json(args)) {
        printf("weir %s\n", weir_version());
        return 0;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, document, "version", bytes_str(weir_version()));
    add_names(a, value_add_list(a, document, "operations"), api_operation_names());
    add_names(a, value_add_list(a, document, "unsupportedOperations"), api_unsupported_names());
    bool has_memory = document != NULL;
    (void)cli_print_json(document); /* cli_finish says what became of it */
    arena_free(a);
    return has_memory ? 0 : cli_fail(args, WEIR_NO_MEMORY, &(struct weir_error){0});
}
