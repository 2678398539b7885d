/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a ledger: see rows.h.
 */

#include "journal/rows.h"

#define ROWS_FIRST_SIZE 64

void rows_done(Rows *r) {
        free(r->items);
        *r = (Rows){0};
}

Row *rows_at(const Rows *r, unsigned i) {
        return &r->items[(r->first + i) & (r->size - 1)];
}

unsigned rows_search(const Rows *r, int64_t offset) {
        unsigned low = 0, high = r->n;

        while (low < high) {
                unsigned middle = low + (high - low) / 2;

                if (rows_at(r, middle)->offset < offset)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool rows_grow(Rows *r) {
        unsigned size = r->size > 0 ? r->size * 2 : ROWS_FIRST_SIZE;
        Row *items = calloc(size, sizeof(*items));

        if (!items)
                return false;
        for (unsigned i = 0; i < r->n; i++)
                items[i] = *rows_at(r, i);
        free(r->items);
        r->items = items;
        r->size = size;
        r->first = 0;
        return true;
}

Row *rows_push(Rows *r) {
        Row *row;

        if (r->n == r->size && !rows_grow(r))
                return NULL;
        row = rows_at(r, r->n++);
        *row = (Row){0};
        return row;
}

void rows_pop_first(Rows *r) {
        r->first = (r->first + 1) & (r->size - 1);
        r->n--;
}

void rows_pop_last(Rows *r) {
        r->n--;
}
