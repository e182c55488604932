/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the weather: refused with a text, or in force; then what each says of itself is a rule
 * again, and none of its characters would need a quote in /metrics. */
#include "base/error.h"
#include "server/weather.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const operations[] = {"PutItem", "BatchWriteItem", NULL};

static void check_rule(const char *text)
{
    struct weather *again = NULL;
    WEIR_ASSERT(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "_*:=@%?-") == strlen(text));
    WEIR_ASSERT(weather_new(text, operations, env_system(), &again, NULL) == WEIR_OK);
    WEIR_ASSERT(strcmp(weather_rule_text(again, 0), text) == 0);
    weather_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct weather *weather = NULL;
    struct weir_error err = {0};
    WEIR_ASSERT(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (weather_new(text, operations, env_system(), &weather, &err) == WEIR_OK) {
        for (unsigned i = 0; i < weather_rule_count(weather); i++) {
            check_rule(weather_rule_text(weather, i));
        }
        (void)weather_next(weather, "PutItem");
        weather_free(weather);
    } else {
        WEIR_ASSERT(err.message[0] != '\0');
    }
    free(text);
    return 0;
}
