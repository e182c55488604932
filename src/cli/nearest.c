/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nearest.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64
#define FAR 1000u

/* The least of insertions, deletions, replacements and swaps of neighbours between two short words
 * (optimal string alignment), in three rows. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len >= WORD_MAX || b_len >= WORD_MAX) {
        return FAR;
    }
    for (unsigned j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_above[j - 2] + 1 < best) {
                best = two_above[j - 2] + 1;
            }
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

void nearest_offer(struct nearest *n, const char *candidate)
{
    size_t len = strlen(n->word);
    bool begun = len >= 2 && strncmp(candidate, n->word, len) == 0;
    unsigned edits = begun ? 1 : distance(n->word, candidate);
    if (edits < n->edits) {
        n->edits = edits;
        n->best = candidate;
    }
}

const char *nearest_likely(const struct nearest *n)
{
    return n->best != NULL && n->edits <= (strlen(n->best) + 2) / 3 ? n->best : NULL;
}
