/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access keys of a server that requires signatures: their file, and for each key the last few
 * signing keys that were derived from it. A message about the file names the line, and never what
 * stands there: it may be a secret in the wrong place.
 */
#include "server/signature.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Around midnight two days are in use; more than one region only when any is accepted. */
#define DERIVED_KEPT 4
#define MODE_OTHERS (S_IRWXO)

struct signature_key {
    struct weir_bytes id, secret, token;    /* in the keys' text */
    struct sigv4_key derived[DERIVED_KEPT]; /* under mu */
    unsigned next_derived;                  /* under mu */
};

struct signature_keys {
    /* Immutable. */
    uint8_t *text;
    size_t text_size;
    unsigned count;
    unsigned room;
    struct signature_key *at;

    pthread_mutex_t mu;
};

/* ---- the file's lines ------------------------------------------------------------------------ */

struct reader {
    struct signature_keys *keys;
    const char *path;
    unsigned line;
    bool in_sections;         /* AWS's form */
    unsigned section_line;    /* of the section that is open */
    struct signature_key key; /* of the section that is open */
};

/* Takes the next word off the front of *rest; empty at the end. */
static struct weir_bytes take_word(struct weir_bytes *rest)
{
    *rest = bytes_trim(*rest);
    size_t len = 0;
    while (len < rest->len && !bytes_is_blank(rest->ptr[len])) {
        len++;
    }
    struct weir_bytes word = bytes_of(rest->ptr, len);
    *rest = bytes_of(rest->ptr + len, rest->len - len);
    return word;
}

/* Fits a header: printable ASCII without blanks, and for an id without what parts a credential. */
static bool is_word(struct weir_bytes word, size_t len_max, const char *without)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] <= ' ' || word.ptr[i] > '~' || strchr(without, word.ptr[i]) != NULL) {
            return false;
        }
    }
    return word.len >= 1 && word.len <= len_max;
}

static enum weir_status wrong(const struct reader *reader, unsigned line, struct weir_error *err,
                              const char *what)
{
    return error_set(err, WEIR_CONFIG, "%s:%u: %s", reader->path, line, what);
}

static enum weir_status add_key(struct reader *reader, unsigned line,
                                const struct signature_key *key, struct weir_error *err)
{
    struct signature_keys *keys = reader->keys;
    if (!is_word(key->id, SIGNATURE_KEY_ID_BYTES, "/,=")) {
        return wrong(reader, line, err,
                     "the access key id is 1 to 128 characters without blanks, '/', ',' and '='");
    }
    if (!is_word(key->secret, SIGNATURE_SECRET_BYTES, "")) {
        return wrong(reader, line, err, "the secret is 1 to 256 characters without blanks");
    }
    if (key->token.len > 0 && !is_word(key->token, SIGNATURE_TOKEN_BYTES, "")) {
        return wrong(reader, line, err, "the session token is at most 8192 printable characters");
    }
    if (signature_keys_find(keys, key->id) != NULL) {
        return wrong(reader, line, err, "this access key id is there a second time");
    }
    if (keys->count == keys->room) {
        return wrong(reader, line, err, "there are more than 1024 access keys");
    }
    keys->at[keys->count++] = *key;
    return WEIR_OK;
}

/* "ID SECRET [TOKEN]" */
static enum weir_status read_plain(struct reader *reader, struct weir_bytes text,
                                   struct weir_error *err)
{
    struct signature_key key = {.id = take_word(&text)};
    key.secret = take_word(&text);
    key.token = take_word(&text);
    if (key.secret.len == 0 || bytes_trim(text).len > 0) {
        return wrong(reader, reader->line, err,
                     "a line is ACCESS_KEY_ID SECRET, or with a session token as a third word");
    }
    return add_key(reader, reader->line, &key, err);
}

static enum weir_status end_section(struct reader *reader, struct weir_error *err)
{
    struct signature_key key = reader->key;
    reader->key = (struct signature_key){0};
    if (key.id.len == 0 && key.secret.len == 0) {
        return WEIR_OK; /* a profile that takes its credentials from elsewhere */
    }
    if (key.id.len == 0 || key.secret.len == 0) {
        return wrong(reader, reader->section_line, err,
                     "the section needs aws_access_key_id and aws_secret_access_key");
    }
    return add_key(reader, reader->section_line, &key, err);
}

static enum weir_status read_pair(struct reader *reader, struct weir_bytes text,
                                  struct weir_error *err)
{
    const uint8_t *equals = memchr(text.ptr, '=', text.len);
    if (equals == NULL) {
        return wrong(reader, reader->line, err, "neither [section] nor key = value");
    }
    size_t name_len = (size_t)(equals - text.ptr);
    struct weir_bytes name = bytes_trim(bytes_of(text.ptr, name_len));
    struct weir_bytes value = bytes_trim(bytes_of(equals + 1, text.len - name_len - 1));
    if (bytes_eq_str(name, "aws_access_key_id")) {
        reader->key.id = value;
    } else if (bytes_eq_str(name, "aws_secret_access_key")) {
        reader->key.secret = value;
    } else if (bytes_eq_str(name, "aws_session_token")) {
        reader->key.token = value;
    }
    return WEIR_OK;
}

static enum weir_status read_line(struct reader *reader, struct weir_bytes text,
                                  struct weir_error *err)
{
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';') {
        return WEIR_OK;
    }
    if (text.ptr[0] == '[' && text.ptr[text.len - 1] == ']' &&
        (reader->in_sections || reader->keys->count == 0)) {
        enum weir_status status = end_section(reader, err);
        reader->in_sections = true;
        reader->section_line = reader->line;
        return status;
    }
    return reader->in_sections ? read_pair(reader, text, err) : read_plain(reader, text, err);
}

static enum weir_status read_text(struct reader *reader, struct weir_error *err)
{
    struct weir_bytes rest = bytes_of(reader->keys->text, reader->keys->text_size);
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);
        reader->line++;
        status = read_line(reader, bytes_trim(bytes_of(rest.ptr, len)), err);
        size_t taken = end == NULL ? len : len + 1;
        rest = bytes_of(rest.ptr + taken, rest.len - taken);
    }
    if (status == WEIR_OK) {
        status = end_section(reader, err);
    }
    if (status == WEIR_OK && reader->keys->count == 0) {
        return error_set(err, WEIR_CONFIG, "%s has no access key; a line is ACCESS_KEY_ID SECRET",
                         reader->path);
    }
    return status;
}

/* ---- the keys -------------------------------------------------------------------------------- */

/* A key takes a line at least. */
static unsigned count_lines(struct weir_bytes text)
{
    unsigned lines = 1;
    for (size_t i = 0; i < text.len && lines < SIGNATURE_KEYS_MAX; i++) {
        lines += text.ptr[i] == '\n';
    }
    return lines;
}

static struct signature_keys *keys_new(struct weir_bytes text)
{
    struct signature_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL) {
        return NULL;
    }
    WEIR_ASSERT(pthread_mutex_init(&keys->mu, NULL) == 0);
    keys->text = malloc(text.len + 1);
    keys->room = count_lines(text);
    keys->at = calloc(keys->room, sizeof(*keys->at));
    if (keys->text == NULL || keys->at == NULL) {
        signature_keys_free(keys);
        return NULL;
    }
    if (text.len > 0) {
        memcpy(keys->text, text.ptr, text.len);
    }
    keys->text_size = text.len;
    return keys;
}

void signature_keys_free(struct signature_keys *keys)
{
    if (keys == NULL) {
        return;
    }
    if (keys->text != NULL) {
        OPENSSL_cleanse(keys->text, keys->text_size);
    }
    if (keys->at != NULL) {
        OPENSSL_cleanse(keys->at, keys->room * sizeof(*keys->at));
    }
    free(keys->text);
    free(keys->at);
    (void)pthread_mutex_destroy(&keys->mu);
    free(keys);
}

enum weir_status signature_keys_parse(struct weir_bytes text, const char *path,
                                      struct signature_keys **ret_keys, struct weir_error *err)
{
    struct signature_keys *keys = keys_new(text);
    if (keys == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for the access keys");
    }
    struct reader reader = {.keys = keys, .path = path};
    enum weir_status status = read_text(&reader, err);
    if (status != WEIR_OK) {
        signature_keys_free(keys);
        return status;
    }
    *ret_keys = keys;
    return WEIR_OK;
}

static enum weir_status check_file(int fd, const char *path, struct weir_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(err, WEIR_CONFIG, "%s is not a file", path);
    }
    if ((st.st_mode & MODE_OTHERS) != 0) {
        return error_set(err, WEIR_CONFIG,
                         "%s holds secrets and its mode %04o lets everybody at it; chmod o= %s",
                         path, (unsigned)(st.st_mode & 07777), path);
    }
    if (st.st_size > (off_t)SIGNATURE_KEYS_FILE_BYTES) {
        return error_set(err, WEIR_CONFIG, "%s is larger than 1 MiB", path);
    }
    return WEIR_OK;
}

static enum weir_status read_file(int fd, const char *path, struct buf *to, struct weir_error *err)
{
    for (;;) {
        uint8_t *at = buf_reserve(to, 4096);
        if (at == NULL) {
            return error_set(err, buf_status(to), "%s is larger than 1 MiB", path);
        }
        ssize_t got = read(fd, at, 4096);
        if (got < 0 && errno != EINTR) {
            return error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
        }
        if (got == 0) {
            return WEIR_OK;
        }
        to->len += got > 0 ? (size_t)got : 0;
    }
}

enum weir_status signature_keys_load(const char *path, struct signature_keys **ret_keys,
                                     struct weir_error *err)
{
    struct buf text;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
    if (fd < 0) {
        return error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
    }
    buf_init(&text, SIGNATURE_KEYS_FILE_BYTES + 8192);
    /* All at once: a buffer that grows leaves secrets behind in the memory it had. */
    (void)buf_reserve(&text, SIGNATURE_KEYS_FILE_BYTES + 4096);
    enum weir_status status = check_file(fd, path, err);
    if (status == WEIR_OK) {
        status = read_file(fd, path, &text, err);
    }
    (void)close(fd);
    if (status == WEIR_OK) {
        status = signature_keys_parse(buf_bytes(&text), path, ret_keys, err);
    }
    if (text.ptr != NULL) {
        OPENSSL_cleanse(text.ptr, text.len);
    }
    buf_fini(&text);
    return status;
}

unsigned signature_keys_count(const struct signature_keys *keys)
{
    return keys->count;
}

struct signature_key *signature_keys_find(struct signature_keys *keys, struct weir_bytes id)
{
    for (unsigned i = 0; i < keys->count; i++) {
        if (bytes_eq(keys->at[i].id, id)) {
            return &keys->at[i];
        }
    }
    return NULL;
}

struct weir_bytes signature_key_token(const struct signature_key *key)
{
    return key->token;
}

/* ---- derived keys ---------------------------------------------------------------------------- */

/* A derived key's scope begins with "day/region/service/". */
static bool find_derived(const struct signature_key *key, const char *scope,
                         struct sigv4_key *ret_derived)
{
    for (unsigned i = 0; i < DERIVED_KEPT; i++) {
        const struct sigv4_key *one = &key->derived[i];
        if (one->valid && strncmp(one->scope, scope, strlen(scope)) == 0) {
            *ret_derived = *one;
            return true;
        }
    }
    return false;
}

enum weir_status signature_key_derive(struct signature_keys *keys, struct signature_key *key,
                                      const char *date, struct weir_bytes region,
                                      struct weir_bytes service, struct sigv4_key *ret_derived)
{
    char scope[sizeof(ret_derived->scope)];
    struct buf text;
    buf_init(&text, sizeof(scope));
    buf_printf(&text, "%.8s/%.*s/%.*s/", date, BYTES_ARG(region), BYTES_ARG(service));
    buf_put_u8(&text, '\0');
    enum weir_status status = buf_status(&text);
    if (status == WEIR_OK) {
        memcpy(scope, text.ptr, text.len);
    }
    buf_fini(&text);
    if (status != WEIR_OK) {
        return status;
    }
    pthread_mutex_lock(&keys->mu);
    bool is_there = find_derived(key, scope, ret_derived);
    pthread_mutex_unlock(&keys->mu);
    if (is_there) {
        return WEIR_OK;
    }
    struct sigv4_credentials credentials = {.access_key_id = key->id,
                                            .secret_access_key = key->secret};
    struct sigv4_key derived = {0};
    status = sigv4_derive_key(&credentials, date, region, service, &derived);
    if (status != WEIR_OK) {
        return status;
    }
    pthread_mutex_lock(&keys->mu);
    key->derived[key->next_derived++ % DERIVED_KEPT] = derived;
    pthread_mutex_unlock(&keys->mu);
    *ret_derived = derived;
    return WEIR_OK;
}
