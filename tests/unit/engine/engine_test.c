/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture and the short calls of the engine's tests. */
#include "engine_test.h"

#include "base/error.h"
#include "base/fault.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ThreadSanitizer does not see the locks inside the RocksDB library, and reports its every access.
 */
#if defined(__SANITIZE_THREAD__)
#define WITHOUT_ROCKS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITHOUT_ROCKS 1
#endif
#endif

static bool over_rocks;

/* ---- stores -----------------------------------------------------------------------------------
 */

static void keep_open(struct kv *kv)
{
    (void)kv; /* the fixture closes it when the test is over */
}

static const struct kv_ops *mem_ops;

void (*test_stored)(void *arg);
void *test_stored_arg;

static enum weir_status commit_and_tell(struct kv *kv, struct kv_batch *batch,
                                        uint64_t commit_number, struct weir_error *err)
{
    enum weir_status status = mem_ops->commit(kv, batch, commit_number, err);
    if (test_stored != NULL) {
        test_stored(test_stored_arg);
    }
    return status;
}

static struct kv *mem_open(void)
{
    static struct kv_ops kept;
    struct kv *kv;
    assert_int_equal(kv_mem_open(&kv, NULL), WEIR_OK);
    mem_ops = kv->ops;
    kept = *kv->ops;
    kept.close = keep_open;
    kept.commit = commit_and_tell;
    kv->ops = &kept;
    return kv;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static uint64_t last_commit;

void test_open(struct fixture *f)
{
    struct weir_error err = {0};
    struct engine_options options = {.env = f->env, .stream_shards = f->shards};
    if (over_rocks) {
        char path[TEST_PATH_MAX + 8];
        (void)snprintf(path, sizeof(path), "%s/data", f->dir);
        if (kv_rocks_open(path, KV_RELAXED, &options.kv, &options.opened, &err) != WEIR_OK) {
            fail_msg("%s", err.message);
        }
    } else {
        options.kv = f->mem;
        options.opened.commit_number = last_commit;
    }
    if (engine_open(&options, &f->engine, &err) != WEIR_OK) {
        fail_msg("%s", err.message);
    }
}

void test_close(struct fixture *f)
{
    last_commit = engine_committed_seq(f->engine);
    engine_close(f->engine);
    f->engine = NULL;
}

void test_reopen(struct fixture *f)
{
    test_close(f);
    test_open(f);
}

int test_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char *parent = getenv("TMPDIR");
    (void)snprintf(f->dir, sizeof(f->dir), "%s/weir-engine-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    f->env = env_fake_new(42, TEST_START_MS);
    f->a = arena_new((size_t)1 << 30);
    f->mem = over_rocks ? NULL : mem_open();
    f->shards = 4;
    last_commit = 0;
    *state = f;
    test_open(f);
    return 0;
}

int test_teardown(void **state)
{
    struct fixture *f = *state;
    (void)fault_arm(NULL, NULL);
    test_stored = NULL;
    if (f->engine != NULL) {
        engine_close(f->engine);
    }
    if (f->mem != NULL) {
        f->mem->ops = mem_ops;
        kv_close(f->mem);
    }
    arena_free(f->a);
    env_fake_free(f->env);
    (void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

int test_run_in_memory(const struct CMUnitTest *tests, size_t count)
{
    over_rocks = false;
    return _cmocka_run_group_tests("over memory", tests, count, NULL, NULL);
}

int test_run_both(const struct CMUnitTest *tests, size_t count)
{
    int failed = test_run_in_memory(tests, count);
#ifdef WITHOUT_ROCKS
    return failed;
#endif
    over_rocks = true;
    return failed + _cmocka_run_group_tests("over RocksDB", tests, count, NULL, NULL);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static struct weir_value *parse(struct fixture *f, const char *json)
{
    char *text = arena_printf(f->a, "%s", json);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    struct weir_value *doc;
    struct weir_error err = {0};
    if (json_parse(f->a, bytes_str(text), &doc, &err) != WEIR_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    return doc;
}

const struct weir_value *test_item(struct fixture *f, const char *json)
{
    struct weir_value *item;
    struct weir_error err = {0};
    if (value_to_item(f->a, parse(f, json), &item, &err) != WEIR_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    return item;
}

static const char *quoted_singly(struct fixture *f, struct buf *take)
{
    assert_int_equal(buf_status(take), WEIR_OK);
    buf_put_u8(take, 0);
    char *text = (char *)(uintptr_t)arena_dup(f->a, buf_bytes(take)).ptr;
    buf_fini(take);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '"' ? '\'' : *c;
    }
    return text;
}

const char *test_text(struct fixture *f, struct weir_bytes encoding)
{
    if (encoding.len == 0) {
        return "";
    }
    struct buf text;
    buf_init(&text, (size_t)16 << 20);
    assert_int_equal(value_stored_to_json(&text, encoding, NULL), WEIR_OK);
    return quoted_singly(f, &text);
}

const char *test_value_text(struct fixture *f, const struct weir_value *value)
{
    if (value == NULL) {
        return "";
    }
    struct buf text;
    buf_init(&text, (size_t)16 << 20);
    json_write(&text, value);
    return quoted_singly(f, &text);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void note_done(struct engine_request *request)
{
    *(bool *)request->arg = true;
}

struct engine_request *test_request(struct fixture *f, enum engine_request_kind kind)
{
    struct engine_request *request = ARENA_NEW(f->a, struct engine_request);
    request->kind = kind;
    request->arena = f->a;
    return request;
}

enum weir_status test_run(struct fixture *f, struct engine_request *request)
{
    bool done = false;
    request->done = note_done;
    request->arg = &done;
    assert_int_equal(engine_submit(f->engine, request, NULL), WEIR_OK);
    while (engine_turn(f->engine)) {
    }
    assert_true(done);
    return request->status;
}

enum weir_status test_create_typed(struct fixture *f, const char *name, enum value_type partition,
                                   enum value_type sort, int view)
{
    struct engine_request *request = test_request(f, ENGINE_CREATE_TABLE);
    request->spec.name = bytes_str(name);
    request->spec.partition =
        (struct engine_key_attribute){.name = BYTES_LIT("pk"), .type = partition};
    if (sort != VALUE_TYPE_COUNT) {
        request->spec.sort = (struct engine_key_attribute){.name = BYTES_LIT("sk"), .type = sort};
    }
    request->spec.stream_enabled = view != TEST_NO_STREAM;
    request->spec.view = view == TEST_NO_STREAM ? 0 : (enum engine_view_type)view;
    enum weir_status status = test_run(f, request);
    engine_table_unref(request->table);
    return status;
}

void test_create(struct fixture *f, const char *name, bool sort, int view)
{
    assert_int_equal(test_create_typed(f, name, VALUE_S, sort ? VALUE_S : VALUE_TYPE_COUNT, view),
                     WEIR_OK);
}

void test_create_indexed(struct fixture *f, const char *name, int view,
                         const struct engine_index *indexes, uint32_t count)
{
    struct engine_request *request = test_request(f, ENGINE_CREATE_TABLE);
    request->spec.name = bytes_str(name);
    request->spec.partition = (struct engine_key_attribute){.name = BYTES_LIT("pk")};
    request->spec.sort = (struct engine_key_attribute){.name = BYTES_LIT("sk")};
    request->spec.stream_enabled = view != TEST_NO_STREAM;
    request->spec.view = view == TEST_NO_STREAM ? 0 : (enum engine_view_type)view;
    request->spec.indexes = indexes;
    request->spec.index_count = count;
    assert_int_equal(test_run(f, request), WEIR_OK);
    engine_table_unref(request->table);
}

enum weir_status test_set_ttl(struct fixture *f, const char *table, const char *attribute)
{
    struct engine_request *request = test_request(f, ENGINE_UPDATE_TTL);
    request->table_name = bytes_str(table);
    request->ttl_attribute = bytes_str(attribute);
    enum weir_status status = test_run(f, request);
    engine_table_unref(request->table);
    return status;
}

struct engine_page test_scan(struct fixture *f, const char *table, const char *index)
{
    struct engine_table *t = test_table(f, table);
    struct engine_page_request request = {.table = t};
    if (index != NULL) {
        request.index = engine_index_view(t, bytes_str(index));
        assert_non_null(request.index);
    }
    struct engine_page page;
    assert_int_equal(engine_page_read(f->engine, NULL, f->a, &request, &page, NULL), WEIR_OK);
    assert_null(page.last_key);
    engine_table_unref(t);
    return page;
}

uint64_t test_expired(struct fixture *f)
{
    struct engine_figures figures;
    engine_read_figures(f->engine, &figures);
    return figures.expired;
}

struct engine_table *test_table(struct fixture *f, const char *name)
{
    struct engine_table *table = NULL;
    assert_int_equal(engine_table_ref(f->engine, bytes_str(name), &table, NULL), WEIR_OK);
    return table;
}

void test_set_stream(struct fixture *f, const char *table, bool enabled, enum engine_view_type view)
{
    struct engine_request *request = test_request(f, ENGINE_UPDATE_STREAM);
    request->table_name = bytes_str(table);
    request->stream_enabled = enabled;
    request->view = view;
    assert_int_equal(test_run(f, request), WEIR_OK);
    engine_table_unref(request->table);
}

enum weir_status test_prepare(struct fixture *f, const struct test_op *op, struct engine_op *ret_op,
                              struct weir_error *err)
{
    struct engine_table *table = test_table(f, op->table);
    const struct weir_value *item = test_item(f, op->item);
    enum weir_status status = op->kind == ENGINE_PUT
                                  ? engine_prepare_put(f->a, table, item, ret_op, err)
                                  : engine_prepare_key(f->a, table, op->kind, item, ret_op, err);
    if (status != WEIR_OK) {
        return status;
    }
    struct expr_names names;
    const struct weir_value *values = op->values == NULL ? NULL : test_item(f, op->values);
    assert_int_equal(expr_names_init(f->a, NULL, values, &names, err), WEIR_OK);
    if (op->condition != NULL) {
        struct expr_condition *condition;
        assert_int_equal(expr_parse_condition(f->a, EXPR_CONDITION, bytes_str(op->condition),
                                              &names, &condition, err),
                         WEIR_OK);
        ret_op->condition = condition;
    }
    ret_op->want_old = op->want_old;
    if (op->kind == ENGINE_UPDATE) {
        struct expr_update *update = NULL;
        if (op->update != NULL) {
            assert_int_equal(expr_parse_update(f->a, bytes_str(op->update), &names, &update, err),
                             WEIR_OK);
        }
        status = engine_prepare_update(ret_op, update, err);
        if (status != WEIR_OK) {
            engine_op_fini(ret_op);
        }
    }
    return status;
}

static struct engine_request *request_of_ops(struct fixture *f, enum engine_request_kind kind,
                                             const struct test_op *ops, uint32_t count)
{
    struct engine_request *request = test_request(f, kind);
    request->ops = ARENA_ARRAY(f->a, struct engine_op, count);
    request->op_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_error err = {0};
        if (test_prepare(f, &ops[i], &request->ops[i], &err) != WEIR_OK) {
            fail_msg("%s", err.message);
        }
    }
    return request;
}

static void fini_ops(struct engine_request *request)
{
    for (uint32_t i = 0; i < request->op_count; i++) {
        engine_op_fini(&request->ops[i]);
    }
}

struct engine_op *test_do(struct fixture *f, const struct test_op *op)
{
    struct engine_request *request = request_of_ops(f, ENGINE_WRITE, op, 1);
    (void)test_run(f, request);
    fini_ops(request);
    return &request->ops[0];
}

enum weir_status test_put(struct fixture *f, const char *table, const char *item)
{
    return test_do(f, &(struct test_op){.kind = ENGINE_PUT, .table = table, .item = item})->status;
}

enum weir_status test_delete(struct fixture *f, const char *table, const char *key)
{
    return test_do(f, &(struct test_op){.kind = ENGINE_DELETE, .table = table, .item = key})
        ->status;
}

struct engine_request *test_transact(struct fixture *f, const struct test_op *ops, uint32_t count,
                                     const char *token, uint8_t hash)
{
    struct engine_request *request = request_of_ops(f, ENGINE_TRANSACTION, ops, count);
    request->token = bytes_str(token);
    memset(request->token_hash, hash, sizeof(request->token_hash));
    (void)test_run(f, request);
    fini_ops(request);
    return request;
}

const char *test_get(struct fixture *f, const char *table, const char *key)
{
    struct engine_table *t = test_table(f, table);
    struct buf row_key;
    buf_init(&row_key, 8192);
    assert_int_equal(engine_row_key(t, test_item(f, key), true, &row_key, NULL), WEIR_OK);
    struct weir_bytes item;
    assert_int_equal(engine_get(f->engine, NULL, f->a, buf_bytes(&row_key), false, &item, NULL),
                     WEIR_OK);
    buf_fini(&row_key);
    engine_table_unref(t);
    return test_text(f, item);
}

/* ---- streams ----------------------------------------------------------------------------------
 */

struct engine_record *test_shard_records(struct fixture *f, const struct engine_stream *stream,
                                         const struct engine_shard *shard, uint32_t *ret_count)
{
    struct engine_record *records;
    uint64_t next;
    bool end;
    assert_int_equal(engine_stream_read(f->engine, f->a, stream, shard, 0, 100000, &records,
                                        ret_count, &next, &end, NULL),
                     WEIR_OK);
    for (uint32_t i = 1; i < *ret_count; i++) {
        assert_true(records[i - 1].commit_seq < records[i].commit_seq);
    }
    return records;
}

struct engine_record *test_records(struct fixture *f, const char *table, uint32_t *ret_count)
{
    struct engine_table *t = test_table(f, table);
    assert_non_null(t->stream);
    struct engine_record *all = ARENA_ARRAY(f->a, struct engine_record, 100000);
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->stream->shard_count; i++) {
        uint32_t more;
        struct engine_record *records =
            test_shard_records(f, t->stream, &t->stream->shards[i], &more);
        for (uint32_t k = 0; k < more; k++) {
            all[count++] = records[k];
        }
    }
    engine_table_unref(t);
    *ret_count = count;
    return all;
}

uint32_t test_stored_rows(struct fixture *f, enum kv_family family)
{
    if (f->mem == NULL) {
        return 0;
    }
    struct kv_iter *iter = kv_iter(f->mem, NULL, family, BYTES_NONE, BYTES_NONE);
    uint32_t count = 0;
    for (bool found = kv_iter_seek(f->mem, iter, BYTES_NONE); found;
         found = kv_iter_next(f->mem, iter)) {
        count++;
    }
    kv_iter_free(f->mem, iter);
    return count;
}

void test_rewrite(struct fixture *f, enum kv_family family, uint8_t kind,
                  void (*change)(struct fixture *f, struct weir_bytes value, struct buf *to))
{
    struct kv_iter *iter = kv_iter(f->mem, NULL, family, bytes_of(&kind, 1), BYTES_NONE);
    assert_true(kv_iter_seek(f->mem, iter, BYTES_NONE));
    struct buf value;
    buf_init(&value, (size_t)1 << 20);
    change(f, kv_iter_value(f->mem, iter), &value);
    struct kv_batch *batch = kv_batch(f->mem);
    kv_batch_put(f->mem, batch, family, kv_iter_key(f->mem, iter), buf_bytes(&value));
    assert_int_equal(kv_commit(f->mem, batch, ++last_commit, NULL), WEIR_OK);
    kv_batch_free(f->mem, batch);
    kv_iter_free(f->mem, iter);
    buf_fini(&value);
}

/* ---- chance -----------------------------------------------------------------------------------
 */

uint64_t test_seed(void)
{
    const char *given = getenv("WEIR_TEST_SEED");
    uint64_t seed = 0;
    if (given != NULL) {
        seed = strtoull(given, NULL, 10);
    } else {
        env_system()->random(env_system(), &seed, sizeof(seed));
    }
    print_message("rerun with WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

uint64_t test_random(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15U;
    uint64_t mixed = *state;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBU;
    return mixed ^ mixed >> 31;
}
