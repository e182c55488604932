/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transfer at a time per lane, on a multi handle of its own: unlike curl_easy_perform, it can
 * be woken from another thread, so that closing a client ends what it waits for at once.
 */
#include "aws/http_lane.h"

#include "aws/http_easy.h"
#include "base/error.h"

#include <stdlib.h>

#define LANE_CONNECTIONS 2L /* the tables' endpoint and the streams' */
#define POLL_MS 60000       /* libcurl's own time-outs end a wait before */

struct lane {
    struct lane *newer, *older; /* idle; under the lanes' mu */
    uint64_t idle_since_ns;     /* the same */

    /* Whose it is. */
    CURLM *multi;
    CURL *easy;
    struct sigv4_key key;
};

static void lane_free(struct lane *lane)
{
    if (lane == NULL) {
        return;
    }
    curl_easy_cleanup(lane->easy);
    (void)curl_multi_cleanup(lane->multi);
    explicit_bzero(&lane->key, sizeof(lane->key));
    free(lane);
}

static struct lane *lane_new(const struct lanes *lanes)
{
    struct lane *lane = calloc(1, sizeof(*lane));
    if (lane == NULL) {
        return NULL;
    }
    lane->multi = curl_multi_init();
    lane->easy = http_easy_new(lanes->options->connect_timeout_ms, lanes->ca_bundle);
    if (lane->multi == NULL || lane->easy == NULL ||
        curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, LANE_CONNECTIONS) != CURLM_OK) {
        lane_free(lane);
        return NULL;
    }
    return lane;
}

/* ---- idle lanes ------------------------------------------------------------------------------ */

/* @locks lanes->mu is held */
static void idle_remove(struct lanes *lanes, struct lane *lane)
{
    struct lane **from_newer = lane->newer == NULL ? &lanes->newest : &lane->newer->older;
    struct lane **from_older = lane->older == NULL ? &lanes->oldest : &lane->older->newer;
    *from_newer = lane->older;
    *from_older = lane->newer;
    lanes->idle--;
}

/* @locks lanes->mu is held */
static void idle_add(struct lanes *lanes, struct lane *lane)
{
    lane->newer = NULL;
    lane->older = lanes->newest;
    if (lanes->newest != NULL) {
        lanes->newest->newer = lane;
    } else {
        lanes->oldest = lane;
    }
    lanes->newest = lane;
    lanes->idle++;
}

/* The oldest one if it is one too many, or too old; never the one just given back. @locks lanes->mu
 * is held */
static struct lane *idle_excess(struct lanes *lanes, uint64_t now_ns)
{
    struct lane *lane = lanes->oldest;
    bool old = now_ns - lane->idle_since_ns > (uint64_t)LANE_IDLE_MS * 1000000;
    if (lanes->idle <= LANES_IDLE_MAX && !old) {
        return NULL;
    }
    idle_remove(lanes, lane);
    return lane;
}

/* False: too many are at work. A NULL lane is one yet to be made. */
static bool lane_take(struct lanes *lanes, struct lane **ret_lane)
{
    pthread_mutex_lock(&lanes->mu);
    bool taken = lanes->taken < LANES_MAX;
    if (taken) {
        lanes->taken++;
        *ret_lane = lanes->newest;
        if (*ret_lane != NULL) {
            idle_remove(lanes, *ret_lane);
        }
    }
    pthread_mutex_unlock(&lanes->mu);
    return taken;
}

/* The request has no lane any more when this returns. Closing a connection may take a while, so it
 * is done without the lock. */
static void lane_give(struct lanes *lanes, struct lane *lane, struct aws_http_request *request)
{
    uint64_t now_ns = env_mono_ns(lanes->options->env);
    struct lane *excess = NULL;
    pthread_mutex_lock(&lanes->mu);
    request->lane = NULL;
    lanes->taken--;
    if (lane != NULL) {
        lane->idle_since_ns = now_ns;
        idle_add(lanes, lane);
        excess = idle_excess(lanes, now_ns);
    }
    pthread_mutex_unlock(&lanes->mu);
    lane_free(excess);
}

/* ---- a transfer ------------------------------------------------------------------------------ */

static bool run(struct lane *lane, struct aws_http_request *request)
{
    int running = 1;
    bool working = true;
    while (working && running > 0 && !atomic_load(&request->cancelled)) {
        working = curl_multi_perform(lane->multi, &running) == CURLM_OK;
        if (working && running > 0) {
            working = curl_multi_poll(lane->multi, NULL, 0, POLL_MS, NULL) == CURLM_OK;
        }
    }
    return working;
}

/* What libcurl says of the transfer; without a word it was cancelled, or could not go on. */
static void take_result(struct lane *lane, struct aws_http_request *request, bool working)
{
    int left = 0;
    const CURLMsg *msg = curl_multi_info_read(lane->multi, &left);
    if (msg != NULL && msg->msg == CURLMSG_DONE) {
        http_easy_result(request, msg->data.result);
        return;
    }
    request->sent = http_easy_sent(request);
    http_easy_end(request, working ? WEIR_CANCELLED : WEIR_NO_MEMORY,
                  working ? "cancelled" : "out of memory for a request");
}

static void transfer(struct lane *lane, struct aws_http_request *request, struct weir_env *env)
{
    request->easy = lane->easy;
    request->key = &lane->key;
    if (!http_easy_prepare(request, env) ||
        curl_multi_add_handle(lane->multi, lane->easy) != CURLM_OK) {
        http_easy_end(request, WEIR_NO_MEMORY, "out of memory for a request");
    } else {
        take_result(lane, request, run(lane, request));
        (void)curl_multi_remove_handle(lane->multi, lane->easy);
    }
    http_easy_clear(request);
    request->easy = NULL;
    request->key = NULL;
}

bool lanes_run(struct lanes *lanes, struct aws_http_request *request)
{
    struct lane *lane = NULL;
    if (!lane_take(lanes, &lane)) {
        return false;
    }
    if (lane == NULL) {
        lane = lane_new(lanes);
    }
    if (lane == NULL) {
        http_easy_end(request, WEIR_NO_MEMORY, "out of memory for a request");
    } else {
        pthread_mutex_lock(&lanes->mu);
        request->lane = lane;
        pthread_mutex_unlock(&lanes->mu);
        transfer(lane, request, lanes->options->env);
    }
    lane_give(lanes, lane, request);
    return true;
}

void lanes_wake(struct lanes *lanes, struct aws_http_request *request)
{
    pthread_mutex_lock(&lanes->mu);
    if (request->lane != NULL) {
        (void)curl_multi_wakeup(request->lane->multi);
    }
    pthread_mutex_unlock(&lanes->mu);
}

void lanes_init(struct lanes *lanes, const struct aws_http_options *options, const char *ca_bundle)
{
    *lanes = (struct lanes){.options = options, .ca_bundle = ca_bundle};
    (void)pthread_mutex_init(&lanes->mu, NULL);
}

void lanes_fini(struct lanes *lanes)
{
    WEIR_ASSERT(lanes->taken == 0);
    while (lanes->newest != NULL) {
        struct lane *lane = lanes->newest;
        idle_remove(lanes, lane);
        lane_free(lane);
    }
    (void)pthread_mutex_destroy(&lanes->mu);
}
