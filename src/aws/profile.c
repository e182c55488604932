/* SPDX-License-Identifier: Apache-2.0 */
/* The files are small and read a few times at start: each question walks over the lines again. */
#include "aws/profile.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum line_kind { LINE_BLANK, LINE_SECTION, LINE_KEY, LINE_SUBKEY, LINE_WRONG };

struct line {
    enum line_kind kind;
    struct weir_bytes name; /* of the section, the key, the sub-key */
    struct weir_bytes value;
};

/* Walks the lines and remembers where it is. */
struct walk {
    struct weir_bytes text;
    size_t pos;
    unsigned number;
    struct weir_bytes section;
    struct weir_bytes key;
};

static struct line read_pair(struct weir_bytes text, bool indented)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '=' || text.ptr[i] == ':') {
            struct weir_bytes name = bytes_trim(bytes_of(text.ptr, i));
            struct weir_bytes value = bytes_trim(bytes_of(text.ptr + i + 1, text.len - i - 1));
            enum line_kind kind = name.len == 0 ? LINE_WRONG : indented ? LINE_SUBKEY : LINE_KEY;
            return (struct line){kind, name, value};
        }
    }
    return (struct line){.kind = LINE_WRONG};
}

static struct line read_line(struct weir_bytes raw)
{
    struct weir_bytes text = bytes_trim(raw);
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';') {
        return (struct line){.kind = LINE_BLANK};
    }
    if (text.ptr[0] == '[') {
        if (text.ptr[text.len - 1] != ']') {
            return (struct line){.kind = LINE_WRONG};
        }
        return (struct line){LINE_SECTION, bytes_trim(bytes_of(text.ptr + 1, text.len - 2)),
                             BYTES_NONE};
    }
    return read_pair(text, bytes_is_blank(raw.ptr[0]));
}

static bool walk_next(struct walk *walk, struct line *ret_line)
{
    if (walk->pos >= walk->text.len) {
        return false;
    }
    const uint8_t *start = walk->text.ptr + walk->pos;
    size_t left = walk->text.len - walk->pos;
    const uint8_t *end = memchr(start, '\n', left);
    size_t len = end == NULL ? left : (size_t)(end - start);
    walk->pos += len + 1;
    walk->number++;
    *ret_line = read_line(bytes_of(start, len));
    if (ret_line->kind == LINE_SECTION) {
        walk->section = ret_line->name;
        walk->key = BYTES_NONE;
    } else if (ret_line->kind == LINE_KEY) {
        walk->key = ret_line->name;
    }
    return true;
}

/* "profile   \"dev\"" is the section "profile dev". */
static bool section_is(struct weir_bytes section, const char *wanted)
{
    size_t i = 0;
    for (const char *at = wanted; *at != '\0'; at++) {
        if (*at == ' ') {
            size_t blanks = i;
            while (i < section.len && (bytes_is_blank(section.ptr[i]) || section.ptr[i] == '"')) {
                i++;
            }
            if (i == blanks) {
                return false;
            }
            continue;
        }
        if (i >= section.len || section.ptr[i] != (uint8_t)*at) {
            return false;
        }
        i++;
    }
    return i == section.len || (i + 1 == section.len && section.ptr[i] == '"');
}

static bool name_is(struct weir_bytes name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp((const char *)name.ptr, wanted, name.len) == 0;
}

enum weir_status profile_check(struct weir_bytes text, const char *path, struct weir_error *err)
{
    struct walk walk = {.text = text};
    struct line line;
    while (walk_next(&walk, &line)) {
        bool outside =
            line.kind != LINE_BLANK && line.kind != LINE_SECTION && walk.section.len == 0;
        if (line.kind == LINE_WRONG || outside) {
            return error_set(err, WEIR_CONFIG, "%s:%u: neither [section] nor key = value in one",
                             path, walk.number);
        }
    }
    return WEIR_OK;
}

bool profile_has_section(struct weir_bytes text, const char *section)
{
    struct walk walk = {.text = text};
    struct line line;
    while (walk_next(&walk, &line)) {
        if (line.kind == LINE_SECTION && section_is(line.name, section)) {
            return true;
        }
    }
    return false;
}

static bool line_is(const struct walk *walk, const struct line *line, const char *key,
                    const char *subkey)
{
    if (subkey == NULL) {
        return line->kind == LINE_KEY && name_is(line->name, key);
    }
    return line->kind == LINE_SUBKEY && name_is(walk->key, key) && name_is(line->name, subkey);
}

char *profile_get(struct weir_bytes text, const char *section, const char *key, const char *subkey)
{
    struct walk walk = {.text = text};
    struct line line;
    struct weir_bytes found = BYTES_NONE;
    while (walk_next(&walk, &line)) {
        if (section_is(walk.section, section) && line_is(&walk, &line, key, subkey)) {
            found = line.value;
        }
    }
    return found.len == 0 ? NULL : strndup((const char *)found.ptr, found.len);
}

enum weir_status profile_read(const char *path, struct buf *to, struct weir_error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? WEIR_OK
                   : error_set(err, WEIR_CONFIG, "cannot read %s: %s", path, strerror(errno));
    }
    char part[4096];
    size_t len = 1;
    while (len > 0 && buf_status(to) == WEIR_OK) {
        len = fread(part, 1, sizeof(part), file);
        buf_put(to, bytes_of(part, len));
    }
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || buf_status(to) != WEIR_OK) {
        return error_set(err, WEIR_CONFIG, "cannot read %s: %s", path,
                         failed ? "input or output failed" : "it is too large");
    }
    return WEIR_OK;
}
