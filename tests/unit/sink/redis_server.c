/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sink/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVER "/usr/bin/redis-server"

struct redis_server server;

int server_missing(void)
{
    const char *no_skip = getenv("WEIR_NO_SKIP");
    if (access(SERVER, X_OK) == 0) {
        return 0;
    }
    (void)fprintf(stderr, "SKIPPED: there is no %s\n", SERVER);
    return no_skip != NULL && strcmp(no_skip, "1") == 0 ? 1 : 77;
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

void redis_server_start(const char *password)
{
    char port[16];
    (void)snprintf(port, sizeof(port), "%d", server.port);
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves no server behind */
        int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, STDOUT_FILENO);
        execl(SERVER, SERVER, "--port", port, "--bind", "127.0.0.1", "--dir", server.folder,
              "--save", "", "--appendonly", "yes", "--appendfsync", "always",
              "--auto-aof-rewrite-percentage", "0", "--requirepass", password, (char *)NULL);
        _exit(127);
    }
    for (int tries = 0; server.control == NULL; tries++) {
        redisContext *c = redisConnect("127.0.0.1", server.port);
        redisReply *reply =
            c == NULL || c->err != 0
                ? NULL
                : redisCommand(c, password[0] == '\0' ? "PING" : "AUTH %s", password);
        if (reply != NULL && reply->type == REDIS_REPLY_STATUS) {
            server.control = c;
        } else {
            redisFree(c);
            if (tries == 500) {
                fail_msg("%s does not answer on port %d", SERVER, server.port);
            }
            (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        }
        freeReplyObject(reply);
    }
}

void redis_server_stop(void)
{
    redisFree(server.control);
    server.control = NULL;
    assert_int_equal(kill(server.pid, SIGKILL), 0);
    assert_int_equal(waitpid(server.pid, NULL, 0), server.pid);
    server.pid = 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int server_setup(void **state)
{
    (void)state;
    (void)snprintf(server.folder, sizeof(server.folder), "/tmp/weir-redis-XXXXXX");
    assert_non_null(mkdtemp(server.folder));
    server.port = free_port();
    (void)snprintf(server.url, sizeof(server.url), "redis://127.0.0.1:%d", server.port);
    redis_server_start("");
    return 0;
}

int server_teardown(void **state)
{
    (void)state;
    if (server.pid != 0) {
        redis_server_stop();
    }
    return nftw(server.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

redisReply *command(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(server.control, format, args);
    va_end(args);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        fail_msg("%s: %s", format, reply == NULL ? server.control->errstr : reply->str);
    }
    return reply;
}

long long stream_length(const char *stream)
{
    redisReply *reply = command("XLEN %s", stream);
    long long length = reply->integer;
    freeReplyObject(reply);
    return length;
}

const redisReply *field_of(const redisReply *entry, const char *name)
{
    const redisReply *fields = entry->element[1];
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, name) == 0) {
            return fields->element[i + 1];
        }
    }
    return NULL;
}

const char *ids_of(const char *stream, const char *key)
{
    static char ids[65536];
    size_t len = 0;
    redisReply *entries = command("XRANGE %s - +", stream);
    ids[0] = '\0';
    for (size_t i = 0; i < entries->elements; i++) {
        if (key == NULL || strcmp(field_of(entries->element[i], "key")->str, key) == 0) {
            len += (size_t)snprintf(ids + len, sizeof(ids) - len, "%s%s", len == 0 ? "" : " ",
                                    field_of(entries->element[i], "id")->str);
        }
    }
    freeReplyObject(entries);
    return ids;
}
