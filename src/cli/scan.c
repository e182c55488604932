/* SPDX-License-Identifier: Apache-2.0 */

/* All pages of a Query or a Scan, segments side by side. */

#include "cli/scan.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "client/client.h"

struct segment {
    struct scan *scan;
    unsigned number;
    pthread_t thread;
};

struct scan {
    const struct scan_options *options; /* immutable */
    atomic_bool over;
    pthread_mutex_t mu;
    enum weir_status status; /* under mu: the first that is not WEIR_OK */
    struct weir_error error; /* under mu */
};

/* @locks scan->mu */
static void end_all(struct scan *scan, enum weir_status status, const struct weir_error *error)
{
    (void)pthread_mutex_lock(&scan->mu);
    if (scan->status == WEIR_OK) {
        scan->status = status;
        scan->error = *error;
    }
    (void)pthread_mutex_unlock(&scan->mu);
    atomic_store(&scan->over, true);
}

/* The options' request with the segment and where to go on. */
static struct weir_value *page_request(const struct segment *segment, struct arena *a,
                                       const struct weir_value *start)
{
    const struct scan_options *options = segment->scan->options;
    struct weir_value *request = value_new_map(a, VALUE_PLAIN);
    for (uint32_t i = 0; i < options->request->u.map.count; i++) {
        const struct value_member *member = &options->request->u.map.at[i];
        struct weir_value *node = value_add(a, request, member->name);
        if (node == NULL) {
            return NULL;
        }
        *node = member->value;
    }
    if (options->segments > 1) {
        value_add_int(a, request, "TotalSegments", options->segments);
        value_add_int(a, request, "Segment", segment->number);
    }
    if (start != NULL) {
        value_add_value(a, request, "ExclusiveStartKey", start);
    }
    return request;
}

/* One page; *start becomes where the next begins, NULL at the end, in the arena `keep`. */
static enum weir_status run_page(const struct segment *segment, struct arena *a, struct arena *keep,
                                 struct weir_value **start, struct weir_error *err)
{
    static const struct value_list none = {0};
    const struct scan_options *options = segment->scan->options;
    struct weir_value *response = NULL;
    struct weir_value *request = page_request(segment, a, *start);
    if (request == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a request");
    }
    enum weir_status status =
        client_call(options->client, options->operation, request, a, &response, NULL, err);
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *items = value_get(response, "Items");
    status = options->page(options->arg, a,
                           items != NULL && items->type == VALUE_L ? &items->u.list : &none,
                           response, err);
    const struct weir_value *next = value_get(response, "LastEvaluatedKey");
    arena_reset(keep);
    *start = next == NULL ? NULL : value_copy(keep, next);
    return status == WEIR_OK && next != NULL && *start == NULL
               ? error_set(err, WEIR_NO_MEMORY, "no memory for a key")
               : status;
}

static bool is_over(const struct scan *scan)
{
    return atomic_load(&scan->over) ||
           (scan->options->stop != NULL && atomic_load(scan->options->stop));
}

static void *segment_run(void *arg)
{
    struct segment *segment = arg;
    struct weir_value *start = NULL;
    struct weir_error err = {0};
    struct arena *a = arena_new(DATA_ARENA_BYTES);
    struct arena *keep[2] = {arena_new(DATA_LINE_BYTES), arena_new(DATA_LINE_BYTES)};
    enum weir_status status = a == NULL || keep[0] == NULL || keep[1] == NULL
                                  ? error_set(&err, WEIR_NO_MEMORY, "no memory for a page")
                                  : WEIR_OK;
    for (unsigned page = 0; status == WEIR_OK && (page == 0 || start != NULL); page++) {
        if (is_over(segment->scan)) {
            status = error_set(&err, WEIR_CANCELLED, "stopped");
            break;
        }
        arena_reset(a);
        status = run_page(segment, a, keep[page % 2], &start, &err);
    }
    if (status != WEIR_OK) {
        end_all(segment->scan, status, &err);
    }
    arena_free(a);
    arena_free(keep[0]);
    arena_free(keep[1]);
    return NULL;
}

static void run_segments(struct scan *scan)
{
    struct segment segments[SCAN_SEGMENTS_MAX];
    struct weir_error err = {0};
    unsigned started = 0;
    for (; started < scan->options->segments; started++) {
        segments[started] = (struct segment){.scan = scan, .number = started};
        int failed =
            pthread_create(&segments[started].thread, NULL, segment_run, &segments[started]);
        if (failed != 0) {
            end_all(scan, error_set(&err, WEIR_IO, "cannot start a thread: %s", strerror(failed)),
                    &err);
            break;
        }
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(segments[i].thread, NULL);
    }
}

enum weir_status scan_run(const struct scan_options *options, struct weir_error *err)
{
    struct scan scan = {.options = options};
    struct segment only = {.scan = &scan};
    WEIR_ASSERT(options->segments >= 1 && options->segments <= SCAN_SEGMENTS_MAX);
    (void)pthread_mutex_init(&scan.mu, NULL);
    if (options->segments == 1) {
        (void)segment_run(&only);
    } else {
        run_segments(&scan);
    }
    (void)pthread_mutex_destroy(&scan.mu);
    if (scan.status == WEIR_CLOSED) {
        return WEIR_OK;
    }
    if (scan.status != WEIR_OK) {
        *err = scan.error;
    }
    return scan.status;
}
