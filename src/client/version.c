/* SPDX-License-Identifier: Apache-2.0 */
/* What the project's version is, as text and as a number that compares. */
#include "weir/client.h"

#include "weir-version.h"

const char *weir_version(void)
{
    return WEIR_VERSION_TEXT;
}

uint32_t weir_version_number(void)
{
    return WEIR_VERSION_NUMBER;
}
