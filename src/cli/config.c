/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The walk over the YAML tree. It carries two paths: the place itself ("relays[0].to.file") and its
 * pattern in the table ("relays[].to.file"); what is found goes into a flat list.
 */

#include "cli/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "cli/config_internal.h"
#include "cli/nearest.h"

#define DEPTH_MAX 16

struct walk {
    struct arena *arena;
    struct config *config;
    yaml_document_t *document;
    struct weir_error *err;
};

/* ---- errors ---------------------------------------------------------------------------------- */

static enum weir_status error_at(struct walk *w, const yaml_node_t *node, const char *what)
{
    return error_set(w->err, WEIR_CONFIG, "%s:%zu:%zu: %s", w->config->file,
                     node->start_mark.line + 1, node->start_mark.column + 1, what);
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
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        const char *candidate = name_below(config_key_at(i), pattern);
        if (candidate != NULL) {
            nearest_offer(&nearest, candidate);
        }
    }
    char what[256];
    snprintf(what, sizeof(what), "unknown key \"%.80s\"%s%.80s%s", name,
             nearest.best == NULL ? "" : "; did you mean \"",
             nearest.best == NULL ? "" : nearest.best, nearest.best == NULL ? "" : "\"?");
    return error_at(w, node, what);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static enum weir_status record(struct walk *w, const yaml_node_t *node, const char *path,
                               char *text, uint32_t element_count)
{
    struct config *config = w->config;
    char *copy = arena_printf(w->arena, "%s", path);
    if (config->count == CONFIG_ENTRIES_MAX || copy == NULL) {
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
    char child[CONFIG_PATH_BYTES], child_pattern[CONFIG_PATH_BYTES];
    if (key->type != YAML_SCALAR_NODE) {
        return error_at(w, key, "a key is a word");
    }
    const char *name = (const char *)key->data.scalar.value;
    const char *dot = path[0] == '\0' ? "" : ".";
    if (strlen(name) != key->data.scalar.length || strpbrk(name, ".[]") != NULL ||
        (size_t)snprintf(child, sizeof(child), "%s%s%s", path, dot, name) >= sizeof(child) ||
        (size_t)snprintf(child_pattern, sizeof(child_pattern), "%s%s%s", pattern, dot, name) >=
            sizeof(child_pattern) ||
        config_key_find(child_pattern) == NULL) {
        return unknown_key(w, key, pattern, name);
    }
    if (is_set(w->config, child)) {
        return error_at(w, key, "this key was set before");
    }
    return walk_node(w, value, child, child_pattern, depth);
}

/* The scalar's text, its variables replaced. */
static enum weir_status read_scalar(struct walk *w, const yaml_node_t *node, char **ret_text)
{
    char what[CONFIG_WHAT_BYTES];
    const char *raw = (const char *)node->data.scalar.value;
    if (strlen(raw) != node->data.scalar.length) {
        return error_at(w, node, "a zero byte in a text");
    }
    enum weir_status status = config_expand(w->arena, raw, ret_text, what);
    if (status == WEIR_NO_MEMORY) {
        return error_set(w->err, status, "no memory for the configuration");
    }
    return status == WEIR_OK ? WEIR_OK : error_at(w, node, what);
}

/* One of the user's own keys, and its text. */
static enum weir_status walk_text(struct walk *w, const yaml_node_t *key, const yaml_node_t *value,
                                  const char *path)
{
    char child[CONFIG_PATH_BYTES];
    char *text = NULL;
    if (key->type != YAML_SCALAR_NODE || key->data.scalar.length == 0) {
        return error_at(w, key, "a key is a word");
    }
    const char *name = (const char *)key->data.scalar.value;
    if (strlen(name) != key->data.scalar.length ||
        (size_t)snprintf(child, sizeof(child), "%s.%s", path, name) >= sizeof(child)) {
        return error_at(w, key, "this key is too long, or holds a zero byte");
    }
    if (is_set(w->config, child)) {
        return error_at(w, key, "this key was set before");
    }
    if (value->type != YAML_SCALAR_NODE) {
        return error_at(w, value, "a single value belongs here");
    }
    enum weir_status status = read_scalar(w, value, &text);
    if (status != WEIR_OK) {
        return status;
    }
    return text[0] == '\0' ? error_at(w, value, "an empty text says nothing")
                           : record(w, value, child, text, 0);
}

static enum weir_status walk_texts(struct walk *w, const yaml_node_t *node, const char *path)
{
    enum weir_status status = record(w, node, path, "", 0);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         status == WEIR_OK && pair < node->data.mapping.pairs.top; pair++) {
        status = walk_text(w, yaml_document_get_node(w->document, pair->key),
                           yaml_document_get_node(w->document, pair->value), path);
    }
    return status;
}

static enum weir_status walk_map(struct walk *w, const yaml_node_t *node, const char *path,
                                 const char *pattern, unsigned depth)
{
    const struct config_key *key = config_key_find(pattern);
    if (key != NULL && key->type == CONFIG_TEXTS) {
        return walk_texts(w, node, path);
    }
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
    char element[CONFIG_PATH_BYTES];
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
    char element[CONFIG_PATH_BYTES], element_pattern[CONFIG_PATH_BYTES];
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

/* A word where keys belong: nothing, or, as in `to: stdout`, the one key below and nothing in it.
 */
static enum weir_status walk_word(struct walk *w, const yaml_node_t *node, const char *path,
                                  const char *pattern, const char *word)
{
    char child[CONFIG_PATH_BYTES], what[CONFIG_WHAT_BYTES];
    if (word[0] == '\0' || strcmp(word, "~") == 0 || strcmp(word, "null") == 0) {
        return record(w, node, path, "", 0);
    }
    snprintf(child, sizeof(child), "%s.%s", pattern, word);
    const struct config_key *below = config_key_find(child);
    if (below == NULL || below->type != CONFIG_MAP) {
        (void)config_value_good(config_key_find(pattern), word, what);
        return error_at(w, node, what);
    }
    snprintf(child, sizeof(child), "%s.%s", path, word);
    enum weir_status status = record(w, node, path, "", 0);
    return status == WEIR_OK ? record(w, node, child, "", 0) : status;
}

static enum weir_status walk_scalar(struct walk *w, const yaml_node_t *node, const char *path,
                                    const char *pattern)
{
    char *text = NULL;
    char what[CONFIG_WHAT_BYTES];
    enum weir_status status = read_scalar(w, node, &text);
    if (status != WEIR_OK) {
        return status;
    }
    const struct config_key *key = config_key_find(pattern);
    if (key->type == CONFIG_MAP || key->type == CONFIG_TEXTS) {
        return walk_word(w, node, path, pattern, text);
    }
    return config_value_good(key, text, what) ? record(w, node, path, text, 0)
                                              : error_at(w, node, what);
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

/* ---- reading --------------------------------------------------------------------------------- */

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
    bool is_empty =
        root == NULL || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0);
    if (is_empty) {
        return WEIR_OK;
    }
    if (root->type != YAML_MAPPING_NODE) {
        return error_at(w, root, "the file holds keys, such as relays:");
    }
    return walk_map(w, root, "", "", 0);
}

/* What stands behind the first document would be ignored in silence. */
static enum weir_status check_end(struct walk *w, yaml_parser_t *parser)
{
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next)) {
        return syntax_error(parser, w->config->file, w->err);
    }
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    enum weir_status status =
        root == NULL ? WEIR_OK : error_at(w, root, "a second document: one belongs in a file");
    yaml_document_delete(&next);
    return status;
}

static enum weir_status parse_text(struct arena *a, struct weir_bytes text, struct config *config,
                                   struct weir_error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser)) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the configuration");
    }
    const uint8_t *input = text.len > 0 ? text.ptr : (const uint8_t *)"";
    yaml_parser_set_input_string(&parser, input, text.len);
    enum weir_status status;
    if (yaml_parser_load(&parser, &document)) {
        struct walk w = {a, config, &document, err};
        status = walk_document(&w);
        if (status == WEIR_OK && yaml_document_get_root_node(&document) != NULL) {
            status = check_end(&w, &parser);
        }
        yaml_document_delete(&document);
    } else {
        status = syntax_error(&parser, config->file, err);
    }
    yaml_parser_delete(&parser);
    return status;
}

/* Also from a pipe, whose size nobody knows. */
static enum weir_status read_whole(FILE *file, const char *path, struct buf *to,
                                   struct weir_error *err)
{
    char step[16384];
    size_t got;
    while (buf_status(to) == WEIR_OK && (got = fread(step, 1, sizeof(step), file)) > 0) {
        buf_put(to, bytes_of(step, got));
    }
    if (ferror(file)) {
        return error_set(err, WEIR_CONFIG, "%s: %s", path, strerror(errno));
    }
    if (buf_status(to) != WEIR_OK) {
        return error_set(err, WEIR_CONFIG, "%s: larger than %d bytes", path, CONFIG_FILE_BYTES_MAX);
    }
    return WEIR_OK;
}

enum weir_status config_load(struct arena *a, const char *path, struct config **ret_config,
                             struct weir_error *err)
{
    struct buf text;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return error_set(err, errno == ENOENT ? WEIR_NOT_FOUND : WEIR_CONFIG, "%s: %s", path,
                         strerror(errno));
    }
    buf_init(&text, CONFIG_FILE_BYTES_MAX);
    enum weir_status status = read_whole(file, path, &text, err);
    struct config *config = status == WEIR_OK ? ARENA_NEW(a, struct config) : NULL;
    if (config != NULL) {
        config->file = arena_printf(a, "%s", path);
    }
    if (status == WEIR_OK && (config == NULL || config->file == NULL)) {
        status = error_set(err, WEIR_NO_MEMORY, "no memory for the configuration");
    }
    if (status == WEIR_OK) {
        status = parse_text(a, buf_bytes(&text), config, err);
    }
    buf_fini(&text);
    fclose(file);
    if (status == WEIR_OK) {
        *ret_config = config;
    }
    return status;
}
