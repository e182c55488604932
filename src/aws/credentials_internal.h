/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_CREDENTIALS_INTERNAL_H
#define WEIR_AWS_CREDENTIALS_INTERNAL_H

/*
 * What the sources share. A source answers two questions: whether the settings name it (find: pure,
 * no traffic), and what it gives (fetch: on the chain's thread, may take seconds).
 */

#include "aws/credentials.h"
#include "base/buf.h"
#include "value/value.h"

#include <pthread.h>

/* Whose settings are asked. */
struct credentials_scope {
    const struct aws_settings *settings;
    const char *profile;
    bool with_environment; /* false for the source profile of a role, and for an explicit one */
};

/* ---- fetching -------------------------------------------------------------------------------- */

/* What fetch needs of the outside, and how a close reaches a fetch under way. */
struct credentials_fetch {
    /* Immutable after init. */
    struct weir_env *env;
    struct aws_http *http;
    const struct aws_settings *settings;
    const char *region;
    uint32_t process_timeout_ms;

    /* The chain's thread only. */
    bool renewing; /* there were credentials before */

    pthread_mutex_t mu;
    pthread_cond_t over;
    struct aws_http_request *call; /* under mu; NULL: none under way */
    atomic_bool stopped;
};
void fetch_init(struct credentials_fetch *fetch, const struct credentials_options *options);
void fetch_fini(struct credentials_fetch *fetch);
/* The fetch under way, and each later one, ends with WEIR_CLOSED. @thread any */
void fetch_stop(struct credentials_fetch *fetch);

struct fetch_call {
    const char *method; /* "GET", "PUT", "POST" */
    const char *url;
    struct sigv4_header headers[3];
    size_t header_count;
    struct weir_bytes body;
    const struct credentials *signs; /* NULL: unsigned */
    const char *service;             /* for the signature */
    uint32_t timeout_ms;
    bool direct; /* never by way of a proxy */

    int http_status;   /* out */
    struct buf answer; /* out; fetch_call_fini forgets and frees it */
};
#define FETCH_ANSWER_BYTES_MAX ((size_t)64 * 1024)

/* OK: a whole answer came, whatever it says. `who` begins messages: "STS". */
enum weir_status fetch_run(struct credentials_fetch *fetch, struct fetch_call *call,
                           const char *who, struct weir_error *err);
void fetch_call_fini(struct fetch_call *call);
/* What a refusal means when its body does not: 429 and 5xx may be asked again. */
enum weir_status fetch_status_of(int http_status);

/* Reads a small file; `what` names it in messages. Trailing line ends are cut. WEIR_CREDENTIALS. */
enum weir_status fetch_file(const char *path, size_t bytes_max, const char *what, struct buf *to,
                            struct weir_error *err);
/* Overwrites, then frees. */
void secret_buf_fini(struct buf *secret);
void secret_free(char *secret);

/* Printable ASCII without blanks: it goes into a header. */
bool secret_is_sendable(struct weir_bytes text);

/* The names of the parts in a JSON object. */
struct credentials_names {
    const char *access_key_id, *secret_access_key, *session_token, *expiration;
    bool token_required;
    bool expiration_required;
    bool version_1; /* "Version": 1 must be there */
};
/* What the services beside a machine and beside a container answer with. */
extern const struct credentials_names credentials_names_service;
/* A set from a JSON text: `member` names the object inside it, NULL: the whole. Messages name what
 * is missing, never what is there. WEIR_PROTOCOL, WEIR_NO_MEMORY. */
enum weir_status credentials_from_json(struct weir_bytes text, const char *member,
                                       const struct credentials_names *names, const char *who,
                                       struct credentials **ret, struct weir_error *err);
/* Copies. A session token of length 0 is none. */
enum weir_status credentials_new(struct weir_bytes access_key_id,
                                 struct weir_bytes secret_access_key,
                                 struct weir_bytes session_token, int64_t expires_ms,
                                 struct credentials **ret, struct weir_error *err);

/* ISO 8601 with seconds, a fraction or none, and Z, UTC, an offset or nothing (then UTC). */
bool time_parse(struct weir_bytes text, int64_t *ret_wall_ms);

/* name=value of a query or form, percent-encoded, with '&' before all but the first. */
void query_put(struct buf *to, const char *name, struct weir_bytes value);

/* ---- STS ------------------------------------------------------------------------------------- */

/* Sends a form and reads the set from the answer; `signs` NULL: unsigned. */
enum weir_status sts_call(struct credentials_fetch *fetch, const struct credentials *signs,
                          struct buf *form, struct credentials **ret, struct weir_error *err);
/* The common beginning of both forms. */
void sts_form(struct buf *form, const char *action, const char *role_arn, const char *session,
              struct weir_env *env);

/* ---- sources --------------------------------------------------------------------------------- */

#define FINDING_MAX sizeof(((struct credentials_finding *)0)->why)

struct credentials_provider {
    const char *name; /* botocore's */
    bool of_profile;  /* a source profile may have it */
    bool at_hand;     /* static keys: no traffic, nothing to refresh */
    /* Whether it is configured; `why` says what is, or what is not. Errors as credentials_open. */
    enum weir_status (*find)(const struct credentials_scope *scope, bool *ret_found,
                             char why[FINDING_MAX], struct weir_error *err);
    enum weir_status (*fetch)(struct credentials_fetch *fetch,
                              const struct credentials_scope *scope, struct credentials **ret,
                              struct weir_error *err);
};

extern const struct credentials_provider credentials_environment;
extern const struct credentials_provider credentials_role;
extern const struct credentials_provider credentials_web;
extern const struct credentials_provider credentials_sso;
extern const struct credentials_provider credentials_shared_file;
extern const struct credentials_provider credentials_login;
extern const struct credentials_provider credentials_process;
extern const struct credentials_provider credentials_config_file;
extern const struct credentials_provider credentials_container;
extern const struct credentials_provider credentials_instance;

/* The table in order; NULL after the last. */
const struct credentials_provider *credentials_provider_at(size_t index);

/* The first source of the scope's profile, or NULL: what a role's source profile gives. */
enum weir_status credentials_profile_provider(const struct credentials_scope *scope,
                                              const struct credentials_provider **ret_provider,
                                              struct weir_error *err);

/* The address that the container source asks, checked; the caller's. */
enum weir_status container_address(const struct aws_settings *settings, char **ret_url,
                                   struct weir_error *err);

/* Words as a POSIX shell splits them: quotes and backslashes, nothing else. The words are in
 * `text`'s place, `words` is ended by NULL. False: a quote is open, or there are more than `max`.
 */
bool process_split(char *text, char **words, size_t max);

#endif
