/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4 against vectors of botocore's signer, step by step: what fails first names
 * the step. */
#include "aws/sigv4.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SECTIONS_MAX 32
#define HEADERS_MAX 16

struct section {
    char *name;
    char *text;
};

struct vector {
    char *file;
    struct section sections[SECTIONS_MAX];
    size_t count;
    struct sigv4_header headers[HEADERS_MAX];
    struct buf body;
    struct sigv4_request request;
    struct sigv4_credentials credentials;
};

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
            assert_true(v->count < SECTIONS_MAX);
            if (line > v->file) {
                line[-1] = '\0';
            }
            *next = '\0';
            v->sections[v->count++] = (struct section){line + 4, next + 1};
        }
        line = next == NULL ? NULL : next + 1;
    }
    v->file[strlen(v->sections[v->count - 1].text) +
            (size_t)(v->sections[v->count - 1].text - v->file) - 1] = '\0';
}

static const char *section(const struct vector *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->sections[i].name, name) == 0) {
            return v->sections[i].text;
        }
    }
    fail_msg("no section %s", name);
    return NULL;
}

static void load_headers(struct vector *v)
{
    char *line = (char *)section(v, "headers");
    while (line != NULL && *line != '\0') {
        char *next = strchr(line, '\n');
        size_t len = next == NULL ? strlen(line) : (size_t)(next - line);
        char *colon = memchr(line, ':', len);
        assert_non_null(colon);
        size_t name_len = (size_t)(colon - line);
        assert_true(v->request.header_count < HEADERS_MAX);
        v->headers[v->request.header_count++] = (struct sigv4_header){
            bytes_of(line, name_len), bytes_of(colon + 1, len - name_len - 1)};
        line = next == NULL ? NULL : next + 1;
    }
}

static void load_body(struct vector *v)
{
    char word[64];
    unsigned count = 0;
    const char *text = section(v, "body");
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
    v->request.method = bytes_str(section(v, "method"));
    v->request.path = bytes_str(section(v, "path"));
    v->request.query = bytes_str(section(v, "query"));
    v->request.headers = v->headers;
    v->request.body = buf_bytes(&v->body);
    v->request.region = bytes_str(section(v, "region"));
    v->request.service = bytes_str(section(v, "service"));
    v->request.normalize_path = strcmp(section(v, "normalize"), "yes") == 0;
    v->credentials.access_key_id = bytes_str(section(v, "access_key_id"));
    v->credentials.secret_access_key = bytes_str(section(v, "secret_access_key"));
}

static void vector_free(struct vector *v)
{
    buf_fini(&v->body);
    free(v->file);
}

static void check_step(const struct vector *v, const char *step, struct buf *made)
{
    buf_put_u8(made, '\0');
    assert_int_equal(buf_status(made), WEIR_OK);
    const char *wanted = section(v, step);
    if (strcmp((const char *)made->ptr, wanted) != 0) {
        fail_msg("%s differs\n--- made\n%s\n--- wanted\n%s", step, (const char *)made->ptr, wanted);
    }
    made->len--;
}

static void check_key(const struct vector *v, const struct sigv4_key *key)
{
    struct buf text;
    buf_init(&text, 128);
    for (size_t i = 0; i < sizeof(key->key); i++) {
        buf_printf(&text, "%02x", key->key[i]);
    }
    check_step(v, "signing_key", &text);
    buf_fini(&text);
}

static void check_vector(const struct vector *v)
{
    char date[SIGV4_DATE_SIZE];
    struct buf canonical, names, text;
    buf_init(&canonical, 65536);
    buf_init(&names, 65536);
    buf_init(&text, 65536);
    sigv4_date(strtoll(section(v, "wall_ms"), NULL, 10), date);
    assert_string_equal(date, section(v, "date"));
    sigv4_canonical_request(&v->request, &canonical, &names);
    check_step(v, "canonical_request", &canonical);
    sigv4_string_to_sign(&v->request, date, buf_bytes(&canonical), &text);
    check_step(v, "string_to_sign", &text);
    struct sigv4_key key = {0};
    assert_int_equal(
        sigv4_derive_key(&v->credentials, date, v->request.region, v->request.service, &key),
        WEIR_OK);
    check_key(v, &key);
    char signature[65];
    sigv4_signature(&key, buf_bytes(&text), signature);
    assert_string_equal(signature, section(v, "signature"));
    buf_reset(&text);
    assert_int_equal(sigv4_authorization(&v->request, &v->credentials, date, &key, &text), WEIR_OK);
    check_step(v, "authorization", &text);
    buf_fini(&canonical);
    buf_fini(&names);
    buf_fini(&text);
}

static void vectors_agree_with_botocore(void **state)
{
    (void)state;
    const char *folder = getenv("WEIR_SIGV4_VECTORS");
    assert_non_null(folder);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    unsigned checked = 0;
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
        check_vector(&v);
        vector_free(&v);
        checked++;
    }
    (void)closedir(dir);
    assert_true(checked >= 25);
}

static void derive(struct sigv4_key *key, const char *secret, const char *date, const char *region)
{
    struct sigv4_credentials credentials = {.access_key_id = BYTES_LIT("AKID"),
                                            .secret_access_key = bytes_str(secret)};
    assert_int_equal(
        sigv4_derive_key(&credentials, date, bytes_str(region), BYTES_LIT("dynamodb"), key),
        WEIR_OK);
}

static void cached_key_is_derived_again_when_day_region_or_secret_changes(void **state)
{
    (void)state;
    struct sigv4_key cached = {0};
    struct sigv4_key fresh = {0};
    static const char *const changes[][3] = {
        {"a", "20261120T000000Z", "us-east-1"}, {"a", "20261121T000000Z", "us-east-1"},
        {"a", "20261121T000000Z", "eu-west-1"}, {"b", "20261121T000000Z", "eu-west-1"},
        {"b", "20261121T235959Z", "eu-west-1"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        fresh.valid = false;
        derive(&cached, changes[i][0], changes[i][1], changes[i][2]);
        derive(&fresh, changes[i][0], changes[i][1], changes[i][2]);
        assert_memory_equal(cached.key, fresh.key, sizeof(fresh.key));
    }
}

static void cached_key_is_used_while_nothing_changes(void **state)
{
    (void)state;
    struct sigv4_key key = {0};
    derive(&key, "a", "20261120T000000Z", "us-east-1");
    memset(key.key, 7, sizeof(key.key));
    derive(&key, "a", "20261120T120000Z", "us-east-1");
    assert_int_equal(key.key[0], 7);
}

static void scope_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    char region[200];
    memset(region, 'r', sizeof(region));
    struct sigv4_key key = {0};
    struct sigv4_credentials credentials = {.secret_access_key = BYTES_LIT("s")};
    assert_int_equal(sigv4_derive_key(&credentials, "20261120T000000Z",
                                      bytes_of(region, sizeof(region)), BYTES_LIT("dynamodb"),
                                      &key),
                     WEIR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_agree_with_botocore),
        cmocka_unit_test(cached_key_is_derived_again_when_day_region_or_secret_changes),
        cmocka_unit_test(cached_key_is_used_while_nothing_changes),
        cmocka_unit_test(scope_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
