/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sources, the choice among them, and the set that is good now: see credentials.h. */
#include "aws/credentials_internal.h"

#include "base/error.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* As botocore: from 15 minutes before the end a new set is wanted, from 10 on it is needed. */
#define ADVISORY_MS ((int64_t)15 * 60 * 1000)
#define MANDATORY_MS ((int64_t)10 * 60 * 1000)
#define ADVISORY_PAUSE_MS ((int64_t)60 * 1000)

static const struct credentials_provider *const providers[] = {
    &credentials_environment, &credentials_role,     &credentials_web,     &credentials_sso,
    &credentials_shared_file, &credentials_login,    &credentials_process, &credentials_config_file,
    &credentials_container,   &credentials_instance,
};
#define PROVIDERS (sizeof(providers) / sizeof(providers[0]))
_Static_assert(PROVIDERS <= CREDENTIALS_PROVIDERS_MAX, "a finding for each source");

struct credentials_chain {
    /* Immutable after open. */
    struct weir_env *env;
    struct aws_settings *settings;
    char *region;
    struct credentials_scope scope;
    const struct credentials_provider *chosen; /* NULL: none */
    bool has_thread;
    pthread_t thread;

    struct credentials_fetch fetch;

    pthread_mutex_t mu;
    pthread_cond_t changed;             /* wanted or closed */
    struct credentials *current;        /* under mu; NULL: none yet */
    struct credentials_waiter *waiting; /* under mu */
    int64_t not_before_ms;              /* under mu; of the next advisory fetch */
    bool wanted;                        /* under mu */
    bool fetching;                      /* under mu */
    bool closed;                        /* under mu */
};

/* ---- the choice --------------------------------------------------------------------------------
 */

static struct credentials_scope whole_scope(const struct aws_settings *settings)
{
    return (struct credentials_scope){
        .settings = settings,
        .profile = settings_profile_view(settings),
        .with_environment = !settings_profile_is_explicit(settings),
    };
}

static enum weir_status choose(const struct credentials_scope *scope, bool local, bool of_profile,
                               const struct credentials_provider **ret_chosen,
                               struct weir_error *err)
{
    char why[FINDING_MAX];
    *ret_chosen = NULL;
    for (size_t i = 0; i < PROVIDERS; i++) {
        bool found = false;
        if ((local && !providers[i]->at_hand) || (of_profile && !providers[i]->of_profile)) {
            continue;
        }
        enum weir_status status = providers[i]->find(scope, &found, why, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (found) {
            *ret_chosen = providers[i];
            return WEIR_OK;
        }
    }
    return WEIR_OK;
}

enum weir_status credentials_profile_provider(const struct credentials_scope *scope,
                                              const struct credentials_provider **ret_provider,
                                              struct weir_error *err)
{
    return choose(scope, false, true, ret_provider, err);
}

static enum credentials_choice explain_one(const struct credentials_provider *provider,
                                           const struct credentials_scope *scope, bool local,
                                           bool chosen_before, char why[FINDING_MAX])
{
    struct weir_error err = {0};
    bool found = false;
    if (local && !provider->at_hand) {
        (void)snprintf(why, FINDING_MAX, "not asked for a server on this machine");
        return CREDENTIALS_ABSENT;
    }
    if (provider->find(scope, &found, why, &err) != WEIR_OK) {
        (void)snprintf(why, FINDING_MAX, "%s", err.message);
        return CREDENTIALS_BROKEN;
    }
    if (!found) {
        return CREDENTIALS_ABSENT;
    }
    return chosen_before ? CREDENTIALS_SHADOWED : CREDENTIALS_CHOSEN;
}

/* A source that is broken ends the choice as one that is chosen does. */
size_t credentials_explain(const struct aws_settings *settings, bool local,
                           struct credentials_finding findings[CREDENTIALS_PROVIDERS_MAX])
{
    struct credentials_scope scope = whole_scope(settings);
    bool over = false;
    for (size_t i = 0; i < PROVIDERS; i++) {
        findings[i] = (struct credentials_finding){.provider = providers[i]->name};
        findings[i].choice = explain_one(providers[i], &scope, local, over, findings[i].why);
        over |= findings[i].choice != CREDENTIALS_ABSENT;
    }
    return PROVIDERS;
}

/* ---- the set that is good now ------------------------------------------------------------------
 */

static struct credentials *ref(struct credentials *credentials)
{
    (void)atomic_fetch_add(&credentials->refs, 1);
    return credentials;
}

/* How long the current set is good. @locks held: chain->mu */
static int64_t left_ms(const struct credentials_chain *chain)
{
    if (chain->current == NULL) {
        return 0;
    }
    int64_t expires_ms = chain->current->expires_ms;
    return expires_ms == INT64_MAX ? INT64_MAX : expires_ms - env_wall_ms(chain->env);
}

/* @locks held: chain->mu */
static void want(struct credentials_chain *chain)
{
    if (!chain->fetching) {
        chain->wanted = true;
        (void)pthread_cond_signal(&chain->changed);
    }
}

bool credentials_none(const struct credentials_chain *chain)
{
    return chain->chosen == NULL;
}

struct credentials *credentials_peek(struct credentials_chain *chain)
{
    struct credentials *found = NULL;
    pthread_mutex_lock(&chain->mu);
    int64_t left = left_ms(chain);
    if (left >= MANDATORY_MS) {
        found = ref(chain->current);
    }
    if (found != NULL && left < ADVISORY_MS && env_wall_ms(chain->env) >= chain->not_before_ms) {
        want(chain);
    }
    pthread_mutex_unlock(&chain->mu);
    return found;
}

void credentials_wait(struct credentials_chain *chain, struct credentials_waiter *waiter)
{
    pthread_mutex_lock(&chain->mu);
    WEIR_ASSERT(chain->has_thread);
    waiter->listed = true;
    waiter->next = chain->waiting;
    chain->waiting = waiter;
    want(chain);
    pthread_mutex_unlock(&chain->mu);
}

bool credentials_unwait(struct credentials_chain *chain, struct credentials_waiter *waiter)
{
    pthread_mutex_lock(&chain->mu);
    bool listed = waiter->listed;
    for (struct credentials_waiter **at = &chain->waiting; listed && *at != NULL;
         at = &(*at)->next) {
        if (*at == waiter) {
            *at = waiter->next;
            waiter->listed = false;
            break;
        }
    }
    pthread_mutex_unlock(&chain->mu);
    return listed;
}

/* ---- the chain's thread ------------------------------------------------------------------------
 */

/* @locks held: chain->mu */
static struct credentials_waiter *take_waiting(struct credentials_chain *chain)
{
    struct credentials_waiter *list = chain->waiting;
    chain->waiting = NULL;
    for (struct credentials_waiter *at = list; at != NULL; at = at->next) {
        at->listed = false;
    }
    return list;
}

/* Takes the reference; NULL: the error. */
static void deliver(struct credentials_waiter *list, struct credentials *take_credentials,
                    const struct weir_error *err)
{
    while (list != NULL) {
        struct credentials_waiter *next = list->next;
        list->done(list, take_credentials == NULL ? NULL : ref(take_credentials), err);
        list = next;
    }
    credentials_unref(take_credentials);
}

static enum weir_status fetch_once(struct credentials_chain *chain, struct credentials **ret,
                                   struct weir_error *err)
{
    struct credentials *fresh = NULL;
    enum weir_status status = chain->chosen->fetch(&chain->fetch, &chain->scope, &fresh, err);
    if (status != WEIR_OK) {
        return status;
    }
    fresh->provider = chain->chosen->name;
    if (fresh->expires_ms <= env_wall_ms(chain->env)) {
        credentials_unref(fresh);
        return error_set(err, WEIR_CREDENTIALS,
                         "the credentials from %s had expired when they came: is this machine's "
                         "clock right?",
                         chain->chosen->name);
    }
    *ret = fresh;
    return WEIR_OK;
}

/* One flight: what it brings is for all who came until it was over. @locks held: chain->mu, but
 * while it fetches and delivers */
static void fly(struct credentials_chain *chain)
{
    struct credentials *fresh = NULL;
    struct weir_error err = {0};
    chain->wanted = false;
    chain->fetching = true;
    chain->fetch.renewing = chain->current != NULL;
    pthread_mutex_unlock(&chain->mu);
    enum weir_status status = fetch_once(chain, &fresh, &err);
    pthread_mutex_lock(&chain->mu);
    chain->fetching = false;
    struct credentials *old = NULL;
    if (status == WEIR_OK) {
        old = chain->current;
        chain->current = ref(fresh);
    }
    chain->not_before_ms = env_wall_ms(chain->env) + ADVISORY_PAUSE_MS;
    struct credentials_waiter *list = take_waiting(chain);
    pthread_mutex_unlock(&chain->mu);
    credentials_unref(old);
    deliver(list, fresh, &err);
    pthread_mutex_lock(&chain->mu);
}

static void *chain_thread(void *arg)
{
    struct credentials_chain *chain = arg;
    struct weir_error err = {0};
    pthread_mutex_lock(&chain->mu);
    while (!chain->closed) {
        if (chain->wanted) {
            fly(chain);
        } else {
            (void)pthread_cond_wait(&chain->changed, &chain->mu);
        }
    }
    struct credentials_waiter *list = take_waiting(chain);
    pthread_mutex_unlock(&chain->mu);
    (void)error_set(&err, WEIR_CLOSED, "the client was closed");
    deliver(list, NULL, &err);
    return NULL;
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

struct getter {
    struct credentials_waiter waiter;
    pthread_mutex_t mu;
    pthread_cond_t over;
    struct credentials *credentials;
    struct weir_error err;
    bool done;
};

static void getter_done(struct credentials_waiter *waiter, struct credentials *take_credentials,
                        const struct weir_error *error)
{
    struct getter *getter = (struct getter *)((char *)waiter - offsetof(struct getter, waiter));
    pthread_mutex_lock(&getter->mu);
    getter->credentials = take_credentials;
    getter->err = *error;
    getter->done = true;
    (void)pthread_cond_signal(&getter->over);
    pthread_mutex_unlock(&getter->mu);
}

static enum weir_status wait_for(struct credentials_chain *chain, struct credentials **ret,
                                 struct weir_error *err)
{
    struct getter getter = {.waiter = {.done = getter_done}};
    (void)pthread_mutex_init(&getter.mu, NULL);
    (void)pthread_cond_init(&getter.over, NULL);
    credentials_wait(chain, &getter.waiter);
    pthread_mutex_lock(&getter.mu);
    while (!getter.done) {
        (void)pthread_cond_wait(&getter.over, &getter.mu);
    }
    pthread_mutex_unlock(&getter.mu);
    (void)pthread_cond_destroy(&getter.over);
    (void)pthread_mutex_destroy(&getter.mu);
    if (getter.credentials == NULL) {
        if (err != NULL) {
            *err = getter.err;
        }
        return getter.err.status;
    }
    *ret = getter.credentials;
    return WEIR_OK;
}

enum weir_status credentials_get(struct credentials_chain *chain,
                                 struct credentials **ret_credentials, struct weir_error *err)
{
    if (credentials_none(chain)) {
        return error_set(err, WEIR_CREDENTIALS,
                         "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a "
                         "profile with keys, a role or SSO");
    }
    *ret_credentials = credentials_peek(chain);
    return *ret_credentials != NULL ? WEIR_OK : wait_for(chain, ret_credentials, err);
}

/* ---- open and close ----------------------------------------------------------------------------
 */

/* Signals are for the program's own threads. */
static enum weir_status thread_start(struct credentials_chain *chain, struct weir_error *err)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    chain->has_thread = pthread_create(&chain->thread, NULL, chain_thread, chain) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return chain->has_thread
               ? WEIR_OK
               : error_set(err, WEIR_NO_MEMORY, "no thread can be started for the credentials");
}

static struct credentials_chain *chain_new(const struct credentials_options *options)
{
    struct credentials_chain *chain = calloc(1, sizeof(*chain));
    if (chain == NULL) {
        return NULL;
    }
    chain->region = strdup(options->region);
    if (chain->region == NULL) {
        free(chain);
        return NULL;
    }
    chain->env = options->env;
    chain->settings = settings_ref(options->settings);
    chain->scope = whole_scope(chain->settings);
    fetch_init(&chain->fetch, options);
    chain->fetch.region = chain->region;
    (void)pthread_mutex_init(&chain->mu, NULL);
    (void)pthread_cond_init(&chain->changed, NULL);
    return chain;
}

enum weir_status credentials_open(const struct credentials_options *options,
                                  struct credentials_chain **ret_chain, struct weir_error *err)
{
    struct credentials_chain *chain = chain_new(options);
    if (chain == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for credentials");
    }
    enum weir_status status = choose(&chain->scope, options->local, false, &chain->chosen, err);
    if (status == WEIR_OK && chain->chosen != NULL) {
        status = chain->chosen->at_hand ? fetch_once(chain, &chain->current, err)
                                        : thread_start(chain, err);
    }
    if (status != WEIR_OK) {
        credentials_close(chain);
        return status;
    }
    *ret_chain = chain;
    return WEIR_OK;
}

void credentials_close(struct credentials_chain *chain)
{
    if (chain == NULL) {
        return;
    }
    if (chain->has_thread) {
        pthread_mutex_lock(&chain->mu);
        chain->closed = true;
        (void)pthread_cond_signal(&chain->changed);
        pthread_mutex_unlock(&chain->mu);
        fetch_stop(&chain->fetch);
        (void)pthread_join(chain->thread, NULL);
    }
    credentials_unref(chain->current);
    fetch_fini(&chain->fetch);
    (void)pthread_cond_destroy(&chain->changed);
    (void)pthread_mutex_destroy(&chain->mu);
    settings_unref(chain->settings);
    free(chain->region);
    free(chain);
}
