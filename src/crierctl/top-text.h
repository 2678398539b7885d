/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Text for the screen of `crierctl top`: cut and filled to columns, numbers of few digits,
 * sparklines. Text that is given here was made safe by output_text() before. Not for where it goes.
 */

#include <stddef.h>

#include "common/buffer.h"

/* How many columns the text takes on a terminal, as the locale has it. */
size_t text_columns(const char *safe);

/* Appends the text in exactly so many columns: filled with blanks before (`right`) or behind it, or
 * cut, with a sign that it was. Characters that have no width are shown as '?'. */
void text_fit(Buffer *out, const char *safe, size_t columns, bool right);

/* Appends the text in lines of at most so many columns, broken at blanks where there are any. Each
 * line ends with a newline; all but the first begin with `indent` blanks. */
void text_wrap(Buffer *out, const char *safe, size_t columns, size_t indent);

/* Appends a number in seven columns or fewer: "0", "2.5", "9999", "12.3k", "4.5M". */
void text_number(Buffer *out, double number);

/* Appends the same for something that is counted, whole below a million. */
void text_count(Buffer *out, int64_t count);

/* Appends a sparkline of so many columns, each a block as high as the mean of its share of the
 * values. `values` are the newest n of `span`, oldest first; where there are none the columns are
 * blank, so that the same column always is the same age. The highest value is a full block. */
void text_sparkline(Buffer *out, const double *values, size_t n, size_t span, size_t columns);
