/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_SETTINGS_H
#define WEIR_AWS_SETTINGS_H

/*
 * What AWS's tools read: environment variables and the two files of the profile. Everything is
 * taken once, when it is opened: getenv beside another thread's setenv is a race, and credentials
 * are refreshed on a thread of ours.
 *
 *     ~/.aws/config        [profile dev] [sso-session corp] [services here]
 *     ~/.aws/credentials   [dev]
 */

#include "weir/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The environment, so that tests bring their own. */
struct aws_environment {
    const char *(*get)(void *arg, const char *name); /* NULL: not set */
    void *arg;
};
const struct aws_environment *aws_environment_system(void);

/* Immutable, shared. @thread any */
struct aws_settings;

/*
 * `profile` is what the caller was given explicitly, or NULL: AWS_PROFILE, AWS_DEFAULT_PROFILE,
 * "default". WEIR_CONFIG: a profile that was named and is in neither file, an unreadable or
 * malformed file. WEIR_NO_MEMORY.
 */
enum weir_status settings_open(const struct aws_environment *environment, const char *profile,
                               struct aws_settings **ret_settings, struct weir_error *err);
struct aws_settings *settings_ref(struct aws_settings *settings);
void settings_unref(struct aws_settings *settings); /* accepts NULL */

/* The variable's value, or NULL when it is not set or empty, as every SDK takes it. Only the
 * variables of the table in settings.c are known. */
const char *settings_env(const struct aws_settings *settings, const char *name);
/* The variable, or else the profile's key. The caller's; NULL when neither is there. */
char *settings_value(const struct aws_settings *settings, const char *variable, const char *key);
bool setting_is_true(const char *value); /* "true" in any case; NULL is not */

const char *settings_profile_view(const struct aws_settings *settings);
bool settings_profile_is_explicit(const struct aws_settings *settings);
bool settings_has_profile(const struct aws_settings *settings, const char *profile);

/* A profile's key: in the config file, in the credentials file, or in the latter before the former.
 * The caller's; NULL when it is not there. */
char *settings_of_config(const struct aws_settings *settings, const char *profile, const char *key);
char *settings_of_credentials(const struct aws_settings *settings, const char *profile,
                              const char *key);
char *settings_of_profile(const struct aws_settings *settings, const char *profile,
                          const char *key);
/* Another section of the config file: "sso-session", "corp". */
bool settings_has_section(const struct aws_settings *settings, const char *kind, const char *name);
char *settings_of_section(const struct aws_settings *settings, const char *kind, const char *name,
                          const char *key);

/* The endpoint that is configured for a service, or NULL: `variable` is AWS_ENDPOINT_URL_<SERVICE>,
 * `service` its key in a services section. The caller's. */
char *settings_endpoint(const struct aws_settings *settings, const char *variable,
                        const char *service);

/* A path below the home folder, as in "~/.aws/sso/cache"; false when there is no home. */
bool settings_home_path(const struct aws_settings *settings, const char *path, char *to,
                        size_t size);

#endif
