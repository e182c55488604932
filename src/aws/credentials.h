/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_CREDENTIALS_H
#define WEIR_AWS_CREDENTIALS_H

/*
 * Who signs: AWS's chain of credential sources, in botocore's order. The first source that the
 * settings name is the one; that choice is made at open, without any traffic. If that source then
 * fails, the failure is reported and no later source is tried, as it would sign for somebody else.
 *
 *     env ► assume-role ► web identity ► sso ► credentials file ► login ► process ► config file
 *         ► container ► instance metadata
 *
 * Sources that must ask somebody do so at the first request, on a thread of the chain's own, once
 * for everybody who waits (single flight):
 *
 *     peek ──► current, while it is good for 10 min or more
 *      │          └─ good for less than 15 min: a fetch begins beside it; if that fails, current
 *      ▼             stays. A minute passes before the next, whatever the last one brought
 *     wait ──► fetch ──► done() of all who wait, with the new ones or with the error
 */

#include "aws/http.h"
#include "aws/settings.h"

#include <stdatomic.h>

/* One set, immutable and shared. */
struct credentials {
    atomic_uint refs;
    char *access_key_id;
    char *secret_access_key;
    char *session_token;            /* NULL: none */
    int64_t expires_ms;             /* wall clock; INT64_MAX: never */
    const char *provider;           /* its name in the table; static */
    struct sigv4_credentials signs; /* views of the above */
};
void credentials_unref(struct credentials *credentials); /* accepts NULL */

/* ---- what there is --------------------------------------------------------------------------- */

enum credentials_choice {
    CREDENTIALS_CHOSEN,
    CREDENTIALS_SHADOWED, /* configured, but an earlier one was chosen */
    CREDENTIALS_ABSENT,   /* nothing configured, or not for this endpoint */
    CREDENTIALS_BROKEN,   /* configured wrongly */
};

struct credentials_finding {
    const char *provider; /* botocore's name: "assume-role"; static */
    enum credentials_choice choice;
    char why[256]; /* a sentence for people; never a secret */
};

#define CREDENTIALS_PROVIDERS_MAX 16

/*
 * Says of every source, in order, whether it is the one and why not. Sends nothing. `local`: for a
 * server on this machine (loopback, plain HTTP), where only keys at hand are used: environment and
 * files, and without them requests are not signed. Returns how many findings were written.
 */
size_t credentials_explain(const struct aws_settings *settings, bool local,
                           struct credentials_finding findings[CREDENTIALS_PROVIDERS_MAX]);

/* ---- the chain ------------------------------------------------------------------------------- */

struct credentials_options {
    struct weir_env *env;          /* outlives the chain */
    struct aws_settings *settings; /* referenced */
    struct aws_http *http;         /* outlives the chain */
    const char *region;            /* of the services that are asked (STS) */
    bool local;                    /* as in credentials_explain */
    uint32_t process_timeout_ms;   /* of a credential_process; 0: 60 000 */
};

struct credentials_chain;

/* Sends nothing. WEIR_CONFIG: the source that would be chosen is configured wrongly (half a key
 * pair, roles in a circle, ...); WEIR_UNSUPPORTED: it needs a person (a one-time code), or is one
 * that weir does not have; WEIR_NO_MEMORY. */
enum weir_status credentials_open(const struct credentials_options *options,
                                  struct credentials_chain **ret_chain, struct weir_error *err);
/* Ends what is under way: those who wait get WEIR_CLOSED. Nobody may be inside a function of the
 * chain but credentials_get. Accepts NULL. */
void credentials_close(struct credentials_chain *chain);

/* No source is configured at all: there is nothing to wait for. @thread any */
bool credentials_none(const struct credentials_chain *chain);

/* What can sign now, with a reference for the caller; NULL: wait. Never blocks. @thread any */
struct credentials *credentials_peek(struct credentials_chain *chain);

/* The caller's storage, zeroed but for done, until done() is called. */
struct credentials_waiter {
    /* Takes the reference over, or gets NULL and the error. Called once, on the chain's thread,
     * with no lock held. */
    void (*done)(struct credentials_waiter *waiter, struct credentials *take_credentials,
                 const struct weir_error *error);
    struct credentials_waiter *next;
    bool listed;
};
/* Asks for credentials; done() follows, never inside this call. Only when credentials_none is
 * false. @thread any */
void credentials_wait(struct credentials_chain *chain, struct credentials_waiter *waiter);
/* Takes the request back: true, and done() is never called; false: it was or is being called.
 * @thread any */
bool credentials_unwait(struct credentials_chain *chain, struct credentials_waiter *waiter);

/*
 * The two together, for callers that can wait: a reference for the caller. WEIR_CREDENTIALS: no
 * source is configured, or it refused; WEIR_CONFIG; WEIR_UNREACHABLE, WEIR_TIMEOUT, WEIR_THROTTLED,
 * WEIR_SERVER, WEIR_PROTOCOL: the service that gives them did not; WEIR_CLOSED.
 * @thread any but a loop's
 */
enum weir_status credentials_get(struct credentials_chain *chain,
                                 struct credentials **ret_credentials, struct weir_error *err);

#endif
