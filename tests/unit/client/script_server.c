/* SPDX-License-Identifier: Apache-2.0 */
/* One thread that polls all connections: see script_server.h. */
#include "unit/client/script_server.h"

#include <assert.h>
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 300 /* a client has 256, and may leave some behind */
#define REQUESTS_MAX 256

struct connection {
    int fd;
    SSL *tls; /* NULL: plain */
    char *text;
    size_t len;
};

struct script_server {
    const struct script_step *steps;
    size_t step_count;
    SSL_CTX *tls; /* NULL: plain */
    int listener;
    int stop_pipe[2];
    uint16_t port;
    pthread_t thread;
    struct connection connections[CONNECTIONS_MAX]; /* fd -1: free */

    pthread_mutex_t mu;
    pthread_cond_t arrived;
    char *requests[REQUESTS_MAX]; /* under mu */
    unsigned count;               /* under mu */
    unsigned accepted;            /* under mu */
    unsigned reset_next;          /* under mu */
};

static void drop(struct connection *c)
{
    SSL_free(c->tls);
    (void)close(c->fd);
    free(c->text);
    *c = (struct connection){.fd = -1};
}

static void send_all(const struct connection *c, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = c->tls != NULL ? SSL_write(c->tls, bytes, (int)len)
                                      : send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void act(struct script_server *s, struct connection *c, unsigned index)
{
    static const struct script_step over = {.action = SCRIPT_ANSWER, .status = 200};
    const struct script_step *step = index < s->step_count ? &s->steps[index] : &over;
    const char *body = step->body == NULL ? "{}" : step->body;
    char *reply = NULL;
    if (step->action == SCRIPT_HANG) {
        return;
    }
    if (step->action == SCRIPT_CUT) {
        drop(c);
        return;
    }
    int len = asprintf(&reply,
                       "HTTP/1.1 %d Scripted\r\nContent-Type: application/x-amz-json-1.0\r\n"
                       "x-amzn-RequestId: REQUEST%u\r\n%sContent-Length: %zu\r\n\r\n%s",
                       step->status, index, step->headers == NULL ? "" : step->headers,
                       strlen(body), body);
    assert(len > 0);
    send_all(c, reply,
             step->action == SCRIPT_CUT_MID ? (size_t)len - strlen(body) / 2 - 1 : (size_t)len);
    free(reply);
    if (step->action == SCRIPT_CUT_MID) {
        drop(c);
    }
}

/* The length of the whole request at the start of the text; 0: not all here. */
static size_t request_length(const struct connection *c)
{
    const char *end = c->text == NULL ? NULL : strstr(c->text, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const char *header = strcasestr(c->text, "\r\ncontent-length:");
    size_t body = header != NULL && header < end ? strtoul(header + 17, NULL, 10) : 0;
    size_t whole = (size_t)(end - c->text) + 4 + body;
    return whole <= c->len ? whole : 0;
}

static void take_request(struct script_server *s, struct connection *c, size_t len)
{
    pthread_mutex_lock(&s->mu);
    assert(s->count < REQUESTS_MAX);
    unsigned index = s->count++;
    s->requests[index] = strndup(c->text, len);
    (void)pthread_cond_broadcast(&s->arrived);
    pthread_mutex_unlock(&s->mu);
    memmove(c->text, c->text + len, c->len - len + 1);
    c->len -= len;
    act(s, c, index);
}

static void receive_some(struct script_server *s, struct connection *c)
{
    char part[65536];
    ssize_t got =
        c->tls != NULL ? SSL_read(c->tls, part, sizeof(part)) : recv(c->fd, part, sizeof(part), 0);
    if (got <= 0) {
        drop(c);
        return;
    }
    c->text = realloc(c->text, c->len + (size_t)got + 1);
    assert(c->text != NULL);
    memcpy(c->text + c->len, part, (size_t)got);
    c->len += (size_t)got;
    c->text[c->len] = '\0';
    size_t len = request_length(c);
    if (len > 0) {
        take_request(s, c, len);
    }
}

/* What TLS has decrypted already is announced by no poll. */
static void receive(struct script_server *s, struct connection *c)
{
    do {
        receive_some(s, c);
    } while (c->tls != NULL && SSL_pending(c->tls) > 0);
}

static void accept_on(struct script_server *s, struct connection *c, int fd)
{
    c->fd = fd;
    if (s->tls == NULL) {
        return;
    }
    c->tls = SSL_new(s->tls);
    if (SSL_set_fd(c->tls, fd) != 1 || SSL_accept(c->tls) != 1) {
        drop(c);
    }
}

/* Whether the connection is one that is reset. */
static bool count_connection(struct script_server *s)
{
    pthread_mutex_lock(&s->mu);
    bool reset = s->reset_next > 0;
    s->reset_next -= reset;
    s->accepted++;
    pthread_mutex_unlock(&s->mu);
    return reset;
}

static void accept_one(struct script_server *s)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = accept(s->listener, NULL, NULL);
    if (fd >= 0 && count_connection(s)) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        (void)close(fd);
        return;
    }
    for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
        if (s->connections[i].fd < 0) {
            accept_on(s, &s->connections[i], fd);
            return;
        }
    }
    abort(); /* more connections than any test makes */
}

static void *serve(void *arg)
{
    struct script_server *s = arg;
    for (;;) {
        struct pollfd fds[CONNECTIONS_MAX + 2] = {{.fd = s->stop_pipe[0], .events = POLLIN},
                                                  {.fd = s->listener, .events = POLLIN}};
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            fds[i + 2] = (struct pollfd){.fd = s->connections[i].fd, .events = POLLIN};
        }
        if (poll(fds, CONNECTIONS_MAX + 2, -1) < 0 || fds[0].revents != 0) {
            return NULL;
        }
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            if (fds[i + 2].fd >= 0 && fds[i + 2].revents != 0) {
                receive(s, &s->connections[i]);
            }
        }
        if (fds[1].revents != 0) {
            accept_one(s);
        }
    }
}

static int listen_anywhere(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 300) != 0 ||
                 getsockname(fd, (struct sockaddr *)&address, &size) != 0;
    assert(!failed);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* A certificate for 127.0.0.1, signed by itself, good for an hour. */
static X509 *certificate_new(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *address = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    int made = X509_set_version(certificate, X509_VERSION_3) == 1 &&
               ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
               X509_gmtime_adj(X509_getm_notBefore(certificate), -60) != NULL &&
               X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) != NULL &&
               X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"scripted", -1,
                                          -1, 0) == 1 &&
               X509_set_issuer_name(certificate, name) == 1 &&
               X509_set_pubkey(certificate, key) == 1 &&
               X509_add_ext(certificate, address, -1) == 1 &&
               X509_sign(certificate, key, EVP_sha256()) != 0;
    assert(made);
    X509_EXTENSION_free(address);
    return certificate;
}

static SSL_CTX *tls_new(const char *ca_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = certificate_new(key);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    FILE *file = fopen(ca_path, "w");
    int made = file != NULL && PEM_write_X509(file, certificate) == 1 &&
               SSL_CTX_use_certificate(tls, certificate) == 1 &&
               SSL_CTX_use_PrivateKey(tls, key) == 1;
    assert(made);
    (void)fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

static struct script_server *start(const struct script_step *steps, size_t count, SSL_CTX *tls)
{
    struct script_server *s = calloc(1, sizeof(*s));
    assert(s != NULL);
    s->tls = tls;
    s->steps = steps;
    s->step_count = count;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        s->connections[i].fd = -1;
    }
    (void)pthread_mutex_init(&s->mu, NULL);
    (void)pthread_cond_init(&s->arrived, NULL);
    s->listener = listen_anywhere(&s->port);
    int failed = pipe(s->stop_pipe) != 0 || pthread_create(&s->thread, NULL, serve, s) != 0;
    assert(!failed);
    return s;
}

struct script_server *script_server_start(const struct script_step *steps, size_t count)
{
    return start(steps, count, NULL);
}

struct script_server *script_server_start_tls(const struct script_step *steps, size_t count,
                                              const char *ca_path)
{
    return start(steps, count, tls_new(ca_path));
}

void script_server_stop(struct script_server *s)
{
    (void)close(s->stop_pipe[1]);
    (void)pthread_join(s->thread, NULL);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (s->connections[i].fd >= 0) {
            drop(&s->connections[i]);
        }
    }
    for (unsigned i = 0; i < s->count; i++) {
        free(s->requests[i]);
    }
    SSL_CTX_free(s->tls);
    (void)close(s->stop_pipe[0]);
    (void)close(s->listener);
    (void)pthread_cond_destroy(&s->arrived);
    (void)pthread_mutex_destroy(&s->mu);
    free(s);
}

uint16_t script_server_port(const struct script_server *s)
{
    return s->port;
}

unsigned script_server_count(struct script_server *s)
{
    pthread_mutex_lock(&s->mu);
    unsigned count = s->count;
    pthread_mutex_unlock(&s->mu);
    return count;
}

unsigned script_server_connections(struct script_server *s)
{
    pthread_mutex_lock(&s->mu);
    unsigned accepted = s->accepted;
    pthread_mutex_unlock(&s->mu);
    return accepted;
}

void script_server_reset_next(struct script_server *s, unsigned count)
{
    pthread_mutex_lock(&s->mu);
    s->reset_next = count;
    pthread_mutex_unlock(&s->mu);
}

void script_server_await(struct script_server *s, unsigned count)
{
    pthread_mutex_lock(&s->mu);
    while (s->count < count) {
        (void)pthread_cond_wait(&s->arrived, &s->mu);
    }
    pthread_mutex_unlock(&s->mu);
}

const char *script_server_request(struct script_server *s, unsigned index)
{
    pthread_mutex_lock(&s->mu);
    const char *text = index < s->count ? s->requests[index] : "";
    pthread_mutex_unlock(&s->mu);
    return text;
}

uint16_t unused_port(void)
{
    uint16_t port;
    int fd = listen_anywhere(&port);
    (void)close(fd);
    return port;
}
