/* SPDX-License-Identifier: Apache-2.0 */

/* The progress bar of every long command. */

#include "cli/progress.h"

#include <string.h>

#include "base/env.h"

#define REDRAW_NS 100000000u
#define BAR_CELLS 20
#define LINE_SIZE 160
/* A rate from less is a guess. */
#define RATE_FROM_MS 300
/* Four days: nobody waits for the bar any more. */
#define LEFT_MS_MAX (4.0 * 24 * 3600 * 1000)

const char *progress_count(char to[PROGRESS_COUNT_SIZE], uint64_t count)
{
    char digits[PROGRESS_COUNT_SIZE];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    size_t put = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            to[put++] = ',';
        }
        to[put++] = digits[i];
    }
    to[put] = '\0';
    return to;
}

const char *progress_items(char to[PROGRESS_COUNT_SIZE], uint64_t count)
{
    char digits[PROGRESS_COUNT_SIZE];
    snprintf(to, PROGRESS_COUNT_SIZE, "%s %s", progress_count(digits, count),
             count == 1 ? "item" : "items");
    return to;
}

static size_t add(char *to, size_t size, size_t at, const char *text)
{
    int len = at < size ? snprintf(to + at, size - at, "%s", text) : 0;
    return at + (size_t)len;
}

static size_t add_bar(char *to, size_t size, size_t at, uint64_t done, uint64_t total)
{
    char bar[BAR_CELLS + 16];
    double share = done >= total ? 1.0 : (double)done / (double)total;
    unsigned full = (unsigned)(share * BAR_CELLS);
    bar[0] = '[';
    for (unsigned i = 0; i < BAR_CELLS; i++) {
        bar[1 + i] = i < full ? '=' : i == full ? '>' : ' ';
    }
    snprintf(bar + 1 + BAR_CELLS, sizeof(bar) - 1 - BAR_CELLS, "] %3u%%  ",
             (unsigned)(share * 100.0));
    return add(to, size, at, bar);
}

static size_t add_left(char *to, size_t size, size_t at, uint64_t done, uint64_t total,
                       uint64_t elapsed_ms)
{
    char left[48];
    double ms = (double)(total - done) * (double)elapsed_ms / (double)done;
    if (ms > LEFT_MS_MAX) {
        return at;
    }
    uint64_t seconds = (uint64_t)(ms / 1000.0 + 0.5);
    uint64_t hours = seconds / 3600;
    if (hours > 0) {
        snprintf(left, sizeof(left), "  %llu:%02u:%02u left", (unsigned long long)hours,
                 (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    } else {
        snprintf(left, sizeof(left), "  %u:%02u left", (unsigned)(seconds / 60),
                 (unsigned)(seconds % 60));
    }
    return add(to, size, at, left);
}

void progress_render(char *to, size_t size, const char *verb, uint64_t items, uint64_t done,
                     uint64_t total, uint64_t elapsed_ms)
{
    char count[PROGRESS_COUNT_SIZE];
    size_t at = add(to, size, 0, verb);
    at = add(to, size, at, "  ");
    if (total > 0) {
        at = add_bar(to, size, at, done, total);
    }
    at = add(to, size, at, progress_items(count, items));
    if (elapsed_ms < RATE_FROM_MS) {
        return;
    }
    double rate = (double)items * 1000.0 / (double)elapsed_ms;
    at = add(to, size, at, "  ");
    at = add(to, size, at, progress_count(count, (uint64_t)rate));
    at = add(to, size, at, "/s");
    if (done > 0 && done < total) {
        (void)add_left(to, size, at, done, total, elapsed_ms);
    }
}

void progress_init(struct progress *p, const struct cli_args *args, struct weir_env *env,
                   const char *verb, uint64_t total)
{
    *p = (struct progress){.verb = verb,
                           .shown = cli_progress(args),
                           .env = env,
                           .begun_ns = env_mono_ns(env),
                           .total = total};
}

uint64_t progress_elapsed_ms(const struct progress *p)
{
    return (env_mono_ns(p->env) - p->begun_ns) / 1000000u;
}

void progress_update(struct progress *p, uint64_t items, uint64_t done)
{
    char line[LINE_SIZE];
    uint64_t now = p->shown ? env_mono_ns(p->env) : 0;
    if (!p->shown || (p->drawn_ns != 0 && now - p->drawn_ns < REDRAW_NS)) {
        return;
    }
    p->drawn_ns = now;
    progress_render(line, sizeof(line), p->verb, items, done, p->total, progress_elapsed_ms(p));
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->shown && p->drawn_ns != 0) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
    }
}
