/* SPDX-License-Identifier: Apache-2.0 */

/* weir dedup check|claim|renew|complete|release|fail|forget: the deduplication store by hand and
 * from scripts, one message at a time. */

#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/limits.h"
#include "cli/cmd_dedup.h"

#define ARENA_BYTES ((size_t)4 * 1024 * 1024)

#define TOKEN_OPTION                                                   \
    {                                                                  \
        "token", 0, "TOKEN", "what weir dedup claim printed; required" \
    }
#define LEASE_OPTION                                                         \
    {                                                                        \
        "lease", 0, "TIME", "how long the claim holds: 500ms, 30s, 5m (60s)" \
    }

const struct cli_option cmd_dedup_check_options[] = {CLI_DEDUP_TABLE, {0}};
const struct cli_option cmd_dedup_claim_options[] = {
    CLI_DEDUP_TABLE,
    LEASE_OPTION,
    {"payload", 0, "TEXT", "refuse the same id with another payload; - : standard input"},
    {0},
};
const struct cli_option cmd_dedup_renew_options[] = {
    CLI_DEDUP_TABLE, TOKEN_OPTION, LEASE_OPTION, {0}};
const struct cli_option cmd_dedup_complete_options[] = {
    CLI_DEDUP_TABLE,
    TOKEN_OPTION,
    {"result", 0, "TEXT", "given to whoever claims it later; - : standard input"},
    {"retention", 0, "TIME", "how long it is remembered: 1h, 7d (1h)"},
    {0},
};
const struct cli_option cmd_dedup_release_options[] = {CLI_DEDUP_TABLE, TOKEN_OPTION, {0}};
const struct cli_option cmd_dedup_fail_options[] = {
    CLI_DEDUP_TABLE,
    TOKEN_OPTION,
    {"error", 0, "TEXT", "why it failed"},
    {"retry-after", 0, "TIME", "nobody may claim it for so long (0s)"},
    {0},
};
const struct cli_option cmd_dedup_forget_options[] = {CLI_DEDUP_TABLE, {0}};

/* ---- the store ------------------------------------------------------------------------------- */

enum weir_status dedup_session_open(struct dedup_session *s, const struct cli_args *args,
                                    bool create, struct weir_error *err)
{
    struct weir_dedup_options options = WEIR_DEDUP_OPTIONS_INIT;
    int64_t lease_ms = 0, retention_ms = 0;
    options.table = cli_get(args, "table");
    options.no_create = !create;
    options.local_cache_max = WEIR_DEDUP_NO_CACHE;
    enum weir_status status = cli_get_duration(args, "lease", 1, INT32_MAX, 0, &lease_ms, err);
    if (status == WEIR_OK) {
        status = cli_get_duration(args, "retention", 1000, RETENTION_MS_MAX, 0, &retention_ms, err);
    }
    options.lease_ms = (uint32_t)lease_ms;
    options.retention_s = retention_ms / 1000;
    if (status == WEIR_OK) {
        status = cli_open_client(args, NULL, &s->client, err);
    }
    return status == WEIR_OK ? weir_dedup_open(s->client, &options, &s->dedup, err) : status;
}

void dedup_session_close(struct dedup_session *s)
{
    weir_dedup_close(s->dedup);
    cli_close_client(s->client);
}

static enum weir_status take_id(const struct cli_args *args, struct weir_dedup_id *ret_id,
                                struct weir_error *err)
{
    if (args->word_count != 2) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "weir dedup %s WORKER MESSAGE: worker and message id are needed",
                         args->command->name);
    }
    *ret_id = (struct weir_dedup_id){args->words[0], strlen(args->words[0]), args->words[1],
                                     strlen(args->words[1])};
    return WEIR_OK;
}

static enum weir_status take_token(const struct cli_args *args, const char **ret_token,
                                   struct weir_error *err)
{
    *ret_token = cli_get(args, "token");
    if (*ret_token == NULL || strlen(*ret_token) != WEIR_CLAIM_TOKEN_SIZE - 1) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "--token is needed: the %d characters that weir dedup claim printed",
                         WEIR_CLAIM_TOKEN_SIZE - 1);
    }
    return WEIR_OK;
}

/* The bytes of an option's text, or of standard input for "-". */
static enum weir_status take_bytes(const struct cli_args *args, const char *option, struct buf *to,
                                   struct weir_text *ret_text, struct weir_error *err)
{
    const char *given = cli_get(args, option);
    if (given == NULL || strcmp(given, "-") != 0) {
        *ret_text = cli_text(given);
        return WEIR_OK;
    }
    char step[4096];
    size_t got;
    while (buf_status(to) == WEIR_OK && (got = fread(step, 1, sizeof(step), stdin)) > 0) {
        buf_put(to, bytes_of(step, got));
    }
    if (ferror(stdin)) {
        return error_set(err, WEIR_IO, "standard input cannot be read");
    }
    *ret_text = (struct weir_text){(const char *)to->ptr, to->len};
    return buf_status(to) == WEIR_OK
               ? WEIR_OK
               : error_set(err, WEIR_TOO_LARGE, "standard input is larger than an item of %d bytes",
                           LIMIT_ITEM_BYTES);
}

/* ---- check ----------------------------------------------------------------------------------- */

static void print_word(const struct cli_args *args, const char *name, const char *value)
{
    if (!cli_json(args)) {
        printf("%s\n", value);
        return;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, document, name, bytes_str(value));
    (void)(document != NULL && cli_print_json(document));
    arena_free(a);
}

int cmd_dedup_check(const struct cli_args *args)
{
    struct dedup_session s = {0};
    struct weir_dedup_id id;
    struct weir_error err = {0};
    int32_t duplicate = 0;
    enum weir_status status = take_id(args, &id, &err);
    if (status == WEIR_OK) {
        status = dedup_session_open(&s, args, false, &err);
    }
    if (status == WEIR_OK) {
        status = weir_dedup_check(s.dedup, &id, &duplicate, &err);
    }
    if (status == WEIR_OK) {
        print_word(args, "outcome", duplicate ? "duplicate" : "new");
    }
    dedup_session_close(&s);
    return status == WEIR_OK ? (duplicate ? cli_exit_code(WEIR_ALREADY_EXISTS) : 0)
                             : cli_fail(args, status, &err);
}

/* ---- claim ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum weir_status status; /* whose exit code it is */
} claim_outcomes[] = {
    [WEIR_CLAIM_ACQUIRED] = {"acquired", WEIR_OK},
    [WEIR_CLAIM_COMPLETED] = {"completed", WEIR_ALREADY_EXISTS},
    [WEIR_CLAIM_IN_PROGRESS] = {"in-progress", WEIR_LOCK_HELD},
    [WEIR_CLAIM_FAILED] = {"failed", WEIR_LOCK_HELD},
};

const char *dedup_outcome_name(enum weir_claim_outcome outcome)
{
    return claim_outcomes[outcome].name;
}

static void print_claim_json(const struct weir_claim *claim)
{
    char until[ISO8601_SIZE];
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, document, "outcome", bytes_str(dedup_outcome_name(claim->outcome)));
    if (claim->outcome == WEIR_CLAIM_ACQUIRED) {
        value_add_str(a, document, "token", bytes_str(claim->token));
        value_add_bool(a, document, "takenOver", claim->taken_over != 0);
    }
    if (claim->outcome != WEIR_CLAIM_COMPLETED) {
        iso8601_ms(claim->until_ms, until);
        value_add_str(a, document, "until", bytes_str(until));
    }
    if (claim->result != NULL) {
        struct buf base64;
        buf_init(&base64, (size_t)LIMIT_ITEM_BYTES * 2);
        buf_put_base64(&base64, bytes_of(claim->result, claim->result_len));
        value_add_str(a, document,
                      claim->outcome == WEIR_CLAIM_FAILED ? "errorBase64" : "resultBase64",
                      buf_bytes(&base64));
        (void)(document != NULL && cli_print_json(document));
        buf_fini(&base64);
    } else {
        (void)(document != NULL && cli_print_json(document));
    }
    arena_free(a);
}

/* The token, or the result, is the output; what else there is to say goes to stderr. */
static void print_claim(const struct weir_claim *claim)
{
    char until[ISO8601_SIZE];
    iso8601_ms(claim->until_ms, until);
    switch (claim->outcome) {
    case WEIR_CLAIM_ACQUIRED:
        printf("%s\n", claim->token);
        break;
    case WEIR_CLAIM_COMPLETED:
        fprintf(stderr, "weir: processed before\n");
        (void)cli_print_text(claim->result == NULL ? "" : claim->result, claim->result_len);
        break;
    case WEIR_CLAIM_IN_PROGRESS:
        fprintf(stderr, "weir: another claim holds it until %s\n", until);
        break;
    case WEIR_CLAIM_FAILED:
        fprintf(stderr, "weir: it failed, and may be claimed from %s\n", until);
        break;
    }
}

int cmd_dedup_claim(const struct cli_args *args)
{
    struct dedup_session s = {0};
    struct weir_claim_request request = {0};
    struct weir_claim claim = {0};
    struct weir_text payload = {0};
    struct weir_error err = {0};
    struct buf input;
    buf_init(&input, LIMIT_ITEM_BYTES);
    enum weir_status status = take_id(args, &request.id, &err);
    if (status == WEIR_OK) {
        status = take_bytes(args, "payload", &input, &payload, &err);
    }
    if (status == WEIR_OK) {
        status = dedup_session_open(&s, args, true, &err);
    }
    if (status == WEIR_OK) {
        request.payload = payload.ptr;
        request.payload_len = payload.len;
        status = weir_dedup_claim(s.dedup, &request, &claim, &err);
    }
    int code = 0;
    if (status == WEIR_OK) {
        code = cli_exit_code(claim_outcomes[claim.outcome].status);
        if (cli_json(args)) {
            print_claim_json(&claim);
        } else {
            print_claim(&claim);
        }
    }
    weir_free(claim.result);
    dedup_session_close(&s);
    buf_fini(&input);
    return status == WEIR_OK ? code : cli_fail(args, status, &err);
}

/* ---- the holder's moves ---------------------------------------------------------------------- */

/* What a move adds to id and token. */
struct move {
    const struct cli_args *args;
    struct weir_dedup *dedup;
    struct weir_dedup_id id;
    const char *token;
    struct buf input;
};

typedef enum weir_status (*move_run)(struct move *move, struct weir_error *err);

static int run_move(const struct cli_args *args, move_run run)
{
    struct dedup_session s = {0};
    struct move move = {.args = args};
    struct weir_error err = {0};
    buf_init(&move.input, LIMIT_ITEM_BYTES);
    enum weir_status status = take_id(args, &move.id, &err);
    if (status == WEIR_OK) {
        status = take_token(args, &move.token, &err);
    }
    if (status == WEIR_OK) {
        status = dedup_session_open(&s, args, false, &err);
    }
    if (status == WEIR_OK) {
        move.dedup = s.dedup;
        status = run(&move, &err);
    }
    dedup_session_close(&s);
    buf_fini(&move.input);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}

static enum weir_status renew(struct move *move, struct weir_error *err)
{
    int64_t until_ms = 0;
    char until[ISO8601_SIZE];
    enum weir_status status = weir_dedup_renew(move->dedup, &move->id, move->token, &until_ms, err);
    if (status == WEIR_OK) {
        iso8601_ms(until_ms, until);
        print_word(move->args, "until", until);
    }
    return status;
}

static enum weir_status complete(struct move *move, struct weir_error *err)
{
    struct weir_text result = {0};
    enum weir_status status = take_bytes(move->args, "result", &move->input, &result, err);
    return status == WEIR_OK ? weir_dedup_complete(move->dedup, &move->id, move->token, result.ptr,
                                                   result.len, err)
                             : status;
}

static enum weir_status release(struct move *move, struct weir_error *err)
{
    return weir_dedup_release(move->dedup, &move->id, move->token, err);
}

static enum weir_status fail(struct move *move, struct weir_error *err)
{
    const char *text = cli_get(move->args, "error");
    int64_t wait_ms = 0;
    enum weir_status status =
        cli_get_duration(move->args, "retry-after", 0, UINT32_MAX, 0, &wait_ms, err);
    return status == WEIR_OK
               ? weir_dedup_fail(move->dedup, &move->id, move->token, text == NULL ? "" : text,
                                 text == NULL ? 0 : strlen(text), (uint32_t)wait_ms, err)
               : status;
}

int cmd_dedup_renew(const struct cli_args *args)
{
    return run_move(args, renew);
}

int cmd_dedup_complete(const struct cli_args *args)
{
    return run_move(args, complete);
}

int cmd_dedup_release(const struct cli_args *args)
{
    return run_move(args, release);
}

int cmd_dedup_fail(const struct cli_args *args)
{
    return run_move(args, fail);
}

/* ---- forget ---------------------------------------------------------------------------------- */

int cmd_dedup_forget(const struct cli_args *args)
{
    struct dedup_session s = {0};
    struct weir_dedup_id id;
    struct weir_error err = {0};
    enum weir_status status = take_id(args, &id, &err);
    if (status == WEIR_OK) {
        status = dedup_session_open(&s, args, false, &err);
    }
    if (status == WEIR_OK) {
        status = weir_dedup_forget(s.dedup, &id, &err);
    }
    dedup_session_close(&s);
    return status == WEIR_OK ? 0 : cli_fail(args, status, &err);
}
