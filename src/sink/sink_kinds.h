/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SINK_SINK_KINDS_H
#define WEIR_SINK_SINK_KINDS_H

/* What the drivers of this folder share among themselves. */

#include <stdio.h>

#include "sink/sink.h"

extern const struct sink_kind sink_stdout_kind;
extern const struct sink_kind sink_file_kind;
extern const struct sink_kind sink_redis_kind;

/* WEIR_CONFIG names a setting that the kind does not take, and those it does. */
enum weir_status sink_settings_check(const struct sink_kind *kind,
                                     const struct sink_setting *settings, struct weir_error *err);
/* The setting's value, NULL when it is not set. */
const char *sink_setting_find(const struct sink_setting *settings, const char *name);
/* One result for the whole batch. */
void sink_fail_all(struct weir_sink_batch *batch, enum weir_delivery delivery, const char *reason);

#endif
