/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Checks that a JSON value has the shape that is expected, before anybody reads it: what comes from
 * the socket may come from another version, or from something that only claims to be crierd.
 */

#include <jansson.h>
#include <stdbool.h>

#include "common/buffer.h"

typedef enum ShapeType {
        SHAPE_STRING,
        SHAPE_INTEGER,
        SHAPE_NUMBER, /* integer or real */
        SHAPE_BOOLEAN,
        SHAPE_OBJECT,
} ShapeType;

/* One member of an object. A list of shapes ends with one whose key is NULL. */
typedef struct Shape {
        const char *key;
        ShapeType type;
        bool nullable;               /* may be null, or missing, which Varlink takes for the same */
        bool list;                   /* an array of such values */
        const struct Shape *members; /* of SHAPE_OBJECT */
} Shape;

/* Whether `object` is an object that has all members, of their types. Members that are not in the
 * list do not matter. Where it is not, appends to `where` the path of the first that is wrong, and
 * what it should be: "groups[0].lag is not an integer". */
bool shape_check(const Shape *members, const json_t *object, Buffer *where);
