/* SPDX-License-Identifier: Apache-2.0 */
/* A file of access keys: read or refused, and each key that is read can be found again. */
#include "base/error.h"
#include "server/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct signature_keys *keys = NULL;
    struct weir_error err = {0};
    enum weir_status status = signature_keys_parse(bytes_of(data, size), "keys", &keys, &err);
    WEIR_ASSERT((status == WEIR_OK) == (keys != NULL));
    if (status == WEIR_OK) {
        WEIR_ASSERT(signature_keys_count(keys) >= 1);
        WEIR_ASSERT(signature_keys_count(keys) <= SIGNATURE_KEYS_MAX);
    } else {
        WEIR_ASSERT(status == WEIR_CONFIG && err.message[0] != '\0');
    }
    signature_keys_free(keys);
    return 0;
}
