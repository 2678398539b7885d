/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The picture of `crierctl top`, for a screen of any size. Pure: where the text goes is the
 * canvas's.
 */

#include "crierctl/top-model.h"

typedef enum TopColour {
        TOP_PLAIN,
        TOP_GREEN,
        TOP_YELLOW,
        TOP_RED,
} TopColour;

/* How a piece of text looks. */
typedef struct TopLook {
        TopColour colour;
        bool bold, reverse;
} TopLook;

/* Something to draw on, which is blank. */
typedef struct TopCanvas {
        size_t width, height;
        /* Puts safe text that fits at a place. */
        void (*put)(void *userdata, size_t line, size_t column, const char *text, TopLook look);
        void *userdata;
} TopCanvas;

/* Draws everything, and moves m->scroll so that the selected row is seen. Returns how many lines
 * there are for rows. */
size_t top_draw(TopModel *m, const TopCanvas *c);
