/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that a JSON value has the shape that is expected: see shape.h.
 */

#include "crierctl/shape.h"

static const char *const type_names[] = {
        [SHAPE_STRING] = "a string",   [SHAPE_INTEGER] = "an integer", [SHAPE_NUMBER] = "a number",
        [SHAPE_BOOLEAN] = "a boolean", [SHAPE_OBJECT] = "an object",
};

static bool type_matches(ShapeType type, const json_t *j) {
        switch (type) {
        case SHAPE_STRING:
                return json_is_string(j);
        case SHAPE_INTEGER:
                return json_is_integer(j);
        case SHAPE_NUMBER:
                return json_is_number(j);
        case SHAPE_BOOLEAN:
                return json_is_boolean(j);
        case SHAPE_OBJECT:
                return json_is_object(j);
        }
        return false;
}

static bool members_check(const Shape *members, const json_t *object, Buffer *path);

/* Leaves the path of what is wrong, and the words, in `path`; as it was where nothing is. */
static bool value_check(const Shape *s, const json_t *j, Buffer *path) {
        if (!type_matches(s->type, j)) {
                buffer_appendf(path, " is not %s", type_names[s->type]);
                return false;
        }
        return s->type != SHAPE_OBJECT || members_check(s->members, j, path);
}

static bool list_check(const Shape *s, const json_t *list, Buffer *path) {
        size_t before = path->size, i;
        json_t *j;

        if (!json_is_array(list)) {
                buffer_append_string(path, " is not a list");
                return false;
        }
        json_array_foreach(list, i, j) {
                buffer_appendf(path, "[%zu]", i);
                if (!value_check(s, j, path))
                        return false;
                path->size = before;
        }
        return true;
}

static bool members_check(const Shape *members, const json_t *object, Buffer *path) {
        size_t before = path->size;

        for (const Shape *s = members; s->key; s++) {
                const json_t *j = json_object_get(object, s->key);

                if (s->nullable && (!j || json_is_null(j)))
                        continue;
                buffer_appendf(path, "%s%s", before > 0 ? "." : "", s->key);
                if (!(s->list ? list_check(s, j, path) : value_check(s, j, path)))
                        return false;
                path->size = before;
        }
        return true;
}

bool shape_check(const Shape *members, const json_t *object, Buffer *where) {
        _cleanup_buffer_ Buffer path = {0};
        bool right;

        if (!json_is_object(object)) {
                buffer_append_string(where, "it is not an object");
                return false;
        }
        right = members_check(members, object, &path);
        if (!right)
                buffer_append(where, path.data, path.size);
        return right;
}
