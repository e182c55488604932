/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_SIGV4_VECTOR_H
#define WEIR_TESTS_SIGV4_VECTOR_H

/* A request and each step of its signature, as botocore made them: a file of tests/vectors/sigv4.
 */

#include "aws/sigv4.h"

#define VECTOR_SECTIONS_MAX 32
#define VECTOR_HEADERS_MAX 16

struct vector_section {
    char *name;
    char *text;
};

struct vector {
    char *file;
    struct vector_section sections[VECTOR_SECTIONS_MAX];
    size_t count;
    struct sigv4_header headers[VECTOR_HEADERS_MAX];
    struct buf body;
    struct sigv4_request request;
    struct sigv4_credentials credentials;
};

/* A section's text; fails the test when there is none. */
const char *vector_text(const struct vector *v, const char *section);
/* Gives every vector of the folder WEIR_SIGV4_VECTORS to `check`; how many of them it counts: those
 * for which it is true. */
unsigned vectors_each(bool (*check)(const struct vector *v));

#endif
