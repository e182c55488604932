/* SPDX-License-Identifier: Apache-2.0 */

/* What weir doctor asks the endpoint: step by step, so that the first that fails names the repair.
 * Runs in the command's thread of its own. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "aws/credentials.h"
#include "aws/probe.h"
#include "base/env.h"
#include "base/error.h"
#include "cli/doctor.h"
#include "cli/relay_setup.h"
#include "weir/engine.h"

#define REACHING "reaching it"
#define TABLES "tables"
#define SKEW_WARN_MS (60 * 1000)
#define SKEW_FAIL_MS (5 * 60 * 1000)
#define TABLES_MAX 32
#define ARENA_BYTES ((size_t)8 * 1024 * 1024)

/* ---- steps of the network -------------------------------------------------------------------- */

static void show_clock(struct doctor *doctor, const struct aws_probe *probe)
{
    int64_t skew_ms = env_wall_ms(env_system()) - probe->passed_ms / 2 - probe->date_ms;
    int64_t size_ms = skew_ms < 0 ? -skew_ms : skew_ms;
    enum doctor_state state = size_ms >= SKEW_FAIL_MS   ? DOCTOR_FAIL
                              : size_ms >= SKEW_WARN_MS ? DOCTOR_WARN
                                                        : DOCTOR_OK;
    if (probe->date_ms < 0) {
        doctor_add(doctor, REACHING, "clock", DOCTOR_NOTE, NULL,
                   "the server does not say what time it has");
        return;
    }
    doctor_add(doctor, REACHING, "clock", state,
               state == DOCTOR_OK ? NULL
                                  : "Set this machine's clock: signatures are refused from 5 "
                                    "minutes on.",
               size_ms < 2000 ? "within 2 s of the server's" : "%lld s %s the server's",
               (long long)(size_ms / 1000), skew_ms < 0 ? "behind" : "ahead of");
}

/* Whether the endpoint answers at all. */
static bool probe_endpoint(struct doctor *doctor)
{
    static const struct {
        const char *name, *repair;
    } steps[] = {
        [AWS_PROBE_NAME] = {"name", "Check the host's name, and this machine's name server."},
        [AWS_PROBE_CONNECT] = {"connection", "Check host and port, that the server runs, and "
                                             "firewalls and proxies between."},
        [AWS_PROBE_TLS] = {"TLS", "Check the scheme and the certificate; AWS_CA_BUNDLE names a "
                                  "file of further authorities."},
        [AWS_PROBE_ANSWER] = {"answer", "Check that the address is that of a DynamoDB endpoint."},
    };
    struct aws_probe probe;
    struct weir_error err = {0};
    const char *url = doctor->aws.endpoint;
    doctor_step(doctor, "reaching the endpoint");
    if (aws_probe(url, doctor->aws.ca_bundle, doctor->step_ms, &probe, &err) != WEIR_OK) {
        doctor->invalid = true;
        doctor_add(doctor, REACHING, "URL", DOCTOR_FAIL, "Correct the endpoint.", "%s",
                   err.message);
        return false;
    }
    bool tls = strncmp(url, "https:", 6) == 0;
    for (enum aws_probe_step step = AWS_PROBE_NAME; step < AWS_PROBE_DONE; step++) {
        if (step == probe.failed_at) {
            doctor_add(doctor, REACHING, steps[step].name, DOCTOR_FAIL, steps[step].repair, "%s",
                       probe.what);
            return false;
        }
        if (step == AWS_PROBE_CONNECT) {
            doctor_add(doctor, REACHING, steps[step].name, DOCTOR_OK, NULL, "%s", probe.address);
        } else if (step == AWS_PROBE_TLS && tls) {
            doctor_add(doctor, REACHING, steps[step].name, DOCTOR_OK, NULL,
                       "the certificate is trusted");
        } else if (step == AWS_PROBE_ANSWER) {
            doctor_add(doctor, REACHING, steps[step].name, DOCTOR_OK, NULL, "HTTP %d in %lld ms",
                       probe.http_status, (long long)probe.passed_ms);
        }
    }
    show_clock(doctor, &probe);
    return true;
}

/* ---- credentials ----------------------------------------------------------------------------- */

static enum weir_status fetch_credentials(struct doctor *doctor, struct aws_http *http,
                                          struct credentials **ret, struct weir_error *err)
{
    struct credentials_chain *chain = NULL;
    struct credentials_options options = {
        .env = env_system(),
        .settings = doctor->aws.settings,
        .http = http,
        .region = doctor->aws.region,
        .local = doctor->local,
        .process_timeout_ms = doctor->step_ms,
    };
    enum weir_status status = credentials_open(&options, &chain, err);
    if (status == WEIR_OK && credentials_none(chain)) {
        *ret = NULL;
    } else if (status == WEIR_OK) {
        status = credentials_get(chain, ret, err);
    }
    credentials_close(chain);
    return status;
}

static void show_set(struct doctor *doctor, const struct credentials *set)
{
    char key_id[DOCTOR_KEY_ID_MAX];
    char until[ISO8601_SIZE] = "no expiry";
    doctor_short_key_id(set->access_key_id, key_id);
    if (set->expires_ms != INT64_MAX) {
        iso8601_ms(set->expires_ms, until);
    }
    doctor_add(doctor, REACHING, "keys", DOCTOR_OK, NULL, "%s, from %s, %s%s", key_id,
               set->provider == NULL ? "the chain" : set->provider,
               set->expires_ms == INT64_MAX ? "" : "until ", until);
}

/* Whether requests can be signed, or need not be. */
static bool try_credentials(struct doctor *doctor)
{
    struct aws_http *http = NULL;
    struct credentials *set = NULL;
    struct weir_error err = {0};
    struct aws_http_options options = {.env = env_system(),
                                       .connect_timeout_ms = doctor->step_ms,
                                       .ca_bundle = doctor->aws.ca_bundle};
    doctor_step(doctor, "asking for credentials");
    enum weir_status status = aws_http_open(&options, &http, &err);
    if (status == WEIR_OK) {
        status = fetch_credentials(doctor, http, &set, &err);
    }
    if (status != WEIR_OK) {
        doctor_add(doctor, REACHING, "keys", DOCTOR_FAIL,
                   "Mend the chosen source above, or remove it so that a later one is asked.", "%s",
                   err.message);
    } else if (set == NULL) {
        doctor_add(doctor, REACHING, "keys", DOCTOR_NOTE, NULL, "none: requests are not signed");
    } else {
        show_set(doctor, set);
    }
    credentials_unref(set);
    aws_http_close(http);
    return status == WEIR_OK;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static enum weir_status call(struct arena *a, struct weir_client *client, const char *operation,
                             const char *request, struct weir_value **ret_answer,
                             struct weir_error *err)
{
    char *answer = NULL;
    size_t len = 0;
    enum weir_status status = weir_call(client, operation, strlen(operation), request,
                                        strlen(request), &answer, &len, err);
    if (status == WEIR_OK) {
        struct weir_bytes kept = arena_dup(a, bytes_of(answer, len));
        status = kept.ptr == NULL ? error_set(err, WEIR_NO_MEMORY, "no memory for an answer")
                                  : json_parse(a, kept, ret_answer, err);
    }
    weir_free(answer);
    return status;
}

/* Whether tables can be asked for. */
static bool list_tables(struct doctor *doctor, struct weir_client *client)
{
    struct weir_error err = {0};
    struct weir_value *answer = NULL;
    doctor_step(doctor, "listing tables");
    switch (call(doctor->arena, client, "ListTables", "{\"Limit\":1}", &answer, &err)) {
    case WEIR_OK:
        doctor_add(doctor, REACHING, "ListTables", DOCTOR_OK, NULL, "answered");
        return true;
    case WEIR_ACCESS_DENIED:
        doctor_add(doctor, REACHING, "ListTables", DOCTOR_WARN,
                   "Allow dynamodb:ListTables if table names shall be listed.",
                   "the credentials are accepted, but may not list tables");
        return true;
    case WEIR_BAD_CREDENTIALS:
    case WEIR_CREDENTIALS:
        doctor_add(doctor, REACHING, "ListTables", DOCTOR_FAIL,
                   "Check the chosen source's keys, their expiry, and the region.", "%s%s%s",
                   err.code, err.code[0] == '\0' ? "" : ": ", err.message);
        return false;
    default:
        doctor_add(doctor, REACHING, "ListTables", DOCTOR_FAIL,
                   "Check that the endpoint is one of DynamoDB's API.", "%s", err.message);
        return false;
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const char *text_at(struct arena *a, const struct weir_value *map, const char *name)
{
    const struct weir_value *value = value_get(map, name);
    return value == NULL || value->type != VALUE_S
               ? ""
               : arena_printf(a, "%.*s", BYTES_ARG(value->u.bytes));
}

static struct weir_value *describe(struct doctor *doctor, struct weir_client *client,
                                   const char *table, const char *absent_repair,
                                   enum doctor_state absent)
{
    struct weir_error err = {0};
    struct weir_value *answer = NULL;
    char *request = arena_printf(doctor->arena, "{\"TableName\":\"%s\"}", table);
    enum weir_status status =
        request == NULL ? error_set(&err, WEIR_NO_MEMORY, "no memory for a request")
                        : call(doctor->arena, client, "DescribeTable", request, &answer, &err);
    if (status == WEIR_RESOURCE_NOT_FOUND) {
        doctor_add(doctor, TABLES, table, absent, absent_repair, "there is no such table");
    } else if (status != WEIR_OK) {
        doctor_add(doctor, TABLES, table, DOCTOR_FAIL,
                   status == WEIR_ACCESS_DENIED ? "Allow dynamodb:DescribeTable on it."
                                                : "Check the name in weir.yaml.",
                   "%s", err.message);
    }
    return status == WEIR_OK ? (struct weir_value *)(uintptr_t)value_get(answer, "Table") : NULL;
}

static bool show_status(struct doctor *doctor, const char *table, const struct weir_value *found)
{
    const char *status = text_at(doctor->arena, found, "TableStatus");
    bool active = strcmp(status, "ACTIVE") == 0 || strcmp(status, "UPDATING") == 0;
    doctor_add(doctor, TABLES, table, active ? DOCTOR_OK : DOCTOR_FAIL,
               active ? NULL : "Wait until it is ACTIVE.", "%s", status);
    return active;
}

static void show_stream(struct doctor *doctor, struct weir_client *client, const char *table,
                        const struct weir_value *found)
{
    const struct weir_value *stream = value_get(found, "StreamSpecification");
    const struct weir_value *on = value_get(stream, "StreamEnabled");
    const char *view = text_at(doctor->arena, stream, "StreamViewType");
    bool has_new = strcmp(view, "NEW_AND_OLD_IMAGES") == 0 || strcmp(view, "NEW_IMAGE") == 0;
    char *name = arena_printf(doctor->arena, "%s: stream", table);
    if (on == NULL || on->type != VALUE_BOOL || !on->truth) {
        doctor_add(doctor, TABLES, name, DOCTOR_FAIL,
                   "Turn its stream on with the view type NEW_AND_OLD_IMAGES.",
                   "off: a relay has nothing to follow");
        return;
    }
    struct weir_error err = {0};
    struct weir_value *answer = NULL;
    char *request = arena_printf(doctor->arena, "{\"StreamArn\":\"%s\",\"Limit\":1}",
                                 text_at(doctor->arena, found, "LatestStreamArn"));
    if (call(doctor->arena, client, "DescribeStream", request, &answer, &err) != WEIR_OK) {
        doctor_add(doctor, TABLES, name, DOCTOR_FAIL,
                   "Check the endpoint of the streams (AWS_ENDPOINT_URL_DYNAMODB_STREAMS) and "
                   "dynamodb:DescribeStream.",
                   "%s", err.message);
        return;
    }
    doctor_add(doctor, TABLES, name, has_new ? DOCTOR_OK : DOCTOR_FAIL,
               has_new ? NULL : "Make the stream anew with the view type NEW_AND_OLD_IMAGES.",
               "%s%s", view, has_new ? "" : ": without the new image there is no message to carry");
}

static void show_ttl(struct doctor *doctor, struct weir_client *client, const char *table,
                     const char *wanted)
{
    struct weir_error err = {0};
    struct weir_value *answer = NULL;
    char *name = arena_printf(doctor->arena, "%s: TTL", table);
    char *request = arena_printf(doctor->arena, "{\"TableName\":\"%s\"}", table);
    if (call(doctor->arena, client, "DescribeTimeToLive", request, &answer, &err) != WEIR_OK) {
        doctor_add(doctor, TABLES, name, DOCTOR_WARN, "Allow dynamodb:DescribeTimeToLive on it.",
                   "%s", err.message);
        return;
    }
    const struct weir_value *ttl = value_get(answer, "TimeToLiveDescription");
    const char *status = text_at(doctor->arena, ttl, "TimeToLiveStatus");
    const char *attribute = text_at(doctor->arena, ttl, "AttributeName");
    if (strncmp(status, "ENABL", 5) != 0) {
        doctor_add(doctor, TABLES, name, DOCTOR_WARN,
                   "Turn TTL on, or set the outbox's retention to 0.",
                   "off: published rows stay for ever");
    } else if (strcmp(attribute, wanted) != 0) {
        doctor_add(doctor, TABLES, name, DOCTOR_WARN, "Set ttl_name to that attribute.",
                   "on for the attribute %s, not %s", attribute, wanted);
    } else {
        doctor_add(doctor, TABLES, name, DOCTOR_OK, NULL, "on, attribute %s", attribute);
    }
}

static void show_outbox(struct doctor *doctor, struct weir_client *client,
                        const struct weir_outbox_options *outbox)
{
    const char *table = outbox->table == NULL ? "outbox" : outbox->table;
    bool creates = outbox->no_create == 0;
    const struct weir_value *found = describe(
        doctor, client, table, creates ? "Nothing to do: its first use creates it." : "Create it.",
        creates ? DOCTOR_WARN : DOCTOR_FAIL);
    if (found != NULL && show_status(doctor, table, found)) {
        show_stream(doctor, client, table, found);
        if (outbox->retention_s >= 0) {
            show_ttl(doctor, client, table, outbox->ttl_name == NULL ? "ttl" : outbox->ttl_name);
        }
    }
}

/* The tables already looked at: an outbox of several relays is shown once. */
struct seen {
    const char *names[TABLES_MAX];
    unsigned count;
};

static bool is_new(struct seen *seen, const char *table)
{
    for (unsigned i = 0; i < seen->count; i++) {
        if (strcmp(seen->names[i], table) == 0) {
            return false;
        }
    }
    if (seen->count == TABLES_MAX) {
        return false;
    }
    seen->names[seen->count++] = table;
    return true;
}

static void show_relay_tables(struct doctor *doctor, struct weir_client *client, uint32_t index,
                              struct seen *seen)
{
    struct weir_outbox_options outbox = WEIR_OUTBOX_OPTIONS_INIT;
    char path[64];
    snprintf(path, sizeof(path), "relays[%u].from.outbox", index);
    outbox.table = config_text(doctor->config, path);
    if (is_new(seen, outbox.table == NULL ? "outbox" : outbox.table)) {
        show_outbox(doctor, client, &outbox);
    }
    snprintf(path, sizeof(path), "relays[%u].position_table", index);
    const char *positions = config_text(doctor->config, path);
    positions = positions == NULL ? "weir-positions" : positions;
    if (is_new(seen, positions)) {
        const struct weir_value *found = describe(
            doctor, client, positions, "Nothing to do: the relay creates it.", DOCTOR_WARN);
        if (found != NULL) {
            (void)show_status(doctor, positions, found);
        }
    }
}

static void show_tables(struct doctor *doctor, struct weir_client *client)
{
    struct seen seen = {.count = 0};
    doctor_step(doctor, "looking at tables");
    for (uint32_t i = 0; i < config_count(doctor->config, "outboxes"); i++) {
        struct weir_outbox_options outbox;
        struct weir_error err = {0};
        enum weir_status status =
            outbox_setup_read(doctor->arena, doctor->config, i, &outbox, &err);
        if (status == WEIR_OK && is_new(&seen, outbox.table == NULL ? "outbox" : outbox.table)) {
            show_outbox(doctor, client, &outbox);
        }
    }
    for (uint32_t i = 0; i < config_count(doctor->config, "relays"); i++) {
        show_relay_tables(doctor, client, i, &seen);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static void ask_client(struct doctor *doctor)
{
    struct weir_client *client = NULL;
    struct weir_error err = {0};
    struct weir_client_options options = doctor->options;
    options.timeout_ms = options.connect_timeout_ms = doctor->step_ms;
    options.max_attempts = 1;
    doctor_step(doctor, "opening the endpoint");
    enum weir_status status = weir_engine_register(&err);
    if (status == WEIR_OK) {
        status = weir_client_open(&options, &client, &err);
    }
    if (status != WEIR_OK) {
        doctor_add(doctor, REACHING, "client", DOCTOR_FAIL,
                   status == WEIR_LOCK_HELD ? "Use the endpoint of the process that holds it."
                                            : "Mend what the message names.",
                   "%s", err.message);
    } else if (list_tables(doctor, client)) {
        show_tables(doctor, client);
    }
    weir_client_close(client);
}

/* Opening a store makes its folder; looking at one must not. */
static bool folder_is_there(struct doctor *doctor)
{
    const char *url = doctor->options.endpoint_url;
    if (strncmp(url, "file:", 5) != 0) {
        return true;
    }
    char *path = arena_printf(doctor->arena, "%.*s", (int)strcspn(url + 5, "?"), url + 5);
    struct stat found;
    if (path != NULL && stat(path, &found) == 0) {
        return true;
    }
    doctor_add(doctor, REACHING, "folder", DOCTOR_NOTE, NULL,
               "%s: not there; its first use makes it", url + 5);
    return false;
}

void doctor_live(struct doctor *doctor)
{
    bool asks = doctor->aws.endpoint != NULL
                    ? probe_endpoint(doctor) && try_credentials(doctor)
                    : doctor->options.endpoint_url != NULL && folder_is_there(doctor);
    if (asks) {
        ask_client(doctor);
    }
    doctor_sinks(doctor);
}
