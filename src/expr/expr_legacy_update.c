/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AttributeUpdates: PUT, ADD and DELETE of attributes of the top level, as the actions of an
 * update.
 */

#include "expr/expr_internal.h"

#include "base/error.h"

#define INVALID "One or more parameter values were invalid: "

static bool is_set(const struct weir_value *value)
{
    return value->type == VALUE_SS || value->type == VALUE_NS || value->type == VALUE_BS;
}

static enum weir_status read_kind(const struct weir_value *doc, struct weir_bytes attribute,
                                  enum action_kind *ret_kind, struct weir_error *err)
{
    const struct weir_value *action = value_get(doc, "Action");
    if (action != NULL && (action->type != VALUE_S || action->form != VALUE_PLAIN)) {
        return error_set(err, WEIR_SERIALIZATION, "Unexpected value type in attributeUpdates");
    }
    struct weir_bytes word = action == NULL ? BYTES_LIT("PUT") : action->u.bytes;
    if (bytes_eq_str(word, "PUT")) {
        *ret_kind = ACTION_SET;
    } else if (bytes_eq_str(word, "ADD")) {
        *ret_kind = ACTION_ADD;
    } else if (bytes_eq_str(word, "DELETE")) {
        *ret_kind = ACTION_DELETE;
    } else {
        return error_set(err, WEIR_VALIDATION,
                         "1 validation error detected: Value '%.*s' at "
                         "'attributeUpdates.%.*s.member.action' failed to satisfy constraint: "
                         "Member must satisfy enum value set: [ADD, PUT, DELETE]",
                         BYTES_ARG(word), BYTES_ARG(attribute));
    }
    return WEIR_OK;
}

static enum weir_status check_type(enum action_kind kind, const struct weir_value *value,
                                   struct weir_error *err)
{
    const char *type = value_type_name((enum value_type)value->type);
    if (kind == ACTION_DELETE && !is_set(value)) {
        return error_set(err, WEIR_VALIDATION,
                         INVALID "DELETE action with value is not supported for the type %s", type);
    }
    if (kind == ACTION_ADD && !is_set(value) && value->type != VALUE_N && value->type != VALUE_L) {
        return error_set(err, WEIR_VALIDATION,
                         INVALID "ADD action is not supported for the type %s", type);
    }
    return WEIR_OK;
}

static enum weir_status read_value(struct arena *a, const struct weir_value *doc,
                                   struct action *action, struct weir_error *err)
{
    struct weir_value *value = NULL;
    enum weir_status status = value_to_attribute(a, doc, &value, err);
    if (status == WEIR_OK) {
        status = check_type(action->kind, value, err);
    }
    if (status != WEIR_OK) {
        return status;
    }
    action->value = node_new(a, NODE_VALUE);
    if (action->value == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for attributeUpdates");
    }
    action->value->value = value;
    return WEIR_OK;
}

static enum weir_status read_action(struct arena *a, const struct value_member *member,
                                    struct action *action, struct weir_error *err)
{
    struct path_part part = {.kind = PART_NAME, .name = arena_dup(a, member->name)};
    if (part.name.ptr == NULL || !path_append(a, &action->path, part)) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for attributeUpdates");
    }
    action->path.resolved = true;
    if (member->value.type != VALUE_M || member->value.form != VALUE_PLAIN) {
        return error_set(err, WEIR_SERIALIZATION, "Unexpected value type in attributeUpdates");
    }
    enum weir_status status = read_kind(&member->value, part.name, &action->kind, err);
    if (status != WEIR_OK) {
        return status;
    }
    const struct weir_value *value = value_get(&member->value, "Value");
    if (value != NULL) {
        return read_value(a, value, action, err);
    }
    if (action->kind != ACTION_DELETE) {
        return error_set(err, WEIR_VALIDATION,
                         INVALID "Only DELETE action is allowed when no attribute value is "
                                 "specified");
    }
    action->kind = ACTION_REMOVE;
    return WEIR_OK;
}

static enum weir_status build_branches(struct arena *a, struct expr_update *update,
                                       struct weir_error *err)
{
    struct parser p = {.arena = a, .kind = EXPR_UPDATE, .err = err};
    const struct path **paths = ARENA_ARRAY(a, const struct path *, update->count);
    if (paths == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for attributeUpdates");
    }
    for (uint32_t i = 0; i < update->count; i++) {
        paths[i] = &update->actions[i].path;
    }
    (void)branches_build_checked(&p, paths, update->count, &update->root); /* p.status says it */
    return p.status;
}

enum weir_status expr_update_of_attribute_updates(struct arena *a,
                                                  const struct weir_value *attribute_updates,
                                                  struct expr_update **ret_update,
                                                  struct weir_error *err)
{
    if (attribute_updates->type != VALUE_M || attribute_updates->form != VALUE_PLAIN) {
        return error_set(err, WEIR_SERIALIZATION, "Unexpected value type in attributeUpdates");
    }
    uint32_t count = attribute_updates->u.map.count;
    struct expr_update *update = ARENA_NEW(a, struct expr_update);
    struct action *actions = ARENA_ARRAY(a, struct action, count);
    if (update == NULL || actions == NULL) {
        return error_set(err, WEIR_NO_MEMORY, "no memory for attributeUpdates");
    }
    for (uint32_t i = 0; i < count; i++) {
        enum weir_status status = read_action(a, &attribute_updates->u.map.at[i], &actions[i], err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    *update = (struct expr_update){.actions = actions, .count = count, .legacy = true};
    enum weir_status status = build_branches(a, update, err);
    if (status == WEIR_OK) {
        *ret_update = update;
    }
    return status;
}
