/* SPDX-License-Identifier: Apache-2.0 */

/* The findings of weir doctor, and how they are shown. */

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor.h"

#define ARENA_BYTES (1024 * 1024)
#define NAME_WIDTH 30

static void vprint(char *to, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static void vprint(char *to, size_t size, const char *format, va_list arguments)
{
    vsnprintf(to, size, format, arguments);
}

void doctor_add(struct doctor *doctor, const char *area, const char *name, enum doctor_state state,
                const char *repair, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&doctor->mu);
    if (doctor->finding_count < DOCTOR_FINDINGS_MAX) {
        struct doctor_finding *finding = &doctor->findings[doctor->finding_count++];
        finding->area = area;
        finding->state = state;
        snprintf(finding->name, sizeof(finding->name), "%s", name);
        snprintf(finding->repair, sizeof(finding->repair), "%s", repair == NULL ? "" : repair);
        vprint(finding->text, sizeof(finding->text), format, arguments);
    }
    pthread_mutex_unlock(&doctor->mu);
    va_end(arguments);
}

void doctor_step(struct doctor *doctor, const char *step)
{
    pthread_mutex_lock(&doctor->mu);
    doctor->step = step;
    pthread_mutex_unlock(&doctor->mu);
}

void doctor_short_key_id(const char *key_id, char to[DOCTOR_KEY_ID_MAX])
{
    size_t len = strlen(key_id);
    if (len < 12) {
        snprintf(to, DOCTOR_KEY_ID_MAX, "%.2s...", len < 4 ? "" : key_id);
    } else {
        snprintf(to, DOCTOR_KEY_ID_MAX, "%.4s...%s", key_id, key_id + len - 4);
    }
}

/* ---- as text --------------------------------------------------------------------------------- */

struct look {
    const char *mark;
    const char *plain; /* on a terminal without UTF-8, and elsewhere */
    const char *color;
    const char *name; /* in JSON */
};

static const struct look looks[] = {
    [DOCTOR_OK] = {"\u221A   ", "ok  ", "\033[32m", "ok"},
    [DOCTOR_WARN] = {"~   ", "warn", "\033[33m", "warn"},
    [DOCTOR_FAIL] = {"x   ", "fail", "\033[31m", "fail"},
    [DOCTOR_NOTE] = {"-   ", "-   ", "\033[2m", "note"},
};

static bool draws_marks(void)
{
    return isatty(STDOUT_FILENO) && setlocale(LC_CTYPE, "") != NULL &&
           strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void print_finding(const struct doctor_finding *finding, bool marks, bool color)
{
    const struct look *look = &looks[finding->state];
    printf("  %s%s%s ", color ? look->color : "", marks ? look->mark : look->plain,
           color ? "\033[0m" : "");
    cli_print_clean(stdout, bytes_str(finding->name));
    for (int i = (int)strlen(finding->name); i < NAME_WIDTH; i++) {
        putchar(' ');
    }
    putchar(' ');
    cli_print_clean(stdout, bytes_str(finding->text));
    putchar('\n');
    if (finding->repair[0] != '\0') {
        printf("       %*s %s", NAME_WIDTH, "", marks ? "\u2192 " : "-> ");
        cli_print_clean(stdout, bytes_str(finding->repair));
        putchar('\n');
    }
}

static unsigned count_of(const struct doctor *doctor, enum doctor_state state)
{
    unsigned count = 0;
    for (unsigned i = 0; i < doctor->finding_count; i++) {
        count += doctor->findings[i].state == state;
    }
    return count;
}

static void print_text(const struct doctor *doctor)
{
    bool marks = draws_marks();
    bool color = cli_color(doctor->args, stdout);
    const char *area = "";
    for (unsigned i = 0; i < doctor->finding_count; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        if (strcmp(area, finding->area) != 0) {
            area = finding->area;
            printf("%s%s%s%s\n", i == 0 ? "" : "\n", color ? "\033[1m" : "", area,
                   color ? "\033[0m" : "");
        }
        print_finding(finding, marks, color);
    }
    printf("\n%u ok, %u to look at, %u failed\n", count_of(doctor, DOCTOR_OK),
           count_of(doctor, DOCTOR_WARN), count_of(doctor, DOCTOR_FAIL));
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void add_json(struct arena *a, struct weir_value *list, const struct doctor_finding *finding)
{
    struct weir_value *entry = value_new_map(a, VALUE_PLAIN);
    value_add_str(a, entry, "area", bytes_str(finding->area));
    value_add_str(a, entry, "name", bytes_str(finding->name));
    value_add_str(a, entry, "state", bytes_str(looks[finding->state].name));
    value_add_str(a, entry, "text", bytes_str(finding->text));
    if (finding->repair[0] != '\0') {
        value_add_str(a, entry, "repair", bytes_str(finding->repair));
    }
    struct weir_value *node = value_append(a, list);
    if (node != NULL && entry != NULL) {
        *node = *entry;
    }
}

static void print_json(const struct doctor *doctor)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    value_add_bool(a, document, "ok", count_of(doctor, DOCTOR_FAIL) == 0);
    struct weir_value *list = value_add_list(a, document, "findings");
    for (unsigned i = 0; i < doctor->finding_count; i++) {
        add_json(a, list, &doctor->findings[i]);
    }
    (void)cli_print_json(document); /* cli_finish says what became of it */
    arena_free(a);
}

bool doctor_print(struct doctor *doctor)
{
    pthread_mutex_lock(&doctor->mu);
    if (cli_json(doctor->args)) {
        print_json(doctor);
    } else {
        print_text(doctor);
    }
    bool good = count_of(doctor, DOCTOR_FAIL) == 0;
    pthread_mutex_unlock(&doctor->mu);
    return good;
}
