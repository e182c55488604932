/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_CONFIG_H
#define WEIR_CLI_CONFIG_H

/*
 * weir.yaml: read, checked against the one table of keys, and kept flat.
 *
 *     relays:                          relays[0].name         "orders"     line 2, column 11
 *       - name: orders          ──►    relays[0].to.file.path "out.jsonl"  line 4, ...
 *         to: { file: { path: out.jsonl } }
 *
 * Scalars stay text and get their type from the table (config_keys.c), so that an unquoted N is a
 * letter. ${VAR} and ${VAR:-x} are expanded; an undefined variable is an error. Every error names
 * file, line and column; an unknown key also the nearest known one.
 */

#include "base/arena.h"
#include "base/buf.h"
#include "weir/error.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_NUMBER,
    CONFIG_DURATION_MS,
    CONFIG_CHOICE,
    CONFIG_MAP,
    CONFIG_TEXTS, /* keys that are the user's own, dots in them too, each with a text */
};

/* One key: its path, with [] where a list stands. */
struct config_key {
    const char *path;
    enum config_type type;
    int64_t min, max;     /* NUMBER; DURATION in milliseconds */
    const char *choices;  /* CHOICE: "update|none" */
    const char *fallback; /* the default, for help; "" : none */
    const char *help;
};

/* config_keys.c: every key, built-in sinks' settings included; NULL behind the last. */
const struct config_key *config_key_at(size_t index);

struct config;

/* Reads the file. WEIR_NOT_FOUND when there is none; WEIR_CONFIG; WEIR_IO. All in the arena. */
enum weir_status config_load(struct arena *a, const char *path, struct config **ret_config,
                             struct weir_error *err);

/* The text at a path, e.g. "relays[0].name"; NULL when it is not set. */
const char *config_text(const struct config *config, const char *path);
/* The number, or the duration in milliseconds; `fallback` when it is not set. */
int64_t config_number(const struct config *config, const char *path, int64_t fallback);
/* How many elements the list has ("relays"). */
uint32_t config_count(const struct config *config, const char *path);

/* Each entry whose path begins with `prefix` and goes on with one more name: its name and text.
 * Below CONFIG_TEXTS that name is the user's. */
struct config_child {
    const char *name;
    const char *text;
};
/* The children in an array in the arena, in order of the file. */
enum weir_status config_children(struct arena *a, const struct config *config, const char *prefix,
                                 struct config_child **ret_children, uint32_t *ret_count,
                                 struct weir_error *err);

/* An error at the place where the path was set (or where its list element begins). */
enum weir_status config_error(const struct config *config, const char *path, struct weir_error *err,
                              const char *what);

#endif
