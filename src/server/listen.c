/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket: one for all fronts, bound without SO_REUSEPORT, so that a port that another
 * program (or another weir) has is an error at the start and not half of the requests.
 */
#include "server/internal.h"

#include "base/error.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

static enum weir_status fail(const char *address, uint16_t port, int error, struct weir_error *err)
{
    if (error == EADDRINUSE) {
        return error_set(err, WEIR_IO,
                         "cannot listen on %s port %u: the port is in use by another program (see "
                         "\"ss -ltnp sport = :%u\"), perhaps another weir; choose another port or "
                         "end it",
                         address, port, port);
    }
    if (error == EACCES) {
        return error_set(err, WEIR_IO,
                         "cannot listen on %s port %u: ports below 1024 need a privilege; choose a "
                         "higher one",
                         address, port);
    }
    return error_set(err, WEIR_IO, "cannot listen on %s port %u: %s", address, port,
                     strerror(error));
}

/* The socket, or -1 with errno. */
static int open_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    /* Past connections in TIME_WAIT do not hold the port; a listener does. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
        return 0;
    }
    char text[8];
    if (getnameinfo((struct sockaddr *)&bound, size, NULL, 0, text, sizeof(text), NI_NUMERICSERV) !=
        0) {
        return 0;
    }
    return (uint16_t)strtoul(text, NULL, 10);
}

enum weir_status listen_open(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                             struct weir_error *err)
{
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *infos = NULL;
    int failed = getaddrinfo(address, service, &hints, &infos);
    if (failed != 0) {
        return error_set(err, WEIR_IO, "cannot listen on %s port %u: %s", address, port,
                         gai_strerror(failed));
    }
    int fd = -1;
    int error = 0;
    for (const struct addrinfo *info = infos; info != NULL && fd < 0; info = info->ai_next) {
        fd = open_one(info);
        /* The first address is the one that was meant; report it. */
        error = fd < 0 && error == 0 ? errno : error;
    }
    freeaddrinfo(infos);
    if (fd < 0) {
        return fail(address, port, error, err);
    }
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return WEIR_OK;
}
