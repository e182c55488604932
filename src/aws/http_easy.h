/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AWS_HTTP_EASY_H
#define WEIR_AWS_HTTP_EASY_H

/* One request as libcurl's easy handle: what is set on it, and what it says at the end. Everything
 * belongs to the thread that transfers it. */

#include "aws/http.h"

#include <curl/curl.h>

/* A handle with what is the same for every request; NULL without memory. */
CURL *http_easy_new(uint32_t connect_timeout_ms, const char *ca_bundle);

/* Signs, and sets what is the request's own on request->easy. False without memory. */
bool http_easy_prepare(struct aws_http_request *request, struct weir_env *env);
/* Fills the request's results from how the transfer ended. */
void http_easy_result(struct aws_http_request *request, CURLcode code);
/* Whether some of the request may have reached the service. */
bool http_easy_sent(const struct aws_http_request *request);
/* Fills them for an end of ours. */
void http_easy_end(struct aws_http_request *request, enum weir_status status, const char *what);
/* Undoes http_easy_prepare. */
void http_easy_clear(struct aws_http_request *request);

#endif
