/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

/* weir's engine inside this process (libweir-engine, pkg-config weir-engine): makes "file:DIR" and
 * "memory:" endpoints of weir_client_open. */

#include "weir/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Call once before the first weir_client_open; calling again is harmless. WEIR_CONFIG: the libweir
 * in this process is of another build than this library. Any thread. */
WEIR_API enum weir_status weir_engine_register(struct weir_error *err);

#ifdef __cplusplus
}
#endif
#endif
