/* SPDX-License-Identifier: Apache-2.0 */
/* A client's handle as those see it who did not open it: what it belongs to, and who is the last to
 * leave. Apart from opening, so that libweir-relay takes in neither the schemes nor HTTP. */
#include "client/client_internal.h"

#include "base/error.h"

#include <stdlib.h>

uint64_t client_interface(void)
{
    return CLIENT_INTERFACE + ((uint64_t)sizeof(struct weir_client) << 16);
}

static unsigned version_part(uint64_t interface, unsigned shift)
{
    return (unsigned)(interface >> shift) & 0xff;
}

enum weir_status client_refuse(uint64_t of_libweir, uint64_t of_other, struct weir_error *err)
{
    return error_set(err, WEIR_CONFIG,
                     "libweir is %u.%u.%u (%08x), and the library of weir beside it %u.%u.%u "
                     "(%08x): install libweir, libweir-engine and libweir-relay of one build",
                     version_part(of_libweir, 48), version_part(of_libweir, 40),
                     version_part(of_libweir, 32), (unsigned)(of_libweir & UINT32_MAX),
                     version_part(of_other, 48), version_part(of_other, 40),
                     version_part(of_other, 32), (unsigned)(of_other & UINT32_MAX));
}

enum weir_status client_check(const struct weir_client *client, struct weir_error *err)
{
    return client->interface == client_interface()
               ? WEIR_OK
               : client_refuse(client->interface, client_interface(), err);
}

void client_ref(struct weir_client *client)
{
    pthread_mutex_lock(&client->mu);
    client->refs++;
    pthread_mutex_unlock(&client->mu);
}

void client_unref(struct weir_client *client)
{
    pthread_mutex_lock(&client->mu);
    bool last = --client->refs == 0;
    pthread_mutex_unlock(&client->mu);
    if (last) {
        pace_fini(&client->pace);
        (void)pthread_cond_destroy(&client->changed);
        (void)pthread_mutex_destroy(&client->mu);
        free(client);
    }
}

uint32_t client_max_attempts(const struct weir_client *client)
{
    return client->max_attempts;
}

struct weir_env *client_env(struct weir_client *client)
{
    return client->env;
}
