/* SPDX-License-Identifier: Apache-2.0 */

/* Hashing what a transaction is. See fingerprint.h. */

#include "api/fingerprint.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct fingerprint {
    EVP_MD_CTX *digest;
    struct buf scratch;
    bool failed;
};

struct fingerprint *fingerprint_new(void)
{
    struct fingerprint *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return NULL;
    }
    buf_init(&f->scratch, LIMIT_BODY_BYTES);
    f->digest = EVP_MD_CTX_new();
    if (f->digest == NULL || EVP_DigestInit_ex(f->digest, EVP_sha256(), NULL) != 1) {
        fingerprint_free(f);
        return NULL;
    }
    return f;
}

void fingerprint_free(struct fingerprint *f)
{
    if (f != NULL) {
        EVP_MD_CTX_free(f->digest);
        buf_fini(&f->scratch);
        free(f);
    }
}

static void update(struct fingerprint *f, const void *bytes, size_t size)
{
    if (size > 0 && EVP_DigestUpdate(f->digest, bytes, size) != 1) {
        f->failed = true;
    }
}

void fingerprint_number(struct fingerprint *f, uint64_t number)
{
    uint8_t bytes[8];
    put_be64(bytes, number);
    update(f, bytes, sizeof(bytes));
}

void fingerprint_bytes(struct fingerprint *f, struct weir_bytes bytes)
{
    fingerprint_number(f, bytes.len);
    update(f, bytes.ptr, bytes.len);
}

void fingerprint_names(struct fingerprint *f, const struct expr_names *names)
{
    uint32_t count = names->names == NULL ? 0 : names->names->u.map.count;
    fingerprint_number(f, count);
    for (uint32_t i = 0; i < count; i++) {
        fingerprint_bytes(f, names->names->u.map.at[i].name);
        fingerprint_bytes(f, names->names->u.map.at[i].value.u.bytes);
    }
    buf_reset(&f->scratch);
    if (names->values != NULL) {
        value_encode_item(&f->scratch, names->values);
    }
    f->failed = f->failed || buf_status(&f->scratch) != WEIR_OK;
    fingerprint_bytes(f, buf_bytes(&f->scratch));
}

bool fingerprint_finish(struct fingerprint *f, uint8_t to[32])
{
    unsigned size = 0;
    return EVP_DigestFinal_ex(f->digest, to, &size) == 1 && size == 32 && !f->failed;
}
