/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target in builds without a fuzzer: runs it over every file of the folders
 * given as arguments, so that what a fuzzer once found stays found. Fails when there is no file.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return -1;
    }
    long size = ftell(file);
    rewind(file);
    /* A block of exactly the input's size, so that a read past it is seen. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    size_t got = data == NULL || size < 0 ? 0 : fread(data, 1, (size_t)size, file);
    int status = data != NULL && got == (size_t)size ? 0 : -1;
    (void)fclose(file);
    if (status == 0) {
        (void)printf("%s\n", path);
        (void)fflush(stdout);
        (void)LLVMFuzzerTestOneInput(data, got);
    }
    free(data);
    return status;
}

/* The number of files replayed, or -1. */
static int replay_folder(const char *folder)
{
    char path[PATH_MAX];
    int count = 0;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (len < 0 || (size_t)len >= sizeof(path) || replay_file(path) != 0) {
            count = -1;
            break;
        }
        count++;
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count < 0) {
            return EXIT_FAILURE;
        }
        total += count;
    }
    (void)printf("%d inputs replayed\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
