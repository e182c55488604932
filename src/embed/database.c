/* SPDX-License-Identifier: Apache-2.0 */
/* The table of open databases: opening and closing happen under its lock, so that a client which
 * opens a folder waits for another that is just closing it. */
#include "embed/database.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

struct embed_database {
    struct embed_database *next; /* in the table */
    char *path;                  /* resolved; NULL: in memory */
    enum kv_durability durability;
    struct engine *engine;
    struct api *api;
    unsigned refs; /* under table_mu */
};

static pthread_mutex_t table_mu = PTHREAD_MUTEX_INITIALIZER;
static struct embed_database *table; /* under table_mu: those on disk */

static void database_close(struct embed_database *database)
{
    if (database->engine != NULL) {
        engine_committer_stop(database->engine);
    }
    api_free(database->api);
    engine_close(database->engine);
    free(database->path);
    free(database);
}

/* Takes the store over. */
static enum weir_status database_start(struct embed_database *database, struct kv *take_kv,
                                       struct kv_opened opened, struct weir_env *env,
                                       struct weir_error *err)
{
    struct engine_options options = {.kv = take_kv, .opened = opened, .env = env};
    enum weir_status status = engine_open(&options, &database->engine, err);
    if (status != WEIR_OK) {
        return status;
    }
    database->api = api_new(database->engine);
    if (database->api == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for an engine");
    }
    return engine_committer_start(database->engine, err);
}

static struct embed_database *database_new(struct weir_error *err)
{
    struct embed_database *database = calloc(1, sizeof(*database));
    if (database == NULL) {
        (void)error_set(err, WEIR_NO_MEMORY, "out of memory for an engine");
        return NULL;
    }
    database->refs = 1;
    return database;
}

enum weir_status embed_database_memory(struct weir_env *env, struct embed_database **ret_database,
                                       struct weir_error *err)
{
    struct kv *kv = NULL;
    struct embed_database *database = database_new(err);
    if (database == NULL) {
        return WEIR_NO_MEMORY;
    }
    enum weir_status status = kv_mem_open(&kv, err);
    if (status == WEIR_OK) {
        status = database_start(database, kv, (struct kv_opened){.created = true}, env, err);
    }
    if (status != WEIR_OK) {
        database_close(database);
        return status;
    }
    *ret_database = database;
    return WEIR_OK;
}

/* ---- on disk -----------------------------------------------------------------------------------
 */

/* @locks table_mu is held */
static struct embed_database *table_find(const char *path)
{
    struct embed_database *at = table;
    while (at != NULL && strcmp(at->path, path) != 0) {
        at = at->next;
    }
    return at;
}

/* @locks table_mu is held */
static enum weir_status table_open(const char *path, enum kv_durability durability,
                                   struct weir_env *env, struct embed_database **ret_database,
                                   struct weir_error *err)
{
    struct kv *kv = NULL;
    struct kv_opened opened = {0};
    struct embed_database *database = database_new(err);
    if (database == NULL) {
        return WEIR_NO_MEMORY;
    }
    database->durability = durability;
    database->path = strdup(path);
    enum weir_status status = database->path == NULL
                                  ? error_set(err, WEIR_NO_MEMORY, "out of memory for an engine")
                                  : kv_rocks_open(path, durability, &kv, &opened, err);
    if (status == WEIR_OK) {
        status = database_start(database, kv, opened, env, err);
    }
    if (status != WEIR_OK) {
        database_close(database);
        return status;
    }
    database->next = table;
    table = database;
    *ret_database = database;
    return WEIR_OK;
}

/* @locks table_mu is held */
static enum weir_status table_share(struct embed_database *database, enum kv_durability durability,
                                    struct weir_error *err)
{
    if (database->durability != durability) {
        return error_set(err, WEIR_CONFIG,
                         "%s is open in this process with durability=%s: it cannot be both",
                         database->path, database->durability == KV_SYNC ? "sync" : "relaxed");
    }
    database->refs++;
    return WEIR_OK;
}

enum weir_status embed_database_file(const char *path, enum kv_durability durability,
                                     struct weir_env *env, struct embed_database **ret_database,
                                     struct weir_error *err)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return error_set(err, WEIR_IO, "cannot create the folder %s: %s", path, strerror(errno));
    }
    char *resolved = realpath(path, NULL);
    if (resolved == NULL) {
        return error_set(err, WEIR_IO, "cannot open the folder %s: %s", path, strerror(errno));
    }
    pthread_mutex_lock(&table_mu);
    struct embed_database *database = table_find(resolved);
    enum weir_status status = database == NULL
                                  ? table_open(resolved, durability, env, &database, err)
                                  : table_share(database, durability, err);
    pthread_mutex_unlock(&table_mu);
    free(resolved);
    if (status == WEIR_OK) {
        *ret_database = database;
    }
    return status;
}

/* @locks table_mu is held */
static void table_remove(struct embed_database *database)
{
    struct embed_database **at = &table;
    while (*at != NULL && *at != database) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = database->next;
    }
}

void embed_database_release(struct embed_database *database)
{
    pthread_mutex_lock(&table_mu);
    if (--database->refs == 0) {
        table_remove(database);
        database_close(database);
    }
    pthread_mutex_unlock(&table_mu);
}

struct api *embed_database_api(struct embed_database *database)
{
    return database->api;
}
