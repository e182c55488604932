/* SPDX-License-Identifier: Apache-2.0 */

/* What a person is told of a running relay. */

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/patience.h"
#include "cli/relay_setup.h"

#define WATCH_MS 250

static void log_sink(const struct relay_watch *watch, const struct weir_relay_status *status)
{
    char lag[32];
    snprintf(lag, sizeof(lag), "%lld", (long long)status->lag_ms);
    if (status->sink_down) {
        log_event(LOG_WARN, "the sink cannot be reached: waiting, nothing is lost", "relay",
                  watch->name, "error", status->sink_error, "lag_ms", lag, NULL);
    } else {
        log_event(LOG_INFO, "the sink is reached again", "relay", watch->name, "lag_ms", lag, NULL);
    }
}

static void print_progress(const struct weir_relay_status *s)
{
    fprintf(stderr,
            "\r\033[K delivered %llu  marked %llu  in hand %llu  retries %llu  lag %.1f s%s",
            (unsigned long long)s->delivered, (unsigned long long)s->marked,
            (unsigned long long)s->in_hand, (unsigned long long)s->retries,
            (double)s->lag_ms / 1000.0, s->sink_down ? "  sink down" : "");
    fflush(stderr);
}

static void *watch_relay(void *arg)
{
    struct relay_watch *watch = arg;
    bool was_down = false;
    bool over = false;
    while (!over) {
        struct weir_relay_status status;
        over = patience_wait(&watch->over, WATCH_MS);
        weir_relay_read_status(watch->relay, &status);
        bool is_down = status.sink_down != 0;
        if (is_down != was_down) {
            log_sink(watch, &status);
        }
        was_down = is_down;
        log_tick();
        if (watch->progress) {
            print_progress(&status);
        }
    }
    if (watch->progress) {
        fputc('\n', stderr);
    }
    return NULL;
}

enum weir_status relay_watch_start(struct relay_watch *watch, struct weir_error *err)
{
    (void)sem_init(&watch->over, 0, 0);
    int failed = pthread_create(&watch->thread, NULL, watch_relay, watch);
    if (failed != 0) {
        return error_set(err, WEIR_IO, "cannot start a thread: %s", strerror(failed));
    }
    watch->running = true;
    return WEIR_OK;
}

void relay_watch_stop(struct relay_watch *watch)
{
    if (watch->running) {
        (void)sem_post(&watch->over);
        (void)pthread_join(watch->thread, NULL);
        watch->running = false;
    }
}
