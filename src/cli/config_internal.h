/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CONFIG_INTERNAL_H
#define WEIR_CLI_CONFIG_INTERNAL_H

/* What the files of the configuration share: the flat list, and what a scalar may say. */

#include <stdbool.h>
#include <stddef.h>

#include "cli/config.h"

#define CONFIG_PATH_BYTES 512
#define CONFIG_ENTRIES_MAX 10000
#define CONFIG_FILE_BYTES_MAX (1024 * 1024)
#define CONFIG_WHAT_BYTES 256

struct config_entry {
    char *path;
    char *text;             /* "" for maps and lists */
    uint32_t element_count; /* lists */
    size_t line, column;    /* from 1 */
};

struct config {
    const char *file;
    struct config_entry entries[CONFIG_ENTRIES_MAX];
    size_t count;
};

/* The key of a pattern, "relays[].name"; NULL when the table has none. */
const struct config_key *config_key_find(const char *pattern);

/* config_value.c */
/* "250ms", "10s", "5m", "2h", "7d", or a bare number of seconds. */
bool config_parse_duration(const char *text, int64_t *ret_ms);
bool config_parse_number(const char *text, int64_t *ret_number);
/* Whether the text is a value of the key; `ret_what` says what is wrong with it. */
bool config_value_good(const struct config_key *key, const char *text,
                       char ret_what[CONFIG_WHAT_BYTES]);
/* ${VAR} and ${VAR:-x}, once: what a variable holds is not looked at again. WEIR_CONFIG with
 * `ret_what`, or WEIR_NO_MEMORY. */
enum weir_status config_expand(struct arena *a, const char *text, char **ret_text,
                               char ret_what[CONFIG_WHAT_BYTES]);

#endif
