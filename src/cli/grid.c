/* SPDX-License-Identifier: Apache-2.0 */

/* A table of text for people. */

#include "cli/grid.h"

#include <string.h>

#define FIRST_ROOM 64

void grid_init(struct grid *g, struct arena *a, unsigned right, const char *const *head)
{
    *g = (struct grid){.arena = a, .right = right};
    for (; head[g->columns] != NULL; g->columns++) {
        grid_add(g, head[g->columns]);
    }
}

static bool grow(struct grid *g)
{
    size_t room = g->room == 0 ? FIRST_ROOM : 2 * g->room;
    const char **cells = ARENA_ARRAY(g->arena, const char *, room);
    if (cells == NULL) {
        g->failed = true;
        return false;
    }
    if (g->count > 0) {
        memcpy(cells, g->cells, g->count * sizeof(cells[0]));
    }
    g->cells = cells;
    g->room = room;
    return true;
}

void grid_add(struct grid *g, const char *text)
{
    if (g->count < g->room || grow(g)) {
        g->cells[g->count++] = text == NULL ? "-" : text;
    }
}

void grid_add_number(struct grid *g, int64_t number)
{
    grid_add(g, arena_printf(g->arena, "%lld", (long long)number));
}

static size_t width_of(const struct grid *g, unsigned column)
{
    size_t width = 0;
    for (size_t i = column; i < g->count; i += g->columns) {
        size_t len = strlen(g->cells[i]);
        width = len > width ? len : width;
    }
    return width;
}

void grid_write(const struct grid *g, struct buf *to)
{
    size_t width[GRID_COLUMNS_MAX] = {0};
    for (unsigned column = 0; column < g->columns; column++) {
        width[column] = width_of(g, column);
    }
    for (size_t i = 0; i < g->count; i++) {
        unsigned column = (unsigned)(i % g->columns);
        bool last = column + 1 == g->columns;
        if ((g->right >> column & 1) != 0) {
            buf_printf(to, "%*s%s", (int)width[column], g->cells[i], last ? "\n" : "  ");
        } else if (last) {
            buf_printf(to, "%s\n", g->cells[i]);
        } else {
            buf_printf(to, "%-*s  ", (int)width[column], g->cells[i]);
        }
    }
    if (g->failed && buf_status(to) == WEIR_OK) {
        to->status = WEIR_NO_MEMORY;
    }
}
