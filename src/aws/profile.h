/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_PROFILE_H
#define WEIR_AWS_PROFILE_H

/*
 * AWS's two files, ~/.aws/config and ~/.aws/credentials: sections, keys, and keys one level deeper.
 *
 *     [profile dev]                 section "profile dev"
 *     region = eu-west-1
 *     services = here
 *
 *     [services here]
 *     dynamodb =
 *       endpoint_url = http://...   sub-key of "dynamodb"
 */

#include "base/buf.h"
#include "weir/error.h"

#define PROFILE_FILE_BYTES_MAX ((size_t)1024 * 1024)

/* Reads a whole file; one that does not exist is an empty one. WEIR_CONFIG names the file. */
enum weir_status profile_read(const char *path, struct buf *to, struct weir_error *err);

/* Checks the form; WEIR_CONFIG names file and line. */
enum weir_status profile_check(struct weir_bytes text, const char *path, struct weir_error *err);

/* Section and key are compared without surrounding and repeated blanks, keys in any case. */
bool profile_has_section(struct weir_bytes text, const char *section);
/* The value, the caller's; NULL when it is not there, is empty, or memory ran out. `subkey` NULL:
 * the key's own. The last one of several counts. */
char *profile_get(struct weir_bytes text, const char *section, const char *key, const char *subkey);

#endif
