/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O thread: a loop of ours under libcurl's multi interface. libcurl says which descriptors
 * and which one time-out it waits for (the two callbacks), the loop says when they are due.
 *
 *     inbox ──► live list, in the multi handle ──► finished ──► done()
 *                 ▲ one easy handle each, kept for the next request
 */
#include "aws/http.h"

#include "aws/http_easy.h"
#include "aws/http_lane.h"
#include "base/error.h"
#include "base/loop.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256L
#define EASY_IDLE_MAX 64
#define WATCH_BUCKETS 64

struct aws_http {
    /* Immutable after open. */
    struct aws_http_options options;
    char *ca_bundle;
    struct loop *loop;
    pthread_t thread;

    /* Any thread. */
    struct lanes lanes;
    struct mailbox inbox;
    struct loop_task wake;
    struct loop_task cancel;
    atomic_bool cancel_posted;

    /* I/O thread only. */
    CURLM *multi;
    struct loop_timer *timer;
    struct aws_http_request *live;
    CURL *idle[EASY_IDLE_MAX];
    size_t idle_count;
    struct watch *watches[WATCH_BUCKETS]; /* by descriptor */
};

/*
 * A descriptor that libcurl watches. That of a connection with an answer stays watched between two
 * requests, where libcurl would have it taken out and put in again; it goes when libcurl closes it.
 * Others (of its resolver, of addresses tried in vain) it closes unseen: they go when it says so.
 */
struct watch {
    struct watch *next; /* in its bucket */
    struct aws_http *http;
    struct loop_poll *poll;
    curl_socket_t fd;
    int events; /* watched for */
    bool idle;  /* libcurl is not interested now */
};

static void live_add(struct aws_http *http, struct aws_http_request *request)
{
    request->prev = NULL;
    request->next = http->live;
    if (http->live != NULL) {
        http->live->prev = request;
    }
    http->live = request;
}

static void live_remove(struct aws_http *http, struct aws_http_request *request)
{
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        http->live = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    }
}

static int on_socket_close(void *arg, curl_socket_t fd);

static CURL *easy_new(struct aws_http *http)
{
    CURL *easy = http_easy_new(http->options.connect_timeout_ms, http->ca_bundle);
    bool set = easy != NULL &&
               curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, http) == CURLE_OK;
    if (!set) {
        curl_easy_cleanup(easy);
        easy = NULL;
    }
    return easy;
}

static CURL *easy_take(struct aws_http *http)
{
    return http->idle_count > 0 ? http->idle[--http->idle_count] : easy_new(http);
}

static void easy_give(struct aws_http *http, CURL *easy)
{
    if (easy != NULL && http->idle_count < EASY_IDLE_MAX) {
        http->idle[http->idle_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

/* Takes the request out of everything and hands it back. */
static void finish(struct aws_http *http, struct aws_http_request *request)
{
    live_remove(http, request);
    (void)curl_multi_remove_handle(http->multi, request->easy);
    http_easy_clear(request);
    easy_give(http, request->easy);
    request->easy = NULL;
    request->done(request);
}

/* Ends one that is under way: whether it was sent is asked before the handle forgets. */
static void abandon(struct aws_http *http, struct aws_http_request *request,
                    enum weir_status status, const char *what)
{
    request->sent = http_easy_sent(request);
    http_easy_end(request, status, what);
    finish(http, request);
}

static void begin(struct aws_http *http, struct aws_http_request *request)
{
    request->http = http;
    if (atomic_load(&request->cancelled)) {
        http_easy_end(request, WEIR_CANCELLED, "cancelled before it was sent");
        request->done(request);
        return;
    }
    request->easy = easy_take(http);
    live_add(http, request);
    if (request->easy == NULL || !http_easy_prepare(request, http->options.env) ||
        curl_multi_add_handle(http->multi, request->easy) != CURLM_OK) {
        http_easy_end(request, WEIR_NO_MEMORY, "out of memory for a request");
        finish(http, request);
    }
}

static void inbox_read(void *arg)
{
    struct aws_http *http = arg;
    struct mail *mail = mailbox_take(&http->inbox);
    while (mail != NULL) {
        struct mail *next = mail->next;
        begin(http,
              (struct aws_http_request *)((char *)mail - offsetof(struct aws_http_request, mail)));
        mail = next;
    }
}

static void cancel_read(void *arg)
{
    struct aws_http *http = arg;
    atomic_store(&http->cancel_posted, false);
    struct aws_http_request *next;
    for (struct aws_http_request *request = http->live; request != NULL; request = next) {
        next = request->next;
        if (atomic_load(&request->cancelled)) {
            abandon(http, request, WEIR_CANCELLED, "cancelled");
        }
    }
}

/* ---- libcurl and the loop ----------------------------------------------------------------------
 */

static void collect_finished(struct aws_http *http)
{
    int left = 0;
    for (CURLMsg *msg = curl_multi_info_read(http->multi, &left); msg != NULL;
         msg = curl_multi_info_read(http->multi, &left)) {
        if (msg->msg == CURLMSG_DONE) {
            struct aws_http_request *request = NULL;
            CURLcode code = msg->data.result;
            (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &request);
            http_easy_result(request, code);
            finish(http, request);
        }
    }
}

static void on_timer(void *arg)
{
    struct aws_http *http = arg;
    int running = 0;
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect_finished(http);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct aws_http *http = arg;
    (void)multi;
    if (timeout_ms < 0) {
        loop_timer_stop(http->loop, http->timer);
    } else {
        loop_timer_start(http->loop, http->timer, (uint64_t)timeout_ms);
    }
    return 0;
}

static struct watch **watch_find(struct aws_http *http, curl_socket_t fd)
{
    struct watch **at = &http->watches[(unsigned)fd % WATCH_BUCKETS];
    while (*at != NULL && (*at)->fd != fd) {
        at = &(*at)->next;
    }
    return at;
}

static void watch_free(struct watch **at)
{
    struct watch *watch = *at;
    if (watch != NULL) {
        *at = watch->next;
        loop_poll_free(watch->http->loop, watch->poll);
        free(watch);
    }
}

static void watch_set(struct watch *watch, int events)
{
    if (watch->events != events) {
        watch->events = events;
        loop_poll_set(watch->http->loop, watch->poll, events);
    }
}

static void on_ready(void *arg, int events)
{
    struct watch *watch = arg;
    struct aws_http *http = watch->http;
    int running = 0;
    if (watch->idle) {
        watch_set(watch, 0); /* closed by the peer: libcurl sees it when it wants to use it */
        return;
    }
    int mask = ((events & LOOP_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
               ((events & LOOP_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(http->multi, watch->fd, mask, &running);
    collect_finished(http);
}

/* At the end of its bucket, where watch_find found none. NULL without memory. */
static struct watch *watch_new(struct aws_http *http, curl_socket_t fd, struct watch **at)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    watch->http = http;
    watch->fd = fd;
    watch->poll = loop_poll_new(http->loop, fd, on_ready, watch);
    if (watch->poll == NULL) {
        free(watch);
        return NULL;
    }
    *at = watch;
    return watch;
}

static int on_socket_close(void *arg, curl_socket_t fd)
{
    watch_free(watch_find(arg, fd));
    return close(fd);
}

static int unwatch(CURL *easy, struct watch **at)
{
    struct watch *watch = *at;
    const struct aws_http_request *request = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
    if (watch != NULL && request != NULL && request->answered) {
        watch->idle = true;
        watch_set(watch, watch->events & LOOP_READABLE);
    } else {
        watch_free(at);
    }
    return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct aws_http *http = arg;
    struct watch **at = watch_find(http, fd);
    (void)socket_arg;
    if (what == CURL_POLL_REMOVE) {
        return unwatch(easy, at);
    }
    struct watch *watch = *at != NULL ? *at : watch_new(http, fd, at);
    if (watch == NULL) {
        return -1;
    }
    watch->idle = false;
    watch_set(watch, ((what & CURL_POLL_IN) != 0 ? LOOP_READABLE : 0) |
                         ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITABLE : 0));
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void *io_thread(void *arg)
{
    struct aws_http *http = arg;
    loop_run(http->loop);
    inbox_read(http);
    while (http->live != NULL) {
        abandon(http, http->live, WEIR_CLOSED, "the client was closed");
    }
    while (http->idle_count > 0) {
        curl_easy_cleanup(http->idle[--http->idle_count]);
    }
    (void)curl_multi_cleanup(http->multi);
    loop_timer_free(http->loop, http->timer);
    return NULL;
}

/* Signals are for the program's own threads. */
static int thread_start(struct aws_http *http)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&http->thread, NULL, io_thread, http);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static bool multi_setup(struct aws_http *http)
{
    http->multi = curl_multi_init();
    http->timer = loop_timer_new(http->loop, on_timer, http);
    if (http->multi == NULL || http->timer == NULL) {
        return false;
    }
    return curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, set_socket) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX) == CURLM_OK &&
           curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX) ==
               CURLM_OK;
}

/* The rest, once the thread is gone or never was. */
static void http_free(struct aws_http *http)
{
    lanes_fini(&http->lanes);
    loop_free(http->loop);
    mailbox_fini(&http->inbox);
    free(http->ca_bundle);
    free(http);
}

static void global_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct aws_http *http_new(const struct aws_http_options *options)
{
    struct aws_http *http = calloc(1, sizeof(*http));
    if (http == NULL) {
        return NULL;
    }
    mailbox_init(&http->inbox);
    http->options = *options;
    if (http->options.connect_timeout_ms == 0) {
        http->options.connect_timeout_ms = 5000;
    }
    http->wake = (struct loop_task){.fn = inbox_read, .arg = http};
    http->cancel = (struct loop_task){.fn = cancel_read, .arg = http};
    if (options->ca_bundle != NULL) {
        http->ca_bundle = strdup(options->ca_bundle);
    }
    lanes_init(&http->lanes, &http->options, http->ca_bundle);
    return http;
}

enum weir_status aws_http_open(const struct aws_http_options *options, struct aws_http **ret_http,
                               struct weir_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, global_init);
    struct aws_http *http = http_new(options);
    if (http == NULL || (options->ca_bundle != NULL && http->ca_bundle == NULL)) {
        free(http);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for an HTTP client");
    }
    enum weir_status status = loop_uv_new(options->env, &http->loop, err);
    if (status == WEIR_OK && !multi_setup(http)) {
        status = error_set(err, WEIR_NO_MEMORY, "out of memory for an HTTP client");
    }
    if (status == WEIR_OK && thread_start(http) != 0) {
        status = error_set(err, WEIR_NO_MEMORY, "no thread can be started for the HTTP client");
    }
    if (status != WEIR_OK) {
        if (http->loop != NULL) {
            (void)curl_multi_cleanup(http->multi);
            loop_timer_free(http->loop, http->timer);
        }
        http_free(http);
        return status;
    }
    *ret_http = http;
    return WEIR_OK;
}

void aws_http_close(struct aws_http *http)
{
    if (http == NULL) {
        return;
    }
    loop_stop(http->loop);
    (void)pthread_join(http->thread, NULL);
    http_free(http);
}

static void answer_init(struct aws_http_request *request)
{
    if (request->answer.max == 0) {
        buf_init(&request->answer, AWS_HTTP_ANSWER_BYTES_MAX);
    }
}

bool aws_http_run(struct aws_http *http, struct aws_http_request *request)
{
    answer_init(request);
    return lanes_run(&http->lanes, request);
}

void aws_http_start(struct aws_http *http, struct aws_http_request *request)
{
    answer_init(request);
    if (mailbox_put(&http->inbox, &request->mail)) {
        loop_post(http->loop, &http->wake);
    }
}

void aws_http_cancel(struct aws_http *http, struct aws_http_request *request)
{
    atomic_store(&request->cancelled, true);
    lanes_wake(&http->lanes, request);
    if (!atomic_exchange(&http->cancel_posted, true)) {
        loop_post(http->loop, &http->cancel);
    }
}
