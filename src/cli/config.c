/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The walk over the YAML tree. It carries two paths: the place itself ("relays[0].to.file") and its
 * pattern in the table ("relays[].to.file"); what is found goes into a flat list.
 */

#include "cli/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"

#define PATH_MAX_BYTES 512
#define DEPTH_MAX 16
#define ENTRIES_MAX 10000
#define FILE_BYTES_MAX (1024 * 1024)

struct config_entry {
    char *path;
    char *text;             /* "" for maps and lists */
    uint32_t element_count; /* lists */
    size_t line, column;    /* from 1 */
};

struct config {
    const char *file;
    struct config_entry entries[ENTRIES_MAX];
    size_t count;
};

struct walk {
    struct arena *arena;
    struct config *config;
    yaml_document_t *document;
    struct weir_error *err;
};

/* ---- errors ------------------------------------------------------------------------------------
 */

static enum weir_status error_at(struct walk *w, const yaml_node_t *node, const char *what)
{
    return error_set(w->err, WEIR_CONFIG, "%s:%zu:%zu: %s", w->config->file,
                     node->start_mark.line + 1, node->start_mark.column + 1, what);
}

/* Edits between two short words (Levenshtein), for "nearest". */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t b_len = strlen(b);
    if (b_len >= sizeof(row) / sizeof(row[0])) {
        return 1000;
    }
    for (unsigned j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned above = row[j];
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            unsigned best = above < row[j - 1] ? above : row[j - 1];
            row[j] = replace < best + 1 ? replace : best + 1;
            diagonal = above;
        }
    }
    return row[b_len];
}

/* The name of a key directly below the pattern, or NULL if the key is elsewhere. */
static const char *name_below(const struct config_key *key, const char *pattern)
{
    size_t len = strlen(pattern);
    if (strncmp(key->path, pattern, len) != 0) {
        return NULL;
    }
    const char *rest = key->path + len;
    if (len > 0) {
        if (*rest != '.') {
            return NULL;
        }
        rest++;
    }
    return strpbrk(rest, ".[") == NULL && *rest != '\0' ? rest : NULL;
}

static enum weir_status unknown_key(struct walk *w, const yaml_node_t *node, const char *pattern,
                                    const char *name)
{
    const char *nearest = NULL;
    unsigned best = 1000;
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        const char *candidate = name_below(config_key_at(i), pattern);
        if (candidate != NULL && distance(name, candidate) < best) {
            best = distance(name, candidate);
            nearest = candidate;
        }
    }
    char what[256];
    snprintf(what, sizeof(what), "unknown key \"%.80s\"%s%.80s%s", name,
             nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
             nearest == NULL ? "" : "\"?");
    return error_at(w, node, what);
}

/* ---- scalars -----------------------------------------------------------------------------------
 */

/* Where the variable's end is, and its parts; NULL when it is not closed. */
static const char *split_variable(const char *at, char name[128], const char **ret_fallback,
                                  size_t *ret_fallback_len)
{
    const char *end = strchr(at, '}');
    if (end == NULL) {
        return NULL;
    }
    const char *mark = strstr(at, ":-");
    const char *name_end = mark != NULL && mark < end ? mark : end;
    size_t len = (size_t)(name_end - at) < 127 ? (size_t)(name_end - at) : 127;
    memcpy(name, at, len);
    name[len] = '\0';
    *ret_fallback = name_end == end ? NULL : mark + 2;
    *ret_fallback_len = name_end == end ? 0 : (size_t)(end - (mark + 2));
    return end + 1;
}

/* ${VAR} and ${VAR:-x}, once: what a variable holds is not looked at again. */
static enum weir_status expand(struct walk *w, const yaml_node_t *node, const char *text,
                               char **ret_text)
{
    struct buf out;
    enum weir_status status = WEIR_OK;
    buf_init(&out, FILE_BYTES_MAX);
    while (*text != '\0' && status == WEIR_OK) {
        if (strncmp(text, "${", 2) != 0) {
            buf_put_u8(&out, (uint8_t)*text++);
            continue;
        }
        char name[128];
        const char *fallback = NULL;
        size_t fallback_len = 0;
        const char *after = split_variable(text + 2, name, &fallback, &fallback_len);
        const char *value = after == NULL ? NULL : getenv(name);
        if (after == NULL) {
            status = error_at(w, node, "${ without }");
        } else if ((value == NULL || value[0] == '\0') && fallback != NULL) {
            buf_put(&out, bytes_of(fallback, fallback_len));
        } else if (value == NULL) {
            char what[200];
            snprintf(what, sizeof(what), "variable %s is not defined (${%s:-default} gives one)",
                     name, name);
            status = error_at(w, node, what);
        } else {
            buf_put_str(&out, value);
        }
        text = after == NULL ? text : after;
    }
    buf_put_u8(&out, 0);
    struct weir_bytes copy = arena_dup(w->arena, buf_bytes(&out));
    if (status == WEIR_OK && (buf_status(&out) != WEIR_OK || copy.ptr == NULL)) {
        status = error_set(w->err, WEIR_NO_MEMORY, "no memory for the configuration");
    }
    *ret_text = (char *)(uintptr_t)copy.ptr;
    buf_fini(&out);
    return status;
}

/* "250ms", "10s", "5m", "2h", "7d", or a bare number of seconds. */
static bool parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            return !__builtin_mul_overflow(number, units[i].ms, ret_ms);
        }
    }
    return false;
}

static bool parse_number(const char *text, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    *ret_number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = choices; len > 0; at++) {
        const char *end = strchrnul(at, '|');
        if ((size_t)(end - at) == len && strncmp(at, text, len) == 0) {
            return true;
        }
        if (*end == '\0') {
            return false;
        }
        at = end;
    }
    return false;
}

static enum weir_status check_scalar(struct walk *w, const yaml_node_t *node,
                                     const struct config_key *key, const char *text)
{
    char what[256];
    int64_t number = 0;
    switch (key->type) {
    case CONFIG_MAP:
        snprintf(what, sizeof(what), "%s holds further keys, not a value", key->path);
        return error_at(w, node, what);
    case CONFIG_CHOICE:
        if (is_choice(key->choices, text)) {
            return WEIR_OK;
        }
        snprintf(what, sizeof(what), "\"%.80s\" is none of %s", text, key->choices);
        return error_at(w, node, what);
    case CONFIG_NUMBER:
        if (parse_number(text, &number) && number >= key->min && number <= key->max) {
            return WEIR_OK;
        }
        snprintf(what, sizeof(what), "\"%.80s\" is no number from %lld to %lld", text,
                 (long long)key->min, (long long)key->max);
        return error_at(w, node, what);
    case CONFIG_DURATION_MS:
        if (parse_duration(text, &number) && number >= key->min && number <= key->max) {
            return WEIR_OK;
        }
        snprintf(what, sizeof(what),
                 "\"%.80s\" is no duration (250ms, 10s, 5m, 2h, 7d) from "
                 "%lldms to %lldms",
                 text, (long long)key->min, (long long)key->max);
        return error_at(w, node, what);
    case CONFIG_TEXT:
        return text[0] != '\0' ? WEIR_OK : error_at(w, node, "an empty text says nothing");
    }
    return WEIR_OK;
}

/* ---- the walk ----------------------------------------------------------------------------------
 */

static const struct config_key *find_key(const char *pattern)
{
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        if (strcmp(config_key_at(i)->path, pattern) == 0) {
            return config_key_at(i);
        }
    }
    return NULL;
}

static enum weir_status record(struct walk *w, const yaml_node_t *node, const char *path,
                               char *text, uint32_t element_count)
{
    struct config *config = w->config;
    char *copy = arena_printf(w->arena, "%s", path);
    if (config->count == ENTRIES_MAX || copy == NULL) {
        return error_at(w, node, "the file is too large");
    }
    config->entries[config->count++] = (struct config_entry){
        .path = copy,
        .text = text,
        .element_count = element_count,
        .line = node->start_mark.line + 1,
        .column = node->start_mark.column + 1,
    };
    return WEIR_OK;
}

static enum weir_status walk_node(struct walk *w, const yaml_node_t *node, const char *path,
                                  const char *pattern, unsigned depth);

static bool is_set(const struct config *config, const char *path)
{
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->entries[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static enum weir_status walk_pair(struct walk *w, const yaml_node_t *key, const yaml_node_t *value,
                                  const char *path, const char *pattern, unsigned depth)
{
    char child[PATH_MAX_BYTES], child_pattern[PATH_MAX_BYTES];
    if (key->type != YAML_SCALAR_NODE) {
        return error_at(w, key, "a key is a word");
    }
    const char *name = (const char *)key->data.scalar.value;
    const char *dot = path[0] == '\0' ? "" : ".";
    if ((size_t)snprintf(child, sizeof(child), "%s%s%s", path, dot, name) >= sizeof(child) ||
        (size_t)snprintf(child_pattern, sizeof(child_pattern), "%s%s%s", pattern, dot, name) >=
            sizeof(child_pattern) ||
        find_key(child_pattern) == NULL) {
        return unknown_key(w, key, pattern, name);
    }
    if (is_set(w->config, child)) {
        return error_at(w, key, "this key was set before");
    }
    return walk_node(w, value, child, child_pattern, depth);
}

static enum weir_status walk_map(struct walk *w, const yaml_node_t *node, const char *path,
                                 const char *pattern, unsigned depth)
{
    const struct config_key *key = find_key(pattern);
    if (key != NULL && key->type != CONFIG_MAP) {
        return error_at(w, node, "a single value belongs here");
    }
    enum weir_status status = path[0] == '\0' ? WEIR_OK : record(w, node, path, "", 0);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         status == WEIR_OK && pair < node->data.mapping.pairs.top; pair++) {
        status = walk_pair(w, yaml_document_get_node(w->document, pair->key),
                           yaml_document_get_node(w->document, pair->value), path, pattern, depth);
    }
    return status;
}

static bool takes_list(const char *pattern)
{
    char element[PATH_MAX_BYTES];
    snprintf(element, sizeof(element), "%s[]", pattern);
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        if (strncmp(config_key_at(i)->path, element, strlen(element)) == 0) {
            return true;
        }
    }
    return false;
}

static enum weir_status walk_list(struct walk *w, const yaml_node_t *node, const char *path,
                                  const char *pattern, unsigned depth)
{
    char element[PATH_MAX_BYTES], element_pattern[PATH_MAX_BYTES];
    if (!takes_list(pattern)) {
        return error_at(w, node, "no list belongs here");
    }
    const yaml_node_item_t *start = node->data.sequence.items.start;
    const yaml_node_item_t *top = node->data.sequence.items.top;
    enum weir_status status = record(w, node, path, "", (uint32_t)(top - start));
    snprintf(element_pattern, sizeof(element_pattern), "%s[]", pattern);
    for (const yaml_node_item_t *item = start; status == WEIR_OK && item < top; item++) {
        const yaml_node_t *child = yaml_document_get_node(w->document, *item);
        snprintf(element, sizeof(element), "%s[%d]", path, (int)(item - start));
        status = child->type == YAML_MAPPING_NODE
                     ? walk_map(w, child, element, element_pattern, depth + 1)
                     : error_at(w, child, "each element holds keys");
    }
    return status;
}

/* `to: stdout` is `to: { stdout: {} }`. */
static enum weir_status walk_scalar(struct walk *w, const yaml_node_t *node, const char *path,
                                    const char *pattern)
{
    char *text = NULL;
    enum weir_status status = expand(w, node, (const char *)node->data.scalar.value, &text);
    const struct config_key *key = find_key(pattern);
    if (status != WEIR_OK) {
        return status;
    }
    if (key != NULL && key->type == CONFIG_MAP) {
        char child[PATH_MAX_BYTES];
        snprintf(child, sizeof(child), "%s.%s", pattern, text);
        const struct config_key *below = find_key(child);
        bool empty = text[0] == '\0' || strcmp(text, "~") == 0;
        if (empty) {
            return record(w, node, path, "", 0);
        }
        if (below == NULL || below->type != CONFIG_MAP) {
            return check_scalar(w, node, key, text);
        }
        snprintf(child, sizeof(child), "%s.%s", path, text);
        return record(w, node, child, "", 0);
    }
    status = check_scalar(w, node, key, text);
    return status == WEIR_OK ? record(w, node, path, text, 0) : status;
}

static enum weir_status walk_node(struct walk *w, const yaml_node_t *node, const char *path,
                                  const char *pattern, unsigned depth)
{
    if (depth > DEPTH_MAX) {
        return error_at(w, node, "too deeply nested");
    }
    switch (node->type) {
    case YAML_MAPPING_NODE:
        return takes_list(pattern) ? error_at(w, node, "a list belongs here: begin with \"- \"")
                                   : walk_map(w, node, path, pattern, depth + 1);
    case YAML_SEQUENCE_NODE:
        return walk_list(w, node, path, pattern, depth + 1);
    case YAML_SCALAR_NODE:
        return walk_scalar(w, node, path, pattern);
    default:
        return error_at(w, node, "an unknown kind of node");
    }
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static enum weir_status syntax_error(const yaml_parser_t *parser, const char *path,
                                     struct weir_error *err)
{
    return error_set(err, WEIR_CONFIG, "%s:%zu:%zu: %s", path, parser->problem_mark.line + 1,
                     parser->problem_mark.column + 1,
                     parser->problem == NULL ? "not YAML" : parser->problem);
}

static enum weir_status walk_document(struct walk *w)
{
    const yaml_node_t *root = yaml_document_get_root_node(w->document);
    if (root == NULL) {
        return WEIR_OK; /* an empty file says nothing */
    }
    if (root->type != YAML_MAPPING_NODE) {
        return error_at(w, root, "the file holds keys, such as relays:");
    }
    return walk_map(w, root, "", "", 0);
}

static enum weir_status parse_file(struct arena *a, FILE *file, struct config *config,
                                   struct weir_error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser)) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the configuration");
    }
    yaml_parser_set_input_file(&parser, file);
    enum weir_status status;
    if (yaml_parser_load(&parser, &document)) {
        struct walk w = {a, config, &document, err};
        status = walk_document(&w);
        yaml_document_delete(&document);
    } else {
        status = syntax_error(&parser, config->file, err);
    }
    yaml_parser_delete(&parser);
    return status;
}

enum weir_status config_load(struct arena *a, const char *path, struct config **ret_config,
                             struct weir_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return error_set(err, errno == ENOENT ? WEIR_NOT_FOUND : WEIR_IO, "%s: %s", path,
                         strerror(errno));
    }
    struct config *config = ARENA_NEW(a, struct config);
    enum weir_status status = WEIR_OK;
    if (config == NULL || fseek(file, 0, SEEK_END) != 0 || ftell(file) > FILE_BYTES_MAX) {
        status = error_set(err, WEIR_CONFIG, "%s: larger than %d bytes", path, FILE_BYTES_MAX);
    } else {
        rewind(file);
        config->file = arena_printf(a, "%s", path);
        status = parse_file(a, file, config, err);
    }
    fclose(file);
    if (status == WEIR_OK) {
        *ret_config = config;
    }
    return status;
}

/* ---- asking ------------------------------------------------------------------------------------
 */

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
    char pattern[PATH_MAX_BYTES + 1] = " ";
    const char *text = config_text(config, path);
    int64_t number = fallback;
    if (text == NULL) {
        return fallback;
    }
    pattern_of(path, pattern + 1);
    const struct config_key *key = find_key(pattern + 1);
    bool good = key != NULL && key->type == CONFIG_DURATION_MS ? parse_duration(text, &number)
                                                               : parse_number(text, &number);
    WEIR_ASSERT(good); /* checked while loading */
    return number;
}

uint32_t config_count(const struct config *config, const char *path)
{
    const struct config_entry *entry = find_entry(config, path);
    return entry == NULL ? 0 : entry->element_count;
}

static const char *name_after(const struct config_entry *entry, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strncmp(entry->path, prefix, len) != 0 || entry->path[len] != '.') {
        return NULL;
    }
    const char *name = entry->path + len + 1;
    return strpbrk(name, ".[") == NULL ? name : NULL;
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
    for (size_t i = 0; i < total; i++) {
        const char *name = name_after(&config->entries[i], prefix);
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
