/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * How crierctl shows things: text that is safe for a terminal, colours, JSON, failures. What a verb
 * shows is its own file's.
 */

#include <jansson.h>
#include <stdbool.h>

#include "crierctl/failure.h"

/* What the output goes to, and what the user asked for. */
typedef struct OutputStyle {
        bool terminal;
        bool colour;
        bool legend; /* headings and hints */
        bool json;
        unsigned width; /* columns; 0: ask the terminal */
} OutputStyle;

/* Finds out about standard output: colours on a terminal only, and never when NO_COLOR is set
 * (no-color.org) or TERM is dumb. */
OutputStyle output_style(bool json, bool legend);

/* Whether the locale's text is UTF-8. */
bool output_utf8(void);

/* What stands between before and after: an arrow, as the locale allows it. */
const char *output_arrow(void);

/* How many columns there are: of the terminal, else as $COLUMNS says, else 80. */
size_t output_width(const OutputStyle *style);

/* Appends text in such a way that it cannot do anything to a terminal: control characters and
 * characters that turn or hide text become \uNNNN, bytes that are not UTF-8 \xNN; where the locale
 * is not UTF-8, everything that is not ASCII does. */
void output_text(Buffer *out, const char *text);

/* The same with printf's format. */
void output_textf(Buffer *out, const char *format, ...) _printf_(2, 3);

/* The colour that says how good a state is, as libsmartcols names it, or NULL. */
const char *output_state_colour(const char *state);

/* Appends a state in its colour, where the style has colours. */
void output_state(Buffer *out, const OutputStyle *style, const char *state);

/* Appends "3 d 4 h", "2 min 5 s" … */
void output_duration(Buffer *out, uint64_t ms);

/* Appends a rate or another number that is not counted: three digits or what is before the point.
 */
void output_number(Buffer *out, double number);

/* Appends JSON and a newline: on several lines for a terminal, else on one. What JSON leaves as it
 * is but a terminal obeys is written as \uNNNN there too. Returns false when memory is short. */
bool output_json(Buffer *out, const OutputStyle *style, const json_t *j);

/* Shows a failure: in words on standard error, or, for JSON, as {"error": {…}} on standard output.
 * Returns its exit code. */
int output_failure(const OutputStyle *style, Failure *f);

/* What a shell says of a program that SIGPIPE has ended. */
#define OUTPUT_CLOSED 141

/* Writes to standard output, and sees that it got there. Returns 0; OUTPUT_CLOSED where nobody
 * reads it any more, and SIGPIPE is ignored; or another exit code after saying why. */
int output_write(const Buffer *out);
