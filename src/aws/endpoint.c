/* SPDX-License-Identifier: Apache-2.0 */
/* A URL taken apart once, into what each request needs of it. */
#include "aws/http.h"

#include "base/error.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* A copy of one part; NULL when the URL has none. */
static char *part(CURLU *url, CURLUPart which)
{
    char *text = NULL;
    if (curl_url_get(url, which, &text, 0) != CURLUE_OK) {
        return NULL;
    }
    char *copy = strdup(text);
    curl_free(text);
    return copy;
}

static bool has_part(CURLU *url, CURLUPart which)
{
    char *text = part(url, which);
    bool has = text != NULL;
    free(text);
    return has;
}

static bool is_loopback(const char *host)
{
    unsigned rest[3];
    int end = 0;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (sscanf(host, "127.%3u.%3u.%3u%n", &rest[0], &rest[1], &rest[2], &end) == 3 &&
            host[end] == '\0');
}

void aws_endpoint_show(const char *url, char to[AWS_ENDPOINT_SHOWN_SIZE])
{
    const char *scheme_end = strstr(url, "://");
    const char *start = scheme_end == NULL ? url : scheme_end + 3;
    const char *at = strrchr(start, '@');
    (void)snprintf(to, AWS_ENDPOINT_SHOWN_SIZE, "%.*s%s%s", (int)(start - url), url,
                   at == NULL ? "" : "...", at == NULL ? start : at);
}

static char *host_header(const char *host, const char *port, bool tls)
{
    if (port == NULL || strcmp(port, tls ? "443" : "80") == 0) {
        return strdup(host);
    }
    char *text = NULL;
    return asprintf(&text, "%s:%s", host, port) < 0 ? NULL : text;
}

static enum weir_status take_apart(struct aws_endpoint *endpoint, CURLU *url, const char *text,
                                   bool with_query, struct weir_error *err)
{
    char *scheme = part(url, CURLUPART_SCHEME);
    char *host = part(url, CURLUPART_HOST);
    char *port = part(url, CURLUPART_PORT);
    bool known = scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    enum weir_status status = WEIR_OK;
    char shown[AWS_ENDPOINT_SHOWN_SIZE];
    if (!known || host == NULL || (!with_query && has_part(url, CURLUPART_QUERY)) ||
        has_part(url, CURLUPART_FRAGMENT) || has_part(url, CURLUPART_USER)) {
        aws_endpoint_show(text, shown);
        status =
            error_set(err, WEIR_CONFIG,
                      "the endpoint \"%s\" is not of the form http[s]://host[:port][/path]", shown);
        goto out;
    }
    endpoint->tls = strcmp(scheme, "https") == 0;
    endpoint->loopback = is_loopback(host);
    endpoint->url = part(url, CURLUPART_URL);
    endpoint->path = part(url, CURLUPART_PATH);
    endpoint->host = host_header(host, port, endpoint->tls);
    if (endpoint->url == NULL || endpoint->path == NULL || endpoint->host == NULL) {
        aws_endpoint_fini(endpoint);
        status = error_set(err, WEIR_NO_MEMORY, "out of memory for an endpoint");
    }
out:
    free(scheme);
    free(host);
    free(port);
    return status;
}

static enum weir_status init(struct aws_endpoint *endpoint, const char *url, bool with_query,
                             struct weir_error *err)
{
    *endpoint = (struct aws_endpoint){0};
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for an endpoint");
    }
    enum weir_status status;
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER);
    char shown[AWS_ENDPOINT_SHOWN_SIZE];
    if (code != CURLUE_OK) {
        aws_endpoint_show(url, shown);
        status = error_set(err, WEIR_CONFIG, "the endpoint \"%s\" is not a URL: %s", shown,
                           curl_url_strerror(code));
    } else {
        status = take_apart(endpoint, parts, url, with_query, err);
    }
    curl_url_cleanup(parts);
    return status;
}

enum weir_status aws_endpoint_init(struct aws_endpoint *endpoint, const char *url,
                                   struct weir_error *err)
{
    return init(endpoint, url, false, err);
}

enum weir_status aws_endpoint_init_address(struct aws_endpoint *endpoint, const char *url,
                                           struct weir_error *err)
{
    return init(endpoint, url, true, err);
}

void aws_endpoint_fini(struct aws_endpoint *endpoint)
{
    free(endpoint->url);
    free(endpoint->host);
    free(endpoint->path);
    *endpoint = (struct aws_endpoint){0};
}
