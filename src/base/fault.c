/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault points: a counter of passages for each point, and what to do at which passage. Parsed into
 * a local table first, so that a text with a mistake in it arms nothing.
 */
#include "base/fault.h"

#include "base/bytes.h"
#include "base/error.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

enum action { ACTION_NONE, ACTION_KILL, ACTION_ERROR, ACTION_ERRORS, ACTION_STOP };

struct arming {
    enum action action;
    uint64_t passage; /* from 1 */
};

static const char *const point_names[FAULT_COUNT] = {
#define FAULT_NAME(name, text) text,
    FAULT_TABLE(FAULT_NAME)
#undef FAULT_NAME
};

static const char *const action_names[] = {
    [ACTION_KILL] = "kill",
    [ACTION_ERROR] = "error",
    [ACTION_ERRORS] = "errors",
    [ACTION_STOP] = "stop",
};

unsigned fault_armed_count;

static struct arming armings[FAULT_COUNT]; /* immutable once threads run */
static _Atomic uint64_t passages[FAULT_COUNT];

bool fault_hit_slow(enum fault_point point)
{
    const struct arming *arming = &armings[point];
    if (arming->action == ACTION_NONE) {
        return false;
    }
    uint64_t passage = atomic_fetch_add(&passages[point], 1) + 1;
    if (passage != arming->passage) {
        return arming->action == ACTION_ERRORS && passage > arming->passage;
    }
    if (arming->action == ACTION_KILL) {
        (void)raise(SIGKILL);
    } else if (arming->action == ACTION_STOP) {
        (void)raise(SIGSTOP);
    }
    return arming->action == ACTION_ERROR || arming->action == ACTION_ERRORS;
}

/* Takes what stands before the first `mark` (or everything) off the front of *rest. */
static struct weir_bytes cut_at(struct weir_bytes *rest, char mark)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->ptr, mark, rest->len);
    struct weir_bytes front = *rest;
    if (at == NULL) {
        *rest = BYTES_NONE;
        return front;
    }
    front.len = (size_t)(at - rest->ptr);
    *rest = bytes_of(at + 1, rest->len - front.len - 1);
    return front;
}

/* What is quoted of the text in a message. */
static struct weir_bytes shortened(struct weir_bytes text)
{
    return bytes_of(text.ptr, text.len < 64 ? text.len : 64);
}

static enum weir_status unknown_point(struct weir_bytes name, struct weir_error *err)
{
    char known[WEIR_ERROR_MESSAGE_MAX] = "";
    size_t len = 0;
    for (int i = 0; i < FAULT_COUNT && len < sizeof(known); i++) {
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i == 0 ? "" : ", ",
                                point_names[i]);
    }
    return error_set(err, WEIR_INVALID_ARGUMENT, "no fault point '%.*s'; the points are %s",
                     BYTES_ARG(shortened(name)), known);
}

static enum weir_status parse_point(struct weir_bytes name, enum fault_point *ret_point,
                                    struct weir_error *err)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (bytes_eq_str(name, point_names[i])) {
            *ret_point = (enum fault_point)i;
            return WEIR_OK;
        }
    }
    return unknown_point(name, err);
}

static enum weir_status parse_action(struct weir_bytes name, enum action *ret_action,
                                     struct weir_error *err)
{
    for (int i = ACTION_KILL; i <= ACTION_STOP; i++) {
        if (bytes_eq_str(name, action_names[i])) {
            *ret_action = (enum action)i;
            return WEIR_OK;
        }
    }
    return error_set(err, WEIR_INVALID_ARGUMENT,
                     "no fault action '%.*s'; the actions are kill, error, errors, stop",
                     BYTES_ARG(shortened(name)));
}

static enum weir_status parse_passage(struct weir_bytes digits, uint64_t *ret_passage,
                                      struct weir_error *err)
{
    uint64_t passage = 0;
    bool good = digits.len >= 1 && digits.len <= 9;
    for (size_t i = 0; good && i < digits.len; i++) {
        good = digits.ptr[i] >= '0' && digits.ptr[i] <= '9';
        passage = passage * 10 + (uint64_t)(digits.ptr[i] - '0');
    }
    if (!good || passage == 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT,
                         "'%.*s' is no passage of a fault point; it is a number from 1 to 999999999"
                         " as in <point>=<action>@<n>",
                         BYTES_ARG(shortened(digits)));
    }
    *ret_passage = passage;
    return WEIR_OK;
}

/* One <point>=<action>@<n> into the table. */
static enum weir_status parse_arming(struct weir_bytes text, struct arming table[FAULT_COUNT],
                                     struct weir_error *err)
{
    struct weir_bytes digits = text;
    struct weir_bytes name = cut_at(&digits, '=');
    struct weir_bytes action_name = cut_at(&digits, '@');
    enum fault_point point = 0;
    struct arming arming = {ACTION_NONE, 0};
    enum weir_status status = parse_point(name, &point, err);
    if (status == WEIR_OK) {
        status = parse_action(action_name, &arming.action, err);
    }
    if (status == WEIR_OK) {
        status = parse_passage(digits, &arming.passage, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    if (table[point].action != ACTION_NONE) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "the fault point %s is armed twice",
                         point_names[point]);
    }
    table[point] = arming;
    return WEIR_OK;
}

enum weir_status fault_arm(const char *text, struct weir_error *err)
{
    struct arming table[FAULT_COUNT] = {{ACTION_NONE, 0}};
    unsigned count = 0;
    for (struct weir_bytes rest = bytes_str(text); rest.len > 0; count++) {
        enum weir_status status = parse_arming(cut_at(&rest, ','), table, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    memcpy(armings, table, sizeof(armings));
    for (int i = 0; i < FAULT_COUNT; i++) {
        atomic_store(&passages[i], 0);
    }
    fault_armed_count = count;
    return WEIR_OK;
}
