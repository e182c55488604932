/* SPDX-License-Identifier: Apache-2.0 */

/* Questions to the flat list that config.c made of the file. */

#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "cli/config_internal.h"

static const struct config_entry *find_entry(const struct config *config, const char *path)
{
    for (size_t i = 0; config != NULL && i < config->count; i++) {
        if (strcmp(config->entries[i].path, path) == 0) {
            return &config->entries[i];
        }
    }
    return NULL;
}

const char *config_text(const struct config *config, const char *path)
{
    const struct config_entry *entry = find_entry(config, path);
    return entry == NULL ? NULL : entry->text;
}

/* The pattern of a path: its indexes taken out. */
static void pattern_of(const char *path, char *to)
{
    for (; *path != '\0'; path++) {
        bool in_index = isdigit((unsigned char)*path) && to[-1] == '[';
        while (in_index && isdigit((unsigned char)path[1])) {
            path++;
        }
        if (!in_index) {
            *to++ = *path;
        }
    }
    *to = '\0';
}

int64_t config_number(const struct config *config, const char *path, int64_t fallback)
{
    char pattern[CONFIG_PATH_BYTES + 1] = " ";
    const char *text = config_text(config, path);
    int64_t number = fallback;
    if (text == NULL) {
        return fallback;
    }
    pattern_of(path, pattern + 1);
    const struct config_key *key = config_key_find(pattern + 1);
    bool good = key != NULL && key->type == CONFIG_DURATION_MS
                    ? config_parse_duration(text, &number)
                    : config_parse_number(text, &number);
    WEIR_ASSERT(good); /* checked while loading */
    return number;
}

uint32_t config_count(const struct config *config, const char *path)
{
    const struct config_entry *entry = find_entry(config, path);
    return entry == NULL ? 0 : entry->element_count;
}

static bool has_free_names(const char *path)
{
    char pattern[CONFIG_PATH_BYTES + 1] = " ";
    pattern_of(path, pattern + 1);
    const struct config_key *key = config_key_find(pattern + 1);
    return key != NULL && key->type == CONFIG_TEXTS;
}

static const char *name_after(const struct config_entry *entry, const char *prefix, bool is_free)
{
    size_t len = strlen(prefix);
    if (strncmp(entry->path, prefix, len) != 0 || entry->path[len] != '.') {
        return NULL;
    }
    const char *name = entry->path + len + 1;
    return is_free || strpbrk(name, ".[") == NULL ? name : NULL;
}

enum weir_status config_children(struct arena *a, const struct config *config, const char *prefix,
                                 struct config_child **ret_children, uint32_t *ret_count,
                                 struct weir_error *err)
{
    size_t total = config == NULL ? 0 : config->count;
    struct config_child *children = ARENA_ARRAY(a, struct config_child, total + 1);
    if (children == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the configuration");
    }
    uint32_t count = 0;
    bool is_free = has_free_names(prefix);
    for (size_t i = 0; i < total; i++) {
        const char *name = name_after(&config->entries[i], prefix, is_free);
        if (name != NULL) {
            children[count++] = (struct config_child){name, config->entries[i].text};
        }
    }
    *ret_children = children;
    *ret_count = count;
    return WEIR_OK;
}

enum weir_status config_error(const struct config *config, const char *path, struct weir_error *err,
                              const char *what)
{
    const struct config_entry *entry = find_entry(config, path);
    if (entry == NULL) {
        return error_set(err, WEIR_CONFIG, "%s: %s: %s", config->file, path, what);
    }
    return error_set(err, WEIR_CONFIG, "%s:%zu:%zu: %s", config->file, entry->line, entry->column,
                     what);
}
