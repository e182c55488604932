/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLI_COMPLETION_H
#define WEIR_CLI_COMPLETION_H

#include "cli/cli.h"

/*
 * What could stand for the last of the words after "weir", which is as far as it was typed: lines
 * "candidate TAB description", from the table of commands. Where a file or a folder belongs, the
 * one line ":file" or ":dir": shells know these better.
 */
void completion_print(FILE *to, const char *const *words, unsigned count);

#endif
