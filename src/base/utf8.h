/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H

#include "base/bytes.h"

/* Whether the bytes are UTF-8 (RFC 3629): no overlong form, no surrogate, nothing past U+10FFFF. */
bool utf8_valid(struct weir_bytes bytes);

#endif
