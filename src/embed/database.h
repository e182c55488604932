/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EMBED_DATABASE_H
#define WEIR_EMBED_DATABASE_H

/*
 * An engine in this process with its store, its committer thread and its API. One in memory belongs
 * to one client; one on disk is shared by all clients of the process that name the same folder,
 * since the folder can be locked only once.
 */

#include "api/api.h"

struct embed_database;

enum weir_status embed_database_memory(struct weir_env *env, struct embed_database **ret_database,
                                       struct weir_error *err);
/* Creates the folder when only its parent is there. WEIR_CONFIG: it is open with another
 * durability; WEIR_LOCK_HELD, WEIR_CORRUPTION, WEIR_IO as kv_rocks_open. */
enum weir_status embed_database_file(const char *path, enum kv_durability durability,
                                     struct weir_env *env, struct embed_database **ret_database,
                                     struct weir_error *err);
/* Gives it back; the last one closes it. No call of the giver's may be under way. */
void embed_database_release(struct embed_database *database);

struct api *embed_database_api(struct embed_database *database);

#endif
