/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_SERVER_FAKE_API_H
#define WEIR_TEST_SERVER_FAKE_API_H

/*
 * The API with operations that do what the server must cope with, under the test's control:
 *
 *     Echo           done at once, answers its request
 *     Long           done at once, answers a text of "Length" characters
 *     WakeAtOnce     wakes before it returns that it waits
 *     WakeOnFlush    waits for the flush at the end of the loop's turn
 *     Hold           waits until fake_release; then answers {"WaitMs": wait_ms}
 *     Block          must block; answers {"OnLoop": false} when it ran elsewhere
 *     BlockThenWake  must block; there wakes before it returns that it waits
 */

#include "api/api.h"

struct api *fake_api_new(void);
void fake_api_free(struct api *api);
/* Calls that hold now. */
unsigned fake_held(struct api *api);
/* Wakes all that hold; they and all later ones end. */
void fake_release(struct api *api);
/* Calls that came to their end. */
unsigned fake_done(struct api *api);

#endif
