/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables and trees in text: see table.h.
 */

#include "crierctl/table.h"

#include <errno.h>

static const int column_flags[] = {
        [COLUMN_TEXT] = 0,
        [COLUMN_NUMBER] = SCOLS_FL_RIGHT,
        [COLUMN_TREE] = SCOLS_FL_TREE,
        [COLUMN_LINES] = SCOLS_FL_WRAP,
};

static int column_new(Table *t, const Column *column) {
        struct libscols_column *c;

        c = scols_table_new_column(t, column->name, 0, column_flags[column->kind]);
        if (!c)
                return -ENOMEM;
        if (column->kind != COLUMN_LINES)
                return 0;
        /* Lines end where we say; the library would break words. */
        if (scols_column_set_safechars(c, "\n") < 0)
                return -ENOMEM;
        return scols_column_set_wrapfunc(c, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
}

Table *table_new(const OutputStyle *style, const Column *columns, size_t n) {
        Table *t = scols_new_table();

        if (!t)
                return NULL;
        scols_table_enable_colors(t, style->colour);
        scols_table_enable_noheadings(t, !style->legend);
        scols_table_set_termforce(t,
                                  style->terminal ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
        if (style->width > 0)
                scols_table_set_termwidth(t, style->width);
        for (size_t i = 0; i < n; i++)
                if (column_new(t, columns + i) < 0) {
                        scols_unref_table(t);
                        return NULL;
                }
        return t;
}

Row *table_row(Table *t, Row *parent) {
        return t ? scols_table_new_line(t, parent) : NULL;
}

void row_text(Row *row, size_t column, const char *text) {
        _cleanup_buffer_ Buffer safe = {0};

        if (!row)
                return;
        output_text(&safe, text);
        (void) scols_line_set_data(row, column, buffer_string(&safe));
}

void row_lines(Row *row, size_t column, Buffer *safe) {
        if (row)
                (void) scols_line_set_data(row, column, buffer_string(safe));
}

void row_textf(Row *row, size_t column, const char *format, ...) {
        _cleanup_buffer_ Buffer text = {0};
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&text, format, ap);
        va_end(ap);
        row_text(row, column, buffer_string(&text));
}

void row_state(Row *row, size_t column, const char *state) {
        const char *colour = output_state_colour(state);

        row_text(row, column, state);
        if (row && colour)
                (void) scols_cell_set_color(scols_line_get_cell(row, column), colour);
}

void table_finish(Table *t, Buffer *out) {
        _cleanup_free_ char *text = NULL;

        if (!t || scols_table_get_nlines(t) == 0) {
                out->failed |= !t;
                scols_unref_table(t);
                return;
        }
        if (scols_print_table_to_string(t, &text) < 0)
                out->failed = true;
        else
                buffer_appendf(out, "%s\n", text);
        scols_unref_table(t);
}
