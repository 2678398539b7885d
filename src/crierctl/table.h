/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Tables and trees in text, by libsmartcols. Cells hold text from anywhere: it is made safe here.
 */

#include <libsmartcols.h>

#include "crierctl/output.h"

typedef enum ColumnKind {
        COLUMN_TEXT,
        COLUMN_NUMBER, /* to the right */
        COLUMN_TREE,   /* shows which row belongs to which */
        COLUMN_LINES,  /* has lines of its own, see row_lines() */
} ColumnKind;

typedef struct Column {
        const char *name;
        ColumnKind kind;
} Column;

typedef struct libscols_table Table;
typedef struct libscols_line Row;

/* Returns NULL when memory is short; so do the others, which then take NULL as well. A table is
 * freed by table_finish(). */
Table *table_new(const OutputStyle *style, const Column *columns, size_t n);
Row *table_row(Table *t, Row *parent);
void row_text(Row *row, size_t column, const char *text);
void row_textf(Row *row, size_t column, const char *format, ...) _printf_(3, 4);

/* Text that output_text() has made safe, whose newlines begin a line within the cell. */
void row_lines(Row *row, size_t column, Buffer *safe);

/* A state in its colour, see output_state_colour(). */
void row_state(Row *row, size_t column, const char *state);

/* Appends the table, unless it has no rows, and frees it. */
void table_finish(Table *t, Buffer *out);
