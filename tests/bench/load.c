/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator for HTTP servers on this machine: some connections, each with one request under
 * way, each answer checked. What it measures is the server, so it does as little as it can itself:
 * a request is prepared once per connection, and only its key and its number are patched.
 *
 *     load --port N --request put|get [--connections N] [--seconds N | --count N] [--keys N]
 *          [--answer json|any] [--rate PER-SECOND] [--sequential] [--pid N]
 *
 * --answer any takes every 200 (a server that answers all requests alike). --rate sends on one
 * connection at fixed moments and counts latency from the moment, not from the sending, so that a
 * stall is not hidden. --pid adds the CPU time that this process used meanwhile. The result is one
 * JSON object; the exit code is 0 only when every answer was right.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX 2048
#define ANSWER_BYTES_MAX 8192
#define CONNECTIONS_MAX 1024
#define COUNT_MAX 20000000u
#define SECONDS_MAX 600.0
#define SAMPLES_MAX (1u << 20)
#define STALL_MS 15000 /* without any answer for so long: failed */
#define NS_PER_S 1000000000u

#define KEY_DIGITS 9
#define NUMBER_DIGITS 10
#define NUMBER_FIRST 1000000000u /* keeps its length, and is a canonical number */

/* '#' is patched with the key, '@' with a number that no other request has. */
#define KEY_HOLE "#########"
#define NUMBER_HOLE "@@@@@@@@@@"
_Static_assert(sizeof(KEY_HOLE) - 1 == KEY_DIGITS, "the hole is the key's");
_Static_assert(sizeof(NUMBER_HOLE) - 1 == NUMBER_DIGITS, "the hole is the number's");

#define KEY_JSON "\"pk\":{\"S\":\"order#" KEY_HOLE "\"},\"sk\":{\"S\":\"order\"}"
/* The item is 450 bytes long as JSON. */
#define ITEM_JSON                                                                         \
    "{" KEY_JSON ",\"type\":{\"S\":\"order\"},\"version\":{\"N\":\"" NUMBER_HOLE "\"},"   \
    "\"status\":{\"S\":\"accepted\"},\"customer\":{\"M\":{\"id\":{\"S\":\"c-4711\"},"     \
    "\"name\":{\"S\":\"Astrid Lindqvist\"},\"city\":{\"S\":\"Uppsala\"}}},"               \
    "\"total\":{\"N\":\"149.95\"},\"currency\":{\"S\":\"SEK\"},\"paid\":{\"BOOL\":true}," \
    "\"createdAt\":{\"S\":\"2025-03-01T12:34:56.789Z\"},"                                 \
    "\"note\":{\"S\":\"leave it with the neighbours at number twelve please"              \
    " and ring twice, since the bell of the house is low\"}}"

static const struct request_kind {
    const char *name;
    const char *target;
    const char *body;
    const char *answer; /* what an answer begins with; NULL: it is exactly {} */
} kinds[] = {
    {"put", "PutItem", "{\"TableName\":\"bench\",\"Item\":" ITEM_JSON "}", NULL},
    {"get", "GetItem", "{\"TableName\":\"bench\",\"Key\":{" KEY_JSON "}}", "{\"Item\":{"},
};

struct options {
    uint16_t port;
    const struct request_kind *kind;
    uint32_t connections;
    double seconds;
    uint32_t count;
    uint32_t keys;
    uint32_t rate;
    bool any_answer;
    bool sequential;
    pid_t pid;
};

struct connection {
    int fd;
    char request[REQUEST_BYTES_MAX];
    size_t request_len, sent;
    size_t key_at, number_at; /* number_at 0: it has none */
    char answer[ANSWER_BYTES_MAX];
    size_t answer_len;
    uint64_t since_ns;
};

struct load {
    struct options options;
    int epoll;
    struct connection *connections;
    uint32_t started, finished, wrong;
    uint64_t deadline_ns;
    uint64_t chance;
    uint32_t first_number; /* another one in each run, so that every put changes its item */
    uint32_t number;
    uint32_t *samples_us;
    uint32_t sample_count;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("load: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        die("cannot read a clock: %s", strerror(errno));
    }
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void prepare(struct connection *c, const struct options *options)
{
    int len = snprintf(c->request, sizeof(c->request),
                       "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                       "Content-Type: application/x-amz-json-1.0\r\n"
                       "X-Amz-Target: DynamoDB_20120810.%s\r\nContent-Length: %zu\r\n\r\n%s",
                       options->port, options->kind->target, strlen(options->kind->body),
                       options->kind->body);
    if (len < 0 || (size_t)len >= sizeof(c->request)) {
        die("the request does not fit");
    }
    c->request_len = (size_t)len;
    c->key_at = (size_t)(strstr(c->request, KEY_HOLE) - c->request);
    const char *number = strstr(c->request, NUMBER_HOLE);
    c->number_at = number == NULL ? 0 : (size_t)(number - c->request);
}

static void put_digits(char *to, unsigned digits, uint32_t value)
{
    for (unsigned i = digits; i > 0; i--) {
        to[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
}

static uint32_t next_key(struct load *load)
{
    if (load->options.sequential) {
        return load->number % load->options.keys;
    }
    load->chance ^= load->chance << 13;
    load->chance ^= load->chance >> 7;
    load->chance ^= load->chance << 17;
    return (uint32_t)(load->chance % load->options.keys);
}

static void send_some(struct connection *c)
{
    while (c->sent < c->request_len) {
        ssize_t sent = send(c->fd, c->request + c->sent, c->request_len - c->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            die("cannot send: %s", strerror(errno)); /* a request fits into an empty socket */
        }
        c->sent += sent < 0 ? 0 : (size_t)sent;
    }
}

static void start_request(struct load *load, struct connection *c, uint64_t now_ns)
{
    put_digits(c->request + c->key_at, KEY_DIGITS, next_key(load));
    if (c->number_at != 0) {
        put_digits(c->request + c->number_at, NUMBER_DIGITS, load->first_number + load->number);
    }
    load->number++;
    load->started++;
    c->sent = 0;
    c->answer_len = 0;
    c->since_ns = now_ns;
    send_some(c);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The length of a whole answer with its body's place, 0 while some is missing. */
static size_t whole_answer(struct connection *c, const char **ret_body, size_t *ret_body_len)
{
    c->answer[c->answer_len] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const char *length = strcasestr(c->answer, "\r\nContent-Length:");
    if (length == NULL || length > end) {
        die("an answer without Content-Length: %.200s", c->answer);
    }
    *ret_body = end + 4;
    *ret_body_len = strtoul(length + sizeof("\r\nContent-Length:") - 1, NULL, 10);
    size_t whole = (size_t)(*ret_body - c->answer) + *ret_body_len;
    return c->answer_len < whole ? 0 : whole;
}

static bool is_right(const struct load *load, const struct connection *c, const char *body,
                     size_t body_len)
{
    if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0) {
        return false;
    }
    const char *begin = load->options.kind->answer;
    if (load->options.any_answer) {
        return body_len > 0;
    }
    if (begin == NULL) {
        return body_len == 2 && memcmp(body, "{}", 2) == 0;
    }
    return strncmp(body, begin, strlen(begin)) == 0 &&
           memmem(body, body_len, c->request + c->key_at, KEY_DIGITS) != NULL;
}

static void finish_request(struct load *load, struct connection *c, uint64_t now_ns)
{
    const char *body = NULL;
    size_t body_len = 0;
    size_t whole = whole_answer(c, &body, &body_len);
    if (whole == 0) {
        return;
    }
    load->finished++;
    if (whole != c->answer_len || !is_right(load, c, body, body_len)) {
        if (load->wrong++ == 0) {
            (void)fprintf(stderr, "load: a wrong answer: %.600s\n", c->answer);
        }
    }
    if (load->sample_count < SAMPLES_MAX) {
        load->samples_us[load->sample_count++] = (uint32_t)((now_ns - c->since_ns) / 1000);
    }
    c->since_ns = 0;
}

static void receive(struct load *load, struct connection *c, uint64_t now_ns)
{
    size_t room = sizeof(c->answer) - 1 - c->answer_len;
    ssize_t got = recv(c->fd, c->answer + c->answer_len, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        die("the server closed a connection, or an answer is too long");
    }
    c->answer_len += (size_t)got;
    finish_request(load, c, now_ns);
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool goes_on(const struct load *load, uint64_t now_ns)
{
    return load->started < load->options.count && now_ns < load->deadline_ns;
}

static bool wait_for_answers(struct load *load, struct epoll_event *events, int max, int *ret_count)
{
    *ret_count = epoll_wait(load->epoll, events, max, STALL_MS);
    if (*ret_count == 0) {
        die("no answer within %d ms", STALL_MS);
    }
    return *ret_count > 0;
}

/* As fast as the server answers. */
static void run_closed(struct load *load)
{
    struct epoll_event events[64];
    for (uint32_t i = 0; i < load->options.connections; i++) {
        if (goes_on(load, clock_ns(CLOCK_MONOTONIC))) {
            start_request(load, &load->connections[i], clock_ns(CLOCK_MONOTONIC));
        }
    }
    while (load->finished < load->started) {
        int count = 0;
        (void)wait_for_answers(load, events, 64, &count);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
            receive(load, c, now_ns);
            if (c->since_ns == 0 && goes_on(load, now_ns)) {
                start_request(load, c, now_ns);
            }
        }
    }
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S),
                          .tv_nsec = (long)(at_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

/* At fixed moments, one after the other on the first connection. */
static void run_paced(struct load *load)
{
    struct connection *c = &load->connections[0];
    struct epoll_event event;
    uint64_t due_ns = clock_ns(CLOCK_MONOTONIC);
    while (goes_on(load, due_ns)) {
        sleep_until(due_ns);
        start_request(load, c, due_ns);
        while (c->since_ns != 0) {
            int count = 0;
            (void)wait_for_answers(load, &event, 1, &count);
            receive(load, c, clock_ns(CLOCK_MONOTONIC));
        }
        due_ns += NS_PER_S / load->options.rate;
    }
}

static void open_connection(struct load *load, struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(load->options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    prepare(c, &load->options);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
        die("cannot connect to port %u: %s", load->options.port, strerror(errno));
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        die("cannot watch a connection: %s", strerror(errno));
    }
}

static void open_all(struct load *load)
{
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->connections = calloc(load->options.connections, sizeof(*load->connections));
    load->samples_us = malloc(SAMPLES_MAX * sizeof(*load->samples_us));
    if (load->epoll < 0 || load->connections == NULL || load->samples_us == NULL) {
        die("no memory or no files");
    }
    for (uint32_t i = 0; i < load->options.connections; i++) {
        open_connection(load, &load->connections[i]);
    }
}

/* ---- the result ------------------------------------------------------------------------------ */

static int compare_samples(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile_us(const struct load *load, double part)
{
    uint32_t i = (uint32_t)(part * (double)load->sample_count);
    return load->sample_count == 0
               ? 0
               : load->samples_us[i < load->sample_count ? i : load->sample_count - 1];
}

static void report(struct load *load, double seconds, double cpu_seconds)
{
    qsort(load->samples_us, load->sample_count, sizeof(*load->samples_us), compare_samples);
    double n = load->finished == 0 ? 1 : load->finished;
    (void)printf("{\"requests\": %u, \"wrong\": %u, \"seconds\": %.6f, \"per_second\": %.1f, "
                 "\"server_cpu_us\": %.3f, \"p50_us\": %u, \"p90_us\": %u, \"p99_us\": %u, "
                 "\"p999_us\": %u, \"max_us\": %u}\n",
                 load->finished, load->wrong, seconds, n / seconds, cpu_seconds * 1e6 / n,
                 percentile_us(load, 0.5), percentile_us(load, 0.9), percentile_us(load, 0.99),
                 percentile_us(load, 0.999), percentile_us(load, 1));
}

static clockid_t cpu_clock_of(pid_t pid)
{
    clockid_t clock = CLOCK_MONOTONIC;
    int failed = pid == 0 ? 0 : clock_getcpuclockid(pid, &clock);
    if (failed != 0) {
        die("cannot read the CPU time of process %d: %s", (int)pid, strerror(failed));
    }
    return clock;
}

static void run(struct load *load)
{
    clockid_t cpu_clock = cpu_clock_of(load->options.pid);
    uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t cpu_ns = clock_ns(cpu_clock);
    load->deadline_ns = start_ns + (uint64_t)(load->options.seconds * 1e9);
    load->chance = start_ns | 1;
    load->first_number = NUMBER_FIRST + (uint32_t)(start_ns / 1000 % NUMBER_FIRST);
    if (load->options.rate > 0) {
        run_paced(load);
    } else {
        run_closed(load);
    }
    cpu_ns = clock_ns(cpu_clock) - cpu_ns;
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e9;
    report(load, seconds, load->options.pid == 0 ? 0 : (double)cpu_ns / 1e9);
}

/* ---- options --------------------------------------------------------------------------------- */

static const struct request_kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            return &kinds[i];
        }
    }
    die("--request is put or get, not %s", name);
}

static uint32_t number_of(const char *option, const char *text, uint32_t min, uint32_t max)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < min || number > max) {
        die("%s is %u to %u", option, min, max);
    }
    return (uint32_t)number;
}

static void read_option(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0) {
        o->port = (uint16_t)number_of(name, value, 1, UINT16_MAX);
    } else if (strcmp(name, "--request") == 0) {
        o->kind = kind_of(value);
    } else if (strcmp(name, "--connections") == 0) {
        o->connections = number_of(name, value, 1, CONNECTIONS_MAX);
    } else if (strcmp(name, "--seconds") == 0) {
        o->seconds = strtod(value, NULL);
    } else if (strcmp(name, "--count") == 0) {
        o->count = number_of(name, value, 1, COUNT_MAX);
    } else if (strcmp(name, "--keys") == 0) {
        o->keys = number_of(name, value, 1, 999999999);
    } else if (strcmp(name, "--rate") == 0) {
        o->rate = number_of(name, value, 1, 100000);
    } else if (strcmp(name, "--answer") == 0) {
        o->any_answer = strcmp(value, "any") == 0;
    } else if (strcmp(name, "--pid") == 0) {
        o->pid = (pid_t)number_of(name, value, 1, INT32_MAX);
    } else {
        die("no option %s", name);
    }
}

static struct options read_options(int argc, char **argv)
{
    struct options o = {
        .connections = 64, .seconds = SECONDS_MAX, .count = COUNT_MAX, .keys = 100000};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--sequential") == 0) {
            o.sequential = true;
        } else if (i + 1 < argc) {
            read_option(&o, argv[i], argv[i + 1]);
            i++;
        } else {
            die("%s needs a value", argv[i]);
        }
    }
    if (o.port == 0 || o.kind == NULL) {
        die("--port and --request are needed");
    }
    if (!(o.seconds > 0 && o.seconds <= SECONDS_MAX)) {
        die("--seconds is at most %.0f", SECONDS_MAX);
    }
    o.connections = o.rate > 0 ? 1 : o.connections;
    return o;
}

int main(int argc, char **argv)
{
    struct load load = {.options = read_options(argc, argv)};
    open_all(&load);
    run(&load);
    for (uint32_t i = 0; i < load.options.connections; i++) {
        (void)close(load.connections[i].fd);
    }
    (void)close(load.epoll);
    free(load.connections);
    free(load.samples_us);
    return load.wrong == 0 && load.finished > 0 ? 0 : 1;
}
