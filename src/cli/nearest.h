/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_NEAREST_H
#define WEIR_CLI_NEAREST_H

/* "Did you mean": of the names that there are, the one that most looks like what was written. */

#include <stddef.h>

struct nearest {
    const char *word; /* what was written */
    const char *best; /* a candidate; NULL: none so far */
    unsigned edits;   /* between the two; 1 when the candidate only goes on */
};

static inline struct nearest nearest_to(const char *word)
{
    return (struct nearest){word, NULL, 1000};
}
/* Candidates are kept by address; of equally near ones the first. */
void nearest_offer(struct nearest *n, const char *candidate);
/* The best one where it may be a slip of the hand, up to a third of it edited; NULL when nothing is
 * near. */
const char *nearest_likely(const struct nearest *n);

#endif
