/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GET answers: a table of pages, of which a later one of the same path hides the earlier, so
 * that whoever stands above can replace /readyz by what it knows. And the counters by operation,
 * which /metrics shows.
 */
#include "server/internal.h"

#include "base/error.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define PAGE_BUILTIN_COUNT 4

/* ---- counters by operation ------------------------------------------------------------------- */

static unsigned name_slot(struct weir_bytes name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ name.ptr[i]) * 16777619u;
    }
    return (hash ^ hash >> 16) % SERVER_OPERATION_SLOTS;
}

int operation_index(const struct server *server, struct weir_bytes target)
{
    const uint8_t *dot = target.len == 0 ? NULL : memrchr(target.ptr, '.', target.len);
    if (dot == NULL) {
        return -1;
    }
    struct weir_bytes name = bytes_of(dot + 1, (size_t)(target.ptr + target.len - dot - 1));
    if (name.len > 64) {
        return -1;
    }
    for (unsigned slot = name_slot(name); server->operation_slots[slot] != 0;
         slot = (slot + 1) % SERVER_OPERATION_SLOTS) {
        unsigned index = server->operation_slots[slot] - 1u;
        if (bytes_eq_str(name, server->operations[index])) {
            return (int)index;
        }
    }
    return -1;
}

static void operations_init(struct server *server)
{
    server->operations = api_operation_names();
    unsigned count = 0;
    for (; server->operations[count] != NULL; count++) {
        WEIR_ASSERT(count < SERVER_OPERATION_SLOTS / 2);
        unsigned slot = name_slot(bytes_str(server->operations[count]));
        while (server->operation_slots[slot] != 0) {
            slot = (slot + 1) % SERVER_OPERATION_SLOTS;
        }
        server->operation_slots[slot] = (uint8_t)(count + 1);
    }
    server->operation_count = count;
}

/* ---- built-in pages -------------------------------------------------------------------------- */

static int render_health(void *arg, struct buf *body)
{
    (void)arg;
    buf_put_str(body, "healthy: weir\n");
    return MHD_HTTP_OK;
}

static int render_ok(void *arg, struct buf *body)
{
    (void)arg;
    buf_put_str(body, "ok\n");
    return MHD_HTTP_OK;
}

static void metric(struct buf *body, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    buf_printf(body, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
               value);
}

static void metric_operations(struct buf *body, const struct server *server)
{
    buf_put_str(body, "# HELP weir_server_operations_total Calls started, by operation.\n"
                      "# TYPE weir_server_operations_total counter\n");
    for (unsigned i = 0; i < server->operation_count; i++) {
        uint64_t calls = 0;
        for (uint32_t f = 0; f < server->front_count; f++) {
            calls += counter_read(&server->fronts[f].counters.operations[i]);
        }
        buf_printf(body, "weir_server_operations_total{operation=\"%s\"} %" PRIu64 "\n",
                   server->operations[i], calls);
    }
}

static void metric_weather(struct buf *body, const struct weather *weather)
{
    buf_put_str(body, "# HELP weir_server_faults_total Calls on which a rule of the faults acted.\n"
                      "# TYPE weir_server_faults_total counter\n");
    for (unsigned i = 0; i < weather_rule_count(weather); i++) {
        buf_printf(body, "weir_server_faults_total{rule=\"%s\"} %" PRIu64 "\n",
                   weather_rule_text(weather, i), weather_rule_fired(weather, i));
    }
}

static int render_metrics(void *arg, struct buf *body)
{
    const struct server *server = arg;
    struct front_counters sum;
    server_read_counters(server, &sum);
    metric(body, "weir_server_requests_total", "counter", "Requests whose head arrived.",
           sum.requests);
    metric(body, "weir_server_errors_total", "counter", "Answers with a status of 400 or above.",
           sum.errors);
    metric(body, "weir_server_connections_total", "counter", "Connections accepted.",
           sum.connections);
    metric(body, "weir_server_connections_open", "gauge", "Connections open now.", sum.open);
    metric(body, "weir_server_connections_cut_total", "counter",
           "Connections closed because a request or its answer was late.", sum.cut);
    metric(body, "weir_server_calls_waiting", "gauge", "Requests that wait for the engine now.",
           sum.suspended);
    metric(body, "weir_server_calls_blocking_total", "counter",
           "Steps of calls that were done on a thread that may block.", sum.away);
    metric(body, "weir_server_calls_unauthenticated_total", "counter",
           "Calls refused because of their signature.", sum.unauthenticated);
    metric_operations(body, server);
    if (server->weather != NULL) {
        metric_weather(body, server->weather);
    }
    return MHD_HTTP_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

enum weir_status server_mount(struct server *server, const struct server_page *page)
{
    struct mount *mount = calloc(1, sizeof(*mount));
    if (mount == NULL) {
        return WEIR_NO_MEMORY;
    }
    mount->page = *page;
    pthread_mutex_lock(&server->pages_mu);
    mount->next = server->mounts;
    server->mounts = mount;
    pthread_mutex_unlock(&server->pages_mu);
    return WEIR_OK;
}

void pages_init(struct server *server)
{
    WEIR_ASSERT(pthread_mutex_init(&server->pages_mu, NULL) == 0);
    operations_init(server);
}

enum weir_status pages_mount_builtin(struct server *server)
{
    const struct server_page builtin[PAGE_BUILTIN_COUNT] = {
        {"/", TYPE_TEXT, render_health, server},
        {"/livez", TYPE_TEXT, render_ok, server},
        {"/readyz", TYPE_TEXT, render_ok, server},
        {"/metrics", TYPE_METRICS, render_metrics, server},
    };
    for (unsigned i = 0; i < PAGE_BUILTIN_COUNT; i++) {
        if (server_mount(server, &builtin[i]) != WEIR_OK) {
            return WEIR_NO_MEMORY;
        }
    }
    return WEIR_OK;
}

void pages_fini(struct server *server)
{
    while (server->mounts != NULL) {
        struct mount *mount = server->mounts;
        server->mounts = mount->next;
        free(mount);
    }
    (void)pthread_mutex_destroy(&server->pages_mu);
}

static bool page_find(struct server *server, const char *path, struct server_page *ret_page)
{
    pthread_mutex_lock(&server->pages_mu);
    struct mount *mount = server->mounts;
    while (mount != NULL && strcmp(mount->page.path, path) != 0) {
        mount = mount->next;
    }
    if (mount != NULL) {
        *ret_page = mount->page;
    }
    pthread_mutex_unlock(&server->pages_mu);
    return mount != NULL;
}

static bool is_health(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, "/livez") == 0 || strcmp(path, "/readyz") == 0;
}

static bool is_from_loopback(const struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) {
        return false;
    }
    if (info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)info->client_addr;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)info->client_addr;
    return info->client_addr->sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127));
}

/* Pages cannot be signed: where calls must be, others than this machine see its health only. */
static bool is_closed(const struct request *request, const char *path)
{
    return request->front->server->signature_keys != NULL && !is_health(path) &&
           !is_from_loopback(request);
}

void pages_answer(struct request *request, const char *path)
{
    struct server_page page;
    buf_reset(&request->out);
    if (is_closed(request, path)) {
        buf_put_str(&request->out,
                    "this server requires signatures: the page is for this machine\n");
        answer_text(request, MHD_HTTP_FORBIDDEN, TYPE_TEXT);
        return;
    }
    if (page_find(request->front->server, path, &page)) {
        int status = page.render(page.arg, &request->out);
        answer_text(request, status, page.content_type);
    } else {
        buf_put_str(&request->out, "no such page\n");
        answer_text(request, MHD_HTTP_NOT_FOUND, TYPE_TEXT);
    }
}
