/* SPDX-License-Identifier: Apache-2.0 */

/* The table of sinks, the settings they take, and the completion of a batch. */

#include "sink/sink_kinds.h"

#include "base/error.h"

static const struct sink_kind *const kinds[] = {&sink_stdout_kind, &sink_file_kind,
                                                &sink_redis_kind};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

const struct sink_kind *sink_kind_at(size_t index)
{
    return index < KIND_COUNT ? kinds[index] : NULL;
}

const struct sink_kind *sink_kind_find(struct weir_bytes name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (bytes_eq_str(name, kinds[i]->name)) {
            return kinds[i];
        }
    }
    return NULL;
}

static bool takes(const struct sink_kind *kind, const char *name)
{
    for (size_t i = 0; kind->settings[i] != NULL; i++) {
        if (strcmp(kind->settings[i], name) == 0) {
            return true;
        }
    }
    return false;
}

enum weir_status sink_settings_check(const struct sink_kind *kind,
                                     const struct sink_setting *settings, struct weir_error *err)
{
    for (; settings->name != NULL; settings++) {
        if (takes(kind, settings->name)) {
            continue;
        }
        (void)error_set(err, WEIR_CONFIG, "sink %s has no setting \"%s\"; it takes:", kind->name,
                        settings->name);
        for (size_t i = 0; err != NULL && kind->settings[i] != NULL; i++) {
            size_t len = strlen(err->message);
            (void)snprintf(err->message + len, sizeof(err->message) - len, "%s %s",
                           i == 0 ? "" : ",", kind->settings[i]);
        }
        return WEIR_CONFIG;
    }
    return WEIR_OK;
}

const char *sink_setting_find(const struct sink_setting *settings, const char *name)
{
    for (; settings->name != NULL; settings++) {
        if (strcmp(settings->name, name) == 0) {
            return settings->value;
        }
    }
    return NULL;
}

void sink_fail_all(struct weir_sink_batch *batch, enum weir_delivery delivery, const char *reason)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->results[i].delivery = delivery;
        (void)snprintf(batch->results[i].reason, sizeof(batch->results[i].reason), "%s", reason);
    }
}

void weir_sink_complete(struct weir_sink_batch *batch)
{
    struct sink_submission *submission = (struct sink_submission *)batch;
    submission->completed(submission);
}
