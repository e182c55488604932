/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/aws/sigv4_vector.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    (void)fclose(file);
    return text;
}

/* Cuts the file at its "=== name" lines; a section's text ends before the next one's line. */
static void split_sections(struct vector *v)
{
    char *line = v->file;
    while (line != NULL) {
        char *next = strchr(line, '\n');
        if (strncmp(line, "=== ", 4) == 0) {
            assert_non_null(next);
            assert_true(v->count < VECTOR_SECTIONS_MAX);
            if (line > v->file) {
                line[-1] = '\0';
            }
            *next = '\0';
            v->sections[v->count++] = (struct vector_section){line + 4, next + 1};
        }
        line = next == NULL ? NULL : next + 1;
    }
    v->file[strlen(v->sections[v->count - 1].text) +
            (size_t)(v->sections[v->count - 1].text - v->file) - 1] = '\0';
}

const char *vector_text(const struct vector *v, const char *section)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->sections[i].name, section) == 0) {
            return v->sections[i].text;
        }
    }
    fail_msg("no section %s", section);
    return NULL;
}

static void load_headers(struct vector *v)
{
    char *line = (char *)vector_text(v, "headers");
    while (line != NULL && *line != '\0') {
        char *next = strchr(line, '\n');
        size_t len = next == NULL ? strlen(line) : (size_t)(next - line);
        char *colon = memchr(line, ':', len);
        assert_non_null(colon);
        size_t name_len = (size_t)(colon - line);
        assert_true(v->request.header_count < VECTOR_HEADERS_MAX);
        v->headers[v->request.header_count++] = (struct sigv4_header){
            bytes_of(line, name_len), bytes_of(colon + 1, len - name_len - 1)};
        line = next == NULL ? NULL : next + 1;
    }
}

static void load_body(struct vector *v)
{
    char word[64];
    unsigned count = 0;
    const char *text = vector_text(v, "body");
    buf_init(&v->body, (size_t)4 * 1024 * 1024);
    if (sscanf(text, "repeat %63s %u", word, &count) != 2) {
        buf_put_str(&v->body, text);
    }
    for (unsigned i = 0; i < count; i++) {
        buf_put_str(&v->body, word);
    }
    assert_int_equal(buf_status(&v->body), WEIR_OK);
}

static void vector_load(struct vector *v, const char *path)
{
    *v = (struct vector){.file = read_file(path)};
    split_sections(v);
    load_headers(v);
    load_body(v);
    v->request.method = bytes_str(vector_text(v, "method"));
    v->request.path = bytes_str(vector_text(v, "path"));
    v->request.query = bytes_str(vector_text(v, "query"));
    v->request.headers = v->headers;
    v->request.body = buf_bytes(&v->body);
    v->request.region = bytes_str(vector_text(v, "region"));
    v->request.service = bytes_str(vector_text(v, "service"));
    v->request.normalize_path = strcmp(vector_text(v, "normalize"), "yes") == 0;
    v->credentials.access_key_id = bytes_str(vector_text(v, "access_key_id"));
    v->credentials.secret_access_key = bytes_str(vector_text(v, "secret_access_key"));
}

static void vector_free(struct vector *v)
{
    buf_fini(&v->body);
    free(v->file);
}

unsigned vectors_each(bool (*check)(const struct vector *v))
{
    const char *folder = getenv("WEIR_SIGV4_VECTORS");
    assert_non_null(folder);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    unsigned count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[4096];
        const char *end = strrchr(entry->d_name, '.');
        if (end == NULL || strcmp(end, ".vector") != 0) {
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        print_message("vector %s\n", entry->d_name);
        struct vector v;
        vector_load(&v, path);
        count += check(&v);
        vector_free(&v);
    }
    (void)closedir(dir);
    return count;
}
