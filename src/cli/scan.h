/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_SCAN_H
#define WEIR_CLI_SCAN_H

/*
 * All pages of a Query or Scan; a Scan in several segments at the same time, one thread each.
 */

#include <stdatomic.h>

#include "cli/data.h"

#define SCAN_SEGMENTS_MAX 64

/* A page: the answer's Items, each still to go through value_to_item; `a` is the page's arena.
 * Calls of several segments come from several threads at the same time. Anything but WEIR_OK ends
 * all segments with it. */
typedef enum weir_status scan_page(void *arg, struct arena *a, const struct value_list *items,
                                   const struct weir_value *response, struct weir_error *err);

struct scan_options {
    struct weir_client *client;
    const char *operation;            /* "Scan" or "Query" */
    const struct weir_value *request; /* without segments */
    unsigned segments;                /* 1 for a Query */
    const atomic_bool *stop;          /* may be NULL: ends between pages, with WEIR_CANCELLED */
    scan_page *page;
    void *arg;
};

/* The first failure of any segment. A page callback may return WEIR_CLOSED to say that it has seen
 * enough: that is no failure. */
enum weir_status scan_run(const struct scan_options *options, struct weir_error *err);

#endif
