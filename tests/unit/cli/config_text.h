/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_CLI_CONFIG_TEXT_H
#define WEIR_TEST_CLI_CONFIG_TEXT_H

/* weir.yaml from a text: a file of the test's own, read as the program reads it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/config.h"

#define TEST_ARENA_BYTES (16 * 1024 * 1024)

struct config_file {
    char path[64];
    struct arena *arena;
};

static inline void config_file_open(struct config_file *file)
{
    (void)snprintf(file->path, sizeof(file->path), "/tmp/weir-config-XXXXXX");
    int fd = mkstemp(file->path);
    assert_true(fd >= 0);
    (void)close(fd);
    file->arena = arena_new(TEST_ARENA_BYTES);
    assert_non_null(file->arena);
}

static inline void config_file_close(struct config_file *file)
{
    (void)unlink(file->path);
    arena_free(file->arena);
}

static inline enum weir_status config_file_load(struct config_file *file, const void *text,
                                                size_t len, struct config **ret_config,
                                                struct weir_error *err)
{
    FILE *to = fopen(file->path, "wb");
    assert_non_null(to);
    assert_int_equal(fwrite(text, 1, len, to), len);
    assert_int_equal(fclose(to), 0);
    arena_reset(file->arena);
    *ret_config = NULL;
    *err = (struct weir_error){0};
    return config_load(file->arena, file->path, ret_config, err);
}

#endif
