/* SPDX-License-Identifier: Apache-2.0 */

/* What weir doctor reads without asking anybody: which of all places decided on endpoint, region
 * and credentials, and why the others did not. */

#include <stdlib.h>
#include <string.h>

#include "aws/credentials.h"
#include "aws/http.h"
#include "cli/doctor.h"
#include "cli/relay_setup.h"

#define STEP_MS 3000
#define CONFIGURATION "configuration"
#define ENDPOINT "endpoint"
#define REGION "region"
#define CREDENTIALS "credentials"

/* ---- weir.yaml ------------------------------------------------------------------------------- */

static void read_config(struct doctor *doctor)
{
    struct weir_error err = {0};
    const char *path = cli_get(doctor->args, "config");
    enum weir_status status = cli_load_config(doctor->args, doctor->arena, &doctor->config, &err);
    if (status == WEIR_OK && doctor->config != NULL) {
        status = relay_setup_check(doctor->config, &err);
    }
    if (status != WEIR_OK) {
        doctor->config = NULL;
        doctor->invalid = true;
        doctor_add(doctor, CONFIGURATION, "weir.yaml", DOCTOR_FAIL,
                   "Mend the file; weir config keys lists what it may hold.", "%s", err.message);
    } else if (doctor->config == NULL) {
        doctor_add(doctor, CONFIGURATION, "weir.yaml", DOCTOR_NOTE, NULL,
                   "there is none in this folder: no outboxes, relays and sinks to look at");
    } else {
        doctor_add(doctor, CONFIGURATION, "weir.yaml", DOCTOR_OK, NULL,
                   "%s: %u outboxes, %u relays", path == NULL ? "weir.yaml" : path,
                   config_count(doctor->config, "outboxes"),
                   config_count(doctor->config, "relays"));
    }
}

/* ---- places in their order ------------------------------------------------------------------- */

/* One place that may decide; the first with a value does. */
struct place {
    const char *name;
    char *value;      /* freed; NULL: not set */
    const char *shut; /* why it does not count although it is set; NULL: it does */
};

static void show_places(struct doctor *doctor, const char *area, struct place *places, size_t count)
{
    const char *chosen = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct place *place = &places[i];
        if (place->value == NULL) {
            doctor_add(doctor, area, place->name, DOCTOR_NOTE, NULL, "not set");
        } else if (place->shut != NULL) {
            doctor_add(doctor, area, place->name, DOCTOR_NOTE, NULL, "%s: %s", place->value,
                       place->shut);
        } else if (chosen != NULL) {
            doctor_add(doctor, area, place->name, DOCTOR_NOTE, NULL, "%s: %s comes before it",
                       place->value, chosen);
        } else {
            chosen = place->name;
            doctor_add(doctor, area, place->name, DOCTOR_OK, NULL, "%s: chosen", place->value);
        }
        free(places[i].value);
    }
}

static char *copy(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

/* An environment variable as AWS's settings have it: an empty one is not set. */
static char *variable(const struct aws_settings *settings, const char *name)
{
    return settings == NULL ? NULL : copy(settings_env(settings, name));
}

static bool endpoints_are_ignored(const struct aws_settings *settings)
{
    char *ignore = settings == NULL
                       ? NULL
                       : settings_value(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                        "ignore_configured_endpoint_urls");
    bool ignored = setting_is_true(ignore);
    free(ignore);
    return ignored;
}

/* The profile's endpoint; where a services section has it and a variable comes before it, only the
 * section's name. */
static char *profile_endpoint(const struct aws_settings *settings)
{
    if (settings == NULL) {
        return NULL;
    }
    bool before = settings_env(settings, "AWS_ENDPOINT_URL_DYNAMODB") != NULL ||
                  settings_env(settings, "AWS_ENDPOINT_URL") != NULL;
    char *found =
        before ? NULL : settings_endpoint(settings, "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb");
    const char *profile = settings_profile_view(settings);
    found = found != NULL ? found : settings_of_config(settings, profile, "endpoint_url");
    return found != NULL ? found : settings_of_config(settings, profile, "services");
}

/* In the order of connect.c and aws/config.h; what came of it is aws.endpoint. */
static void show_endpoint(struct doctor *doctor)
{
    const struct aws_settings *settings = doctor->aws.settings;
    const char *off =
        endpoints_are_ignored(settings) ? "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true" : NULL;
    struct place places[] = {
        {"--endpoint-url", copy(cli_get(doctor->args, "endpoint-url")), NULL},
        {"AWS_ENDPOINT_URL_DYNAMODB", variable(settings, "AWS_ENDPOINT_URL_DYNAMODB"), off},
        {"AWS_ENDPOINT_URL", variable(settings, "AWS_ENDPOINT_URL"), off},
        {"weir.yaml", copy(config_text(doctor->config, "endpoint")), NULL},
        {"profile", profile_endpoint(settings), off},
        {"the region's own", copy(doctor->aws.endpoint), NULL},
    };
    size_t count = sizeof(places) / sizeof(places[0]);
    bool given = false;
    for (size_t i = 0; i + 1 < count; i++) {
        given |= places[i].value != NULL && places[i].shut == NULL;
    }
    if (given) {
        free(places[--count].value);
    }
    show_places(doctor, ENDPOINT, places, count);
}

static void show_region(struct doctor *doctor)
{
    const struct aws_settings *settings = doctor->aws.settings;
    struct place places[] = {
        {"--region", copy(cli_get(doctor->args, "region")), NULL},
        {"AWS_REGION", variable(settings, "AWS_REGION"), NULL},
        {"AWS_DEFAULT_REGION", variable(settings, "AWS_DEFAULT_REGION"), NULL},
        {"weir.yaml", copy(config_text(doctor->config, "region")), NULL},
        {"profile", settings_of_profile(settings, settings_profile_view(settings), "region"), NULL},
        {"of the endpoint", copy(doctor->aws.region), NULL},
    };
    size_t count = sizeof(places) / sizeof(places[0]);
    bool given = false;
    for (size_t i = 0; i + 1 < count; i++) {
        given |= places[i].value != NULL;
    }
    if (given) {
        free(places[--count].value);
    }
    show_places(doctor, REGION, places, count);
}

/* ---- credentials ----------------------------------------------------------------------------- */

static void show_credentials(struct doctor *doctor)
{
    static const struct {
        enum doctor_state state;
        const char *said, *repair;
    } says[] = {
        [CREDENTIALS_CHOSEN] = {DOCTOR_OK, "chosen", NULL},
        [CREDENTIALS_SHADOWED] = {DOCTOR_NOTE, "configured, but an earlier one was chosen", NULL},
        [CREDENTIALS_ABSENT] = {DOCTOR_NOTE, "not chosen", NULL},
        [CREDENTIALS_BROKEN] = {DOCTOR_FAIL, "configured wrongly",
                                "Complete it or remove it: no later source is asked."},
    };
    struct credentials_finding found[CREDENTIALS_PROVIDERS_MAX];
    size_t count = credentials_explain(doctor->aws.settings, doctor->local, found);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        any |= found[i].choice != CREDENTIALS_ABSENT;
        doctor_add(doctor, CREDENTIALS, found[i].provider, says[found[i].choice].state,
                   says[found[i].choice].repair, "%s: %s", says[found[i].choice].said,
                   found[i].why);
    }
    if (!any) {
        doctor_add(doctor, CREDENTIALS, "none", doctor->local ? DOCTOR_NOTE : DOCTOR_FAIL,
                   doctor->local ? NULL
                                 : "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile "
                                   "with keys, a role or SSO.",
                   doctor->local ? "no source has any; a server on this machine takes unsigned "
                                   "requests"
                                 : "no source has any");
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool is_in_process(const char *url)
{
    return strncmp(url, "file:", 5) == 0 || strncmp(url, "memory:", 7) == 0;
}

static bool is_local(const char *url)
{
    struct aws_endpoint endpoint = {0};
    struct weir_error err = {0};
    bool local =
        aws_endpoint_init(&endpoint, url, &err) == WEIR_OK && endpoint.loopback && !endpoint.tls;
    aws_endpoint_fini(&endpoint);
    return local;
}

static void read_aws(struct doctor *doctor)
{
    struct weir_error err = {0};
    const struct weir_client_options *o = &doctor->options;
    if (o->endpoint_url != NULL && is_in_process(o->endpoint_url)) {
        show_endpoint(doctor);
        doctor_add(doctor, ENDPOINT, "kind", DOCTOR_OK, NULL,
                   "weir's engine in this process: no region, no credentials, no network");
        return;
    }
    if (aws_config_load_profile(aws_environment_system(), o->profile, o->endpoint_url, o->region,
                                &doctor->aws, &err) != WEIR_OK) {
        doctor->invalid = true;
        doctor_add(doctor, ENDPOINT, "settings", DOCTOR_FAIL,
                   "Mend what the message names, or give --endpoint-url and --region.", "%s",
                   err.message);
        return;
    }
    doctor->local = is_local(doctor->aws.endpoint);
    show_endpoint(doctor);
    show_region(doctor);
    show_credentials(doctor);
}

void doctor_settings(struct doctor *doctor)
{
    struct weir_error err = {0};
    doctor->step_ms = STEP_MS;
    read_config(doctor);
    if (cli_client_options(doctor->args, doctor->config, &doctor->options, &err) != WEIR_OK) {
        doctor->invalid = true;
        doctor_add(doctor, CONFIGURATION, "options", DOCTOR_FAIL, "Correct the option.", "%s",
                   err.message);
        return;
    }
    if (doctor->options.timeout_ms != 0) {
        doctor->step_ms = doctor->options.timeout_ms;
    }
    read_aws(doctor);
}
