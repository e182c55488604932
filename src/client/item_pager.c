/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query and Scan, page by page. The request is built once, when the pager is opened; a page's
 * request is that one with a start key and a count in front.
 *
 *     given ───────────────► items of the page ──────────────► next_key (NULL: the end)
 *            first .. at .. count
 *
 * Two arenas take turns, so that a page, with the items that the caller sees and the key behind
 * them, stays until the next one has come: a call that fails can be made again.
 */
#include "client/item.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/options.h"

#include <stdlib.h>

struct weir_pager {
    struct weir_client *client;
    const char *operation;
    struct weir_text table, index; /* in `fixed` */
    struct weir_capacity *capacity;
    struct arena *fixed;                /* the request's */
    const struct weir_value *document;  /* the request without its start */
    const struct weir_value *first_key; /* what the token said; NULL: from the start */
    uint32_t page_items;                /* 0: what the service gives */
    bool filters;                       /* so a page may give fewer than it reads */
    uint64_t left;                      /* items that may still be given */

    struct arena *pages[2];
    unsigned current;                  /* the one that holds: */
    struct weir_item *items;           /* `count` views */
    uint32_t count;                    /* of the page */
    uint32_t at;                       /* the next one to give */
    uint32_t first;                    /* of those that the last call gave */
    const struct weir_value *next_key; /* NULL: nothing behind this page */
    bool started;                      /* a page has come */
};

/* ---- opening --------------------------------------------------------------------------------- */

/* NULL and a filled error: the text is no token. */
static struct weir_value *read_token(struct arena *a, struct weir_text token,
                                     struct weir_error *err)
{
    struct weir_value *key = NULL;
    struct weir_value *document = NULL;
    size_t len = 0;
    uint8_t *json = token.len > PAGER_TOKEN_MAX ? NULL : arena_alloc(a, token.len);
    if (json == NULL || !base64_decode(text_bytes(token), json, &len) ||
        json_parse(a, bytes_of(json, len), &document, err) != WEIR_OK ||
        value_to_item(a, document, &key, err) != WEIR_OK) {
        (void)error_set(err, WEIR_INVALID_ARGUMENT, "the token is none that weir_pager_token gave");
        return NULL;
    }
    return key;
}

static enum weir_status check_options(const struct weir_page_options *options, bool query,
                                      struct weir_error *err)
{
    if (query && (options->total_segments != 0 || options->segment != 0)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "segments are a scan's, not a query's");
    }
    if (!query && options->backward != 0) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "a scan has no order that backward turns");
    }
    if (options->total_segments > LIMIT_SCAN_SEGMENTS ||
        options->segment >= options->total_segments + (options->total_segments == 0)) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "segment %u of %u (at most %d)",
                         options->segment, options->total_segments, LIMIT_SCAN_SEGMENTS);
    }
    if (options->page_items > INT32_MAX) {
        return error_set(err, WEIR_INVALID_ARGUMENT, "page_items is %u", options->page_items);
    }
    return WEIR_OK;
}

static void add_segment(struct item_request *r, const struct weir_page_options *options)
{
    if (options->total_segments > 0) {
        value_add_int(r->arena, r->document, "Segment", options->segment);
        value_add_int(r->arena, r->document, "TotalSegments", options->total_segments);
        r->added += 2;
    }
}

static enum weir_status build(struct weir_pager *pager, struct weir_text key_condition,
                              const struct weir_page_options *options, struct weir_error *err)
{
    struct item_request r;
    item_request_begin(&r, pager->fixed, err);
    r.copies = true;
    item_request_text(&r, "TableName", pager->table);
    item_request_text(&r, "IndexName", pager->index);
    item_request_text(&r, "KeyConditionExpression", key_condition);
    item_request_text(&r, "FilterExpression", options->filter);
    item_request_text(&r, "ProjectionExpression", options->projection);
    item_request_names(&r, options->names);
    item_request_values(&r, options->values);
    item_request_capacity(&r, options->capacity);
    add_segment(&r, options);
    if (options->consistent != 0) {
        item_request_bool(&r, "ConsistentRead", true);
    }
    if (options->backward != 0) {
        item_request_bool(&r, "ScanIndexForward", false);
    }
    pager->document = r.document;
    return item_request_end(&r);
}

static struct weir_text copy_text(struct arena *a, struct weir_text text)
{
    struct weir_bytes copy = arena_dup(a, text_bytes(text));
    return (struct weir_text){(const char *)copy.ptr, copy.ptr == NULL ? 0 : copy.len};
}

static enum weir_status fill(struct weir_pager *pager, struct weir_text table,
                             struct weir_text key_condition,
                             const struct weir_page_options *options, struct weir_error *err)
{
    pager->fixed = arena_new(ITEM_MEMORY_MAX);
    pager->pages[0] = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    pager->pages[1] = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    if (pager->fixed == NULL || pager->pages[0] == NULL || pager->pages[1] == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a pager");
    }
    pager->table = copy_text(pager->fixed, table);
    pager->index = copy_text(pager->fixed, options->index);
    pager->capacity = options->capacity;
    pager->page_items = options->page_items;
    pager->filters = options->filter.len > 0;
    pager->left = options->limit == 0 ? UINT64_MAX : options->limit;
    if (options->token.len > 0) {
        pager->first_key = read_token(pager->fixed, options->token, err);
        if (pager->first_key == NULL) {
            return WEIR_INVALID_ARGUMENT;
        }
        pager->next_key = pager->first_key;
    }
    return build(pager, key_condition, options, err);
}

static enum weir_status open_pager(struct weir_client *client, const char *operation,
                                   struct weir_text table, struct weir_text key_condition,
                                   const struct weir_page_options *options,
                                   struct weir_pager **ret_pager, struct weir_error *err)
{
    struct weir_page_options known = {0};
    if (client == NULL) {
        return item_no_client(err);
    }
    enum weir_status status =
        options_take(&known, sizeof(known), options, "WEIR_PAGE_OPTIONS_INIT", err);
    if (status == WEIR_OK) {
        status = check_options(&known, operation[0] == 'Q', err);
    }
    struct weir_pager *pager = status == WEIR_OK ? calloc(1, sizeof(*pager)) : NULL;
    if (pager == NULL) {
        return status != WEIR_OK ? status
                                 : error_set(err, WEIR_NO_MEMORY, "out of memory for a pager");
    }
    pager->client = client;
    pager->operation = operation;
    status = fill(pager, table, key_condition, &known, err);
    if (status != WEIR_OK) {
        weir_pager_close(pager);
        return status;
    }
    *ret_pager = pager;
    return WEIR_OK;
}

enum weir_status weir_query_open(struct weir_client *client, const char *table, size_t table_len,
                                 const char *key_condition, size_t key_condition_len,
                                 const struct weir_page_options *options,
                                 struct weir_pager **ret_pager, struct weir_error *err)
{
    return open_pager(client, "Query", (struct weir_text){table, table_len},
                      (struct weir_text){key_condition, key_condition_len}, options, ret_pager,
                      err);
}

enum weir_status weir_scan_open(struct weir_client *client, const char *table, size_t table_len,
                                const struct weir_page_options *options,
                                struct weir_pager **ret_pager, struct weir_error *err)
{
    return open_pager(client, "Scan", (struct weir_text){table, table_len},
                      (struct weir_text){NULL, 0}, options, ret_pager, err);
}

void weir_pager_close(struct weir_pager *pager)
{
    if (pager != NULL) {
        arena_free(pager->fixed);
        arena_free(pager->pages[0]);
        arena_free(pager->pages[1]);
        free(pager);
    }
}

/* ---- one page -------------------------------------------------------------------------------- */

/* How many items to ask for; 0: no bound. Behind a filter a bound would only make pages small. */
static uint64_t page_bound(const struct weir_pager *pager)
{
    uint64_t bound = pager->page_items;
    if (!pager->filters && pager->left < INT32_MAX && (bound == 0 || pager->left < bound)) {
        bound = pager->left;
    }
    return bound;
}

static struct weir_value *page_document(const struct weir_pager *pager, struct arena *a)
{
    struct weir_value *document = value_new_map(a, VALUE_PLAIN);
    uint32_t wanted = pager->document->u.map.count;
    if (pager->next_key != NULL) {
        value_add_value(a, document, "ExclusiveStartKey", pager->next_key);
        wanted++;
    }
    if (page_bound(pager) > 0) {
        value_add_int(a, document, "Limit", (int64_t)page_bound(pager));
        wanted++;
    }
    for (uint32_t i = 0; i < pager->document->u.map.count; i++) {
        const struct value_member *member = &pager->document->u.map.at[i];
        struct weir_value *node = value_add(a, document, member->name);
        if (node != NULL) {
            *node = member->value;
        }
    }
    return document != NULL && document->u.map.count == wanted ? document : NULL;
}

struct page {
    struct weir_item *items;
    uint32_t count;
    struct weir_value *next_key;
};

static enum weir_status read_page(struct arena *a, const struct weir_value *response,
                                  struct page *ret_page, struct weir_error *err)
{
    const struct weir_value *list = value_get(response, "Items");
    const struct weir_value *last = value_get(response, "LastEvaluatedKey");
    struct page page = {.count = weir_value_count(list)};
    enum weir_status status = WEIR_OK;
    page.items = ARENA_ARRAY(a, struct weir_item, page.count);
    if (page.items == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a page");
    }
    for (uint32_t i = 0; i < page.count && status == WEIR_OK; i++) {
        struct weir_value *root = NULL;
        status = item_of_answer(a, weir_value_element(list, i), &root, err);
        if (status == WEIR_OK) {
            page.items[i].root = *root;
        }
    }
    /* In this process the key may share nodes with the request's, which goes with its arena. */
    if (status == WEIR_OK && last != NULL) {
        status = item_of_answer(a, last, &page.next_key, err);
        page.next_key = status == WEIR_OK ? value_copy(a, page.next_key) : NULL;
        if (status == WEIR_OK && page.next_key == NULL) {
            status = error_set(err, WEIR_NO_MEMORY, "out of memory for a page");
        }
    }
    if (status == WEIR_OK) {
        *ret_page = page;
    }
    return status;
}

static enum weir_status fetch_once(struct weir_pager *pager, struct weir_error *err)
{
    unsigned other = 1 - pager->current;
    struct arena *a = pager->pages[other];
    struct weir_value *response = NULL;
    struct page page = {0};
    arena_reset(a);
    const struct weir_value *document = page_document(pager, a);
    if (document == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a page");
    }
    enum weir_status status =
        client_call(pager->client, pager->operation, document, a, &response, NULL, err);
    if (status == WEIR_OK && pager->capacity != NULL) {
        client_consumed(pager->operation, response, pager->capacity);
    }
    if (status == WEIR_OK) {
        status = read_page(a, response, &page, err);
    }
    if (status == WEIR_OK) {
        pager->current = other;
        pager->items = page.items;
        pager->count = page.count;
        pager->next_key = page.next_key;
        pager->at = pager->first = 0;
        pager->started = true;
    }
    return status;
}

/* Until there is an item to give, or none is left. */
static enum weir_status fetch(struct weir_pager *pager, struct weir_error *err)
{
    enum weir_status status = WEIR_OK;
    while (status == WEIR_OK && pager->left > 0 && pager->at == pager->count &&
           (!pager->started || pager->next_key != NULL)) {
        status = fetch_once(pager, err);
    }
    return status;
}

/* ---- giving ---------------------------------------------------------------------------------- */

static enum weir_status no_pager(struct weir_error *err)
{
    return error_set(err, WEIR_CLOSED, "no pager: it was never opened");
}

/* Up to `most` items of the page: how many. */
static enum weir_status give(struct weir_pager *pager, uint32_t most, uint32_t *ret_count,
                             struct weir_error *err)
{
    enum weir_status status = fetch(pager, err);
    if (status != WEIR_OK) {
        return status;
    }
    uint32_t count = pager->count - pager->at;
    count = count < most ? count : most;
    count = count < pager->left ? count : (uint32_t)pager->left;
    pager->first = pager->at;
    pager->at += count;
    pager->left -= count;
    *ret_count = count;
    return WEIR_OK;
}

enum weir_status weir_pager_next(struct weir_pager *pager, const struct weir_item **ret_item,
                                 struct weir_error *err)
{
    uint32_t count = 0;
    if (pager == NULL) {
        return no_pager(err);
    }
    enum weir_status status = give(pager, 1, &count, err);
    if (status == WEIR_OK) {
        *ret_item = weir_pager_item(pager, 0);
    }
    return status;
}

enum weir_status weir_pager_next_page(struct weir_pager *pager, uint32_t *ret_count,
                                      struct weir_error *err)
{
    return pager == NULL ? no_pager(err) : give(pager, UINT32_MAX, ret_count, err);
}

const struct weir_item *weir_pager_item(const struct weir_pager *pager, uint32_t index)
{
    return pager != NULL && index < pager->at - pager->first ? &pager->items[pager->first + index]
                                                             : NULL;
}

/* ---- the token ------------------------------------------------------------------------------- */

/* From a key at hand, which every page but a lone one has, or from the table's description. */
static enum weir_status key_names(struct weir_pager *pager, struct arena *a,
                                  struct item_key_names *ret_names, struct weir_error *err)
{
    const struct weir_value *known = pager->next_key != NULL ? pager->next_key : pager->first_key;
    if (known == NULL) {
        return item_key_names_ask(pager->client, a, pager->table, pager->index, ret_names, err);
    }
    *ret_names = (struct item_key_names){.count = 0};
    for (uint32_t i = 0; i < known->u.map.count; i++) {
        item_key_names_add(ret_names, known->u.map.at[i].name);
    }
    return WEIR_OK;
}

/* The key behind which to go on; NULL and WEIR_OK: at the start. */
static enum weir_status place(struct weir_pager *pager, struct arena *a,
                              const struct weir_value **ret_key, struct weir_error *err)
{
    struct item_key_names names;
    if (!pager->started) {
        *ret_key = pager->first_key;
        return WEIR_OK;
    }
    if (pager->at == pager->count) {
        *ret_key = pager->next_key;
        return pager->next_key != NULL
                   ? WEIR_OK
                   : error_set(err, WEIR_NOT_FOUND, "nothing is left behind the last item");
    }
    enum weir_status status = key_names(pager, a, &names, err);
    if (status == WEIR_OK) {
        *ret_key = item_key_of(a, &pager->items[pager->at - 1].root, &names);
        if (*ret_key == NULL) {
            status = error_set(err, WEIR_INVALID_ARGUMENT,
                               "the projection leaves out attributes of the key, which a token in "
                               "the middle of a page is made of");
        }
    }
    return status;
}

static enum weir_status write_token(const struct weir_value *key, char **ret_token,
                                    size_t *ret_token_len, struct weir_error *err)
{
    struct buf json;
    struct buf token;
    buf_init(&json, PAGER_TOKEN_MAX);
    buf_init(&token, PAGER_TOKEN_MAX);
    if (key != NULL) {
        json_write(&json, key);
        buf_put_base64(&token, buf_bytes(&json));
    }
    buf_put_u8(&token, '\0');
    bool whole = buf_status(&json) == WEIR_OK && buf_status(&token) == WEIR_OK;
    buf_fini(&json);
    if (!whole) {
        buf_fini(&token);
        return error_set(err, WEIR_NO_MEMORY, "out of memory for a token");
    }
    *ret_token = (char *)token.ptr;
    if (ret_token_len != NULL) {
        *ret_token_len = token.len - 1;
    }
    return WEIR_OK;
}

enum weir_status weir_pager_token(struct weir_pager *pager, char **ret_token, size_t *ret_token_len,
                                  struct weir_error *err)
{
    const struct weir_value *key = NULL;
    if (pager == NULL) {
        return no_pager(err);
    }
    struct arena *a = arena_new(LIMIT_REQUEST_ARENA_BYTES);
    enum weir_status status = a == NULL
                                  ? error_set(err, WEIR_NO_MEMORY, "out of memory for a token")
                                  : place(pager, a, &key, err);
    if (status == WEIR_OK) {
        status = write_token(key, ret_token, ret_token_len, err);
    }
    arena_free(a);
    return status;
}
