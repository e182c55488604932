/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_RECORDS_H
#define WEIR_API_RECORDS_H

/* Stream records as documents, as the API calls them Record and StreamRecord. */

#include "api/call.h"

/* Adds the member Records. Images stay in their stored form. */
void records_add(struct api_call *call, struct weir_value *response,
                 const struct engine_stream *stream, const struct engine_record *records,
                 uint32_t count);

#endif
