/* SPDX-License-Identifier: Apache-2.0 */
/* See probe.h. libcurl's own errors tell the steps apart; where they do not, its times do. */
#include "aws/probe.h"

#include "aws/http.h"
#include "base/error.h"

#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

#define DATE_NAME "date:"

static size_t drop(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct aws_probe *probe = arg;
    size_t len = size * count;
    char text[64];
    if (len > strlen(DATE_NAME) && strncasecmp(bytes, DATE_NAME, strlen(DATE_NAME)) == 0) {
        (void)snprintf(text, sizeof(text), "%.*s", (int)(len - strlen(DATE_NAME)),
                       bytes + strlen(DATE_NAME));
        time_t date = curl_getdate(text, NULL);
        probe->date_ms = date < 0 ? -1 : (int64_t)date * 1000;
    }
    return len;
}

static bool set_options(CURL *easy, const struct aws_endpoint *endpoint, const char *ca_bundle,
                        uint32_t timeout_ms, char *what, struct aws_probe *probe)
{
    return curl_easy_setopt(easy, CURLOPT_URL, endpoint->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, what) == CURLE_OK &&
           (!endpoint->loopback || curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK) &&
           (ca_bundle == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, ca_bundle) == CURLE_OK);
}

static curl_off_t time_of(CURL *easy, CURLINFO info)
{
    curl_off_t us = 0;
    (void)curl_easy_getinfo(easy, info, &us);
    return us;
}

static enum aws_probe_step step_of(CURL *easy, CURLcode code, bool tls)
{
    switch (code) {
    case CURLE_OK:
        return AWS_PROBE_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return AWS_PROBE_NAME;
    case CURLE_COULDNT_CONNECT:
        return AWS_PROBE_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return AWS_PROBE_TLS;
    default:
        break;
    }
    if (time_of(easy, CURLINFO_NAMELOOKUP_TIME_T) == 0) {
        return AWS_PROBE_NAME;
    }
    if (time_of(easy, CURLINFO_CONNECT_TIME_T) == 0) {
        return AWS_PROBE_CONNECT;
    }
    bool in_tls = tls && time_of(easy, CURLINFO_APPCONNECT_TIME_T) == 0;
    return in_tls ? AWS_PROBE_TLS : AWS_PROBE_ANSWER;
}

static void read_end(CURL *easy, CURLcode code, const char *what, bool tls, struct aws_probe *probe)
{
    long number = 0;
    char *address = NULL;
    probe->failed_at = step_of(easy, code, tls);
    if (code != CURLE_OK) {
        (void)snprintf(probe->what, sizeof(probe->what), "%s",
                       what[0] != '\0' ? what : curl_easy_strerror(code));
    }
    if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &number) == CURLE_OK) {
        probe->http_status = (int)number;
    }
    if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address != NULL &&
        address[0] != '\0' && curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &number) == CURLE_OK) {
        bool v6 = strchr(address, ':') != NULL;
        (void)snprintf(probe->address, sizeof(probe->address), "%s%s%s:%ld", v6 ? "[" : "", address,
                       v6 ? "]" : "", number);
    }
    probe->passed_ms = time_of(easy, CURLINFO_STARTTRANSFER_TIME_T) / 1000;
}

enum weir_status aws_probe(const char *url, const char *ca_bundle, uint32_t timeout_ms,
                           struct aws_probe *ret_probe, struct weir_error *err)
{
    struct aws_endpoint endpoint = {0};
    struct aws_probe probe = {.date_ms = -1};
    char what[CURL_ERROR_SIZE] = "";
    enum weir_status status = aws_endpoint_init(&endpoint, url, err);
    if (status != WEIR_OK) {
        return status;
    }
    CURL *easy = curl_easy_init();
    if (easy == NULL || !set_options(easy, &endpoint, ca_bundle, timeout_ms, what, &probe)) {
        status = error_set(err, WEIR_NO_MEMORY, "no memory for a request");
    } else {
        CURLcode code = curl_easy_perform(easy);
        read_end(easy, code, what, endpoint.tls, &probe);
        *ret_probe = probe;
    }
    curl_easy_cleanup(easy);
    aws_endpoint_fini(&endpoint);
    return status;
}

const char *aws_probe_libraries(void)
{
    return curl_version();
}
