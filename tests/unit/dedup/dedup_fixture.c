/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/dedup/dedup_fixture.h"

void dedup_fixture_open(struct fixture *f)
{
    fixture_open(f);
    f->dedup = fixture_dedup(f, NULL);
}

void dedup_fixture_close(struct fixture *f)
{
    weir_dedup_close(f->dedup);
    fixture_close(f);
}

struct weir_dedup *fixture_dedup(struct fixture *f, const struct weir_dedup_options *options)
{
    struct weir_dedup *dedup = NULL;
    if (weir_dedup_open(f->client, options, &dedup, &f->err) != WEIR_OK) {
        fail_msg("opening: %s: %s", weir_status_name(f->err.status), f->err.message);
    }
    dedup->env = f->clock;
    return dedup;
}

const struct weir_value *fixture_row(struct fixture *f, const char *worker, const char *message)
{
    return fixture_item(f, TABLE,
                        arena_printf(f->arena,
                                     "{\"worker_id\":{\"S\":\"%s\"},\"message_id\":{\"S\":\"%s\"}}",
                                     worker, message));
}

struct weir_claim fixture_claim(struct fixture *f, struct weir_dedup *dedup, const char *worker,
                                const char *message, enum weir_claim_outcome wanted)
{
    struct weir_claim_request request = request_of(worker, message, "payload");
    struct weir_claim claim = {0};
    if (weir_dedup_claim(dedup, &request, &claim, &f->err) != WEIR_OK) {
        fail_msg("claiming %s: %s", message, f->err.message);
    }
    assert_int_equal(claim.outcome, wanted);
    return claim;
}
