/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop thread: it drives a libmicrohttpd daemon through the daemon's epoll descriptor, takes
 * the mailbox, and cuts connections that are late. libmicrohttpd's own timeout counts idleness
 * only, so that a client could hold a connection for ever by sending a byte now and then; the sweep
 * here counts from the start of the request.
 */
#include "server/internal.h"

#include "base/error.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Turns that the daemon gets at once when it says that it has more to do. */
#define PUMP_ROUNDS 4

#define NS_PER_MS 1000000u

/* Memory that is free at the end of a heap is kept up to here, see keep_memory. */
#define KEPT_BYTES (128 * 1024 * 1024)
#define MAPPED_BYTES_MIN (4 * 1024 * 1024)

/* ---- connections ---------------------------------------------------------------------------- */

static struct peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static void sweep_later(struct front *front)
{
    if (!front->sweep_runs) {
        front->sweep_runs = true;
        loop_timer_start(front->loop, front->sweep_timer, front->server->tuning.sweep_ms);
    }
}

static struct peer *peer_new(struct front *front, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct peer *peer = info == NULL ? NULL : calloc(1, sizeof(*peer));
    if (peer == NULL) {
        return NULL;
    }
    peer->front = front;
    peer->fd = info->connect_fd;
    peer->since_ns = front->now_ns;
    peer->prev = front->peers.prev;
    peer->next = &front->peers;
    peer->prev->next = peer;
    front->peers.prev = peer;
    counter_add(&front->counters.connections, 1);
    counter_add(&front->counters.open, 1);
    sweep_later(front);
    return peer;
}

static void peer_free(struct peer *peer)
{
    if (peer->request != NULL) {
        request_end(peer->request);
    }
    peer->prev->next = peer->next;
    peer->next->prev = peer->prev;
    counter_add(&peer->front->counters.open, (uint64_t)-1);
    free(peer);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct front *front = arg;
    front->steps++;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = peer_new(front, connection);
    } else if (*socket_context != NULL) {
        peer_free(*socket_context);
        *socket_context = NULL;
    }
}

/* The request line is there: the deadline of the rest begins. */
static void *on_request_line(void *arg, const char *uri, struct MHD_Connection *connection)
{
    struct front *front = arg;
    struct peer *peer = peer_of(connection);
    if (peer == NULL) {
        return NULL;
    }
    WEIR_ASSERT(peer->request == NULL);
    peer->request = request_new(front, peer, uri);
    return peer->request;
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **request_context)
{
    (void)arg;
    struct request *request = *request_context;
    if (request == NULL) {
        return MHD_NO; /* without memory: closes the connection */
    }
    return request_handle(request, connection, url, method, version, upload, upload_size);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    struct front *front = arg;
    struct request *request = *request_context;
    if (request == NULL) {
        return;
    }
    struct peer *peer = request->peer;
    peer->request = NULL;
    peer->is_used = true;
    peer->since_ns = front->now_ns;
    *request_context = NULL;
    request_end(request);
}

/* ---- the sweep ------------------------------------------------------------------------------- */

/* How long the peer may stay as it is; UINT64_MAX while the API has its request. */
static uint64_t peer_patience_ms(const struct peer *peer, uint64_t *ret_since_ns)
{
    const struct server_tuning *tuning = &peer->front->server->tuning;
    if (peer->request == NULL) {
        *ret_since_ns = peer->since_ns;
        if (peer->front->is_stopping) {
            return 0;
        }
        return peer->is_used ? tuning->idle_ms : tuning->deadline_ms;
    }
    *ret_since_ns = peer->request->since_ns;
    enum request_state state = peer->request->state;
    if (state != REQUEST_RECEIVING && state != REQUEST_SENDING) {
        return UINT64_MAX;
    }
    if (peer->front->is_past_stop) {
        /* An answer that became ready only now has one period to leave. */
        return state == REQUEST_SENDING ? tuning->sweep_ms : 0;
    }
    return tuning->deadline_ms;
}

/* Shuts what is late; libmicrohttpd sees the end of the stream and closes it. */
static void sweep(struct front *front)
{
    uint64_t now_ns = front->now_ns;
    for (struct peer *peer = front->peers.next; peer != &front->peers; peer = peer->next) {
        uint64_t since_ns = now_ns;
        uint64_t patience_ms = peer_patience_ms(peer, &since_ns);
        if (peer->is_shut || patience_ms == UINT64_MAX ||
            (now_ns - since_ns) / NS_PER_MS < patience_ms) {
            continue;
        }
        peer->is_shut = true;
        (void)shutdown(peer->fd, SHUT_RDWR);
        if (!front->is_stopping) {
            counter_add(&front->counters.cut, 1);
        }
    }
}

static void on_sweep(void *arg)
{
    struct front *front = arg;
    front->sweep_runs = false;
    front->now_ns = loop_now_ns(front->loop);
    sweep(front);
    if (front->peers.next != &front->peers) {
        sweep_later(front);
    }
}

/* ---- driving libmicrohttpd ------------------------------------------------------------------- */

static bool daemon_has_more(struct front *front, MHD_UNSIGNED_LONG_LONG *ret_after_ms)
{
    *ret_after_ms = 0;
    return MHD_get_timeout(front->daemon, ret_after_ms) == MHD_YES;
}

static void flush(struct front *front)
{
    if (front->held > 0) {
        front->held = 0;
        api_flush(front->server->api);
    }
}

void front_hold(struct front *front)
{
    front->held++;
    if (front->held >= SERVER_HELD_MAX) {
        flush(front);
    }
}

/*
 * Runs the daemon until it waits for the network, or has had its rounds. While requests linger it
 * always says that it has more to do: then a round in which it did no more than ask for their
 * answers is the last, and what else it may have waits for the timer or the network.
 */
static void pump(struct front *front)
{
    MHD_UNSIGNED_LONG_LONG after_ms = 0;
    bool has_more = true;
    bool goes_on = true;
    for (unsigned i = 0; i < PUMP_ROUNDS && has_more && after_ms == 0 && goes_on; i++) {
        uint64_t steps = front->steps;
        (void)MHD_run(front->daemon);
        flush(front);
        has_more = daemon_has_more(front, &after_ms);
        goes_on = front->lingering == 0 || front->steps != steps;
    }
    if (front->lingering > 0 && after_ms == 0) {
        after_ms = SERVER_LINGER_MS;
    }
    if (has_more) {
        loop_timer_start(front->loop, front->pump_timer, after_ms);
        front->pump_timer_runs = true;
    } else if (front->pump_timer_runs) {
        loop_timer_stop(front->loop, front->pump_timer);
        front->pump_timer_runs = false;
    }
    if (front->is_stopping) {
        sweep(front);
        if (front->peers.next == &front->peers && front->abandoned == 0) {
            loop_stop(front->loop);
        }
    }
}

static void on_ready(void *arg, int events)
{
    (void)events;
    struct front *front = arg;
    front->now_ns = loop_now_ns(front->loop);
    pump(front);
}

static void on_pump_timer(void *arg)
{
    struct front *front = arg;
    front->pump_timer_runs = false;
    on_ready(front, 0);
}

static void on_box(void *arg)
{
    struct front *front = arg;
    front->now_ns = loop_now_ns(front->loop);
    struct mail *mail = mailbox_take(&front->box);
    while (mail != NULL) {
        struct mail *next = mail->next;
        request_open_letter((struct letter *)mail);
        mail = next;
    }
    pump(front);
}

_Static_assert(offsetof(struct letter, mail) == 0, "a letter is cast from its mail");

void front_send(struct front *front, struct letter *letter)
{
    if (mailbox_put(&front->box, &letter->mail)) {
        loop_post(front->loop, &front->box_task);
    }
}

void front_request_id(struct front *front, char to[SERVER_REQUEST_ID_SIZE])
{
    static const char digits[] = "0123456789ABCDEF";
    const size_t bytes = (SERVER_REQUEST_ID_SIZE - 1) / 2;
    if (front->chance_used + bytes > sizeof(front->chance)) {
        front->server->env->random(front->server->env, front->chance, sizeof(front->chance));
        front->chance_used = 0;
    }
    const uint8_t *from = front->chance + front->chance_used;
    front->chance_used += bytes;
    for (size_t i = 0; i < bytes; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[SERVER_REQUEST_ID_SIZE - 1] = '\0';
}

/* ---- stop ------------------------------------------------------------------------------------ */

static void on_stop_deadline(void *arg)
{
    struct front *front = arg;
    front->is_past_stop = true;
    on_ready(front, 0);
    loop_timer_start(front->loop, front->stop_timer, front->server->tuning.sweep_ms);
}

static void on_stop(void *arg)
{
    struct front *front = arg;
    front->is_stopping = true;
    /* The socket is the server's to close. */
    (void)MHD_quiesce_daemon(front->daemon);
    for (struct peer *peer = front->peers.next; peer != &front->peers; peer = peer->next) {
        if (peer->request != NULL) {
            run_hurry(peer->request);
        }
    }
    loop_timer_start(front->loop, front->stop_timer, front->server->stop_ms);
    on_ready(front, 0);
}

void front_stop(struct front *front)
{
    loop_post(front->loop, &front->stop_task);
}

void front_join(struct front *front)
{
    if (front->thread_started) {
        (void)pthread_join(front->thread, NULL);
        front->thread_started = false;
    }
}

/* ---- start and end --------------------------------------------------------------------------- */

static void *front_thread(void *arg)
{
    struct front *front = arg;
    loop_run(front->loop);
    return NULL;
}

static struct MHD_Daemon *daemon_new(struct front *front)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, on_access, front,
        MHD_OPTION_LISTEN_SOCKET, front->server->listen_fd, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, front, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, front,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, front, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)LIMIT_CONNECTIONS_PER_LOOP, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)LIMIT_HEADER_BYTES, MHD_OPTION_END);
}

static bool watch(struct front *front)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(front->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        return false;
    }
    front->poll = loop_poll_new(front->loop, info->epoll_fd, on_ready, front);
    front->pump_timer = loop_timer_new(front->loop, on_pump_timer, front);
    front->sweep_timer = loop_timer_new(front->loop, on_sweep, front);
    front->stop_timer = loop_timer_new(front->loop, on_stop_deadline, front);
    if (front->poll == NULL || front->pump_timer == NULL || front->sweep_timer == NULL ||
        front->stop_timer == NULL) {
        return false;
    }
    loop_poll_set(front->loop, front->poll, LOOP_READABLE);
    return true;
}

/*
 * RocksDB takes its memtables by the megabyte and gives all of one back at a flush. glibc would
 * return that to the system, and each page would be cleared and mapped again for the next: one page
 * fault for every ten writes. The process is the server's, so the setting is too.
 */
static void keep_memory(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
}

enum weir_status front_init(struct front *front, struct server *server, struct weir_error *err)
{
    keep_memory();
    front->server = server;
    front->peers.next = front->peers.prev = &front->peers;
    front->chance_used = sizeof(front->chance);
    front->box_task = (struct loop_task){.fn = on_box, .arg = front};
    front->stop_task = (struct loop_task){.fn = on_stop, .arg = front};
    front->counters.operations = calloc(server->operation_count + 1, sizeof(uint64_t));
    if (front->counters.operations == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for a loop of the server");
    }
    enum weir_status status = loop_uv_new(server->env, &front->loop, err);
    if (status != WEIR_OK) {
        return status;
    }
    mailbox_init(&front->box);
    front->now_ns = loop_now_ns(front->loop);
    front->daemon = daemon_new(front);
    if (front->daemon == NULL || !watch(front)) {
        return error_set(err, WEIR_IO, "cannot start the HTTP server: out of memory or files");
    }
    return WEIR_OK;
}

enum weir_status front_start(struct front *front, struct weir_error *err)
{
    if (pthread_create(&front->thread, NULL, front_thread, front) != 0) {
        return error_set(err, WEIR_IO, "cannot start a thread: too many threads or processes");
    }
    front->thread_started = true;
    (void)pthread_setname_np(front->thread, "weir-http"); /* only seen by people */
    return WEIR_OK;
}

void front_fini(struct front *front)
{
    if (front->loop != NULL) {
        loop_poll_free(front->loop, front->poll);
        loop_timer_free(front->loop, front->pump_timer);
        loop_timer_free(front->loop, front->sweep_timer);
        loop_timer_free(front->loop, front->stop_timer);
    }
    if (front->daemon != NULL) {
        (void)MHD_quiesce_daemon(front->daemon);
        MHD_stop_daemon(front->daemon);
    }
    request_free_all(front); /* they have timers of the loop */
    if (front->loop != NULL) {
        loop_free(front->loop);
        mailbox_fini(&front->box);
    }
    gzip_fini(&front->gzip);
    free(front->counters.operations);
}
