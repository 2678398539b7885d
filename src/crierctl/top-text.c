/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text for the screen of `crierctl top`: see top-text.h.
 */

#include "crierctl/top-text.h"

#include <limits.h>
#include <math.h>
#include <wchar.h>

#include "crierctl/output.h"

/* One character of a text. */
typedef struct Character {
        size_t size;    /* bytes */
        size_t columns; /* 0: it goes on top of the one before */
        bool shown;     /* false: '?' stands for it */
} Character;

static Character next_character(const char *text) {
        mbstate_t state = {0};
        wchar_t c = 0;
        size_t size = mbrtowc(&c, text, strlen(text), &state);
        int columns;

        if (size == 0 || size > MB_LEN_MAX)
                return (Character){.size = 1, .columns = 1};
        columns = wcwidth(c);
        if (columns < 0)
                return (Character){.size = size, .columns = 1};
        return (Character){.size = size, .columns = (size_t) columns, .shown = true};
}

size_t text_columns(const char *safe) {
        size_t columns = 0;

        while (*safe) {
                Character c = next_character(safe);

                columns += c.columns;
                safe += c.size;
        }
        return columns;
}

static void append_blanks(Buffer *out, size_t n) {
        while (n-- > 0)
                buffer_append_byte(out, ' ');
}

/* Appends what fits into so many columns. Returns how many those are, and moves the text on. */
static size_t append_columns(Buffer *out, const char **text, size_t columns) {
        size_t used = 0;

        while (**text) {
                Character c = next_character(*text);

                if (used + c.columns > columns)
                        break;
                if (c.shown)
                        buffer_append(out, *text, c.size);
                else
                        buffer_append_byte(out, '?');
                used += c.columns;
                *text += c.size;
        }
        return used;
}

void text_fit(Buffer *out, const char *safe, size_t columns, bool right) {
        size_t width = text_columns(safe), used;

        if (columns == 0)
                return;
        if (right && width < columns)
                append_blanks(out, columns - width);
        if (width <= columns)
                append_columns(out, &safe, columns);
        else {
                used = append_columns(out, &safe, columns - 1);
                buffer_append_string(out, output_utf8() ? "…" : "~");
                append_blanks(out, columns - 1 - used);
        }
        if (!right && width < columns)
                append_blanks(out, columns - width);
}

/* How many bytes of the text are a line of so many columns: to its last blank where it goes on. */
static size_t line_size(const char *text, size_t columns) {
        size_t used = 0, size = 0, blank = 0;

        while (text[size]) {
                Character c = next_character(text + size);

                if (text[size] == ' ')
                        blank = size;
                if (used + c.columns > columns)
                        return blank > 0 ? blank : MAX(size, c.size);
                used += c.columns;
                size += c.size;
        }
        return size;
}

void text_wrap(Buffer *out, const char *safe, size_t columns, size_t indent) {
        size_t begin = 0;

        indent = indent * 2 < columns ? indent : 0;
        while (*safe && columns > 0) {
                size_t size = line_size(safe, columns - begin);
                const char *line = safe;
                _cleanup_free_ char *copy = strndup(line, size);

                if (!copy) {
                        out->failed = true;
                        return;
                }
                line = copy;
                append_blanks(out, begin);
                append_columns(out, &line, columns - begin);
                buffer_append_byte(out, '\n');
                safe += size;
                safe += strspn(safe, " ");
                begin = indent;
        }
}

void text_number(Buffer *out, double number) {
        static const char units[] = "kMGTPE";
        size_t i = 0;

        if (!isfinite(number) || fabs(number) >= 1e21) {
                buffer_appendf(out, "%.0e", number);
                return;
        }
        if (fabs(number) < 9999.5) {
                bool whole = fabs(number) >= 99.95 || fabs(number - round(number)) < 0.005;

                if (fabs(number) < 0.95)
                        buffer_appendf(out, "%.2g", number);
                else
                        buffer_appendf(out, "%.*f", whole ? 0 : 1, number);
                return;
        }
        for (number /= 1000; fabs(number) >= 999.95 && units[i + 1]; i++)
                number /= 1000;
        buffer_appendf(out, "%.1f%c", number, units[i]);
}

void text_count(Buffer *out, int64_t count) {
        if (count > -1000000 && count < 1000000)
                buffer_append_i64(out, count);
        else
                text_number(out, (double) count);
}

void text_sparkline(Buffer *out, const double *values, size_t n, size_t span, size_t columns) {
        static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
        static const char ascii[] = "_.:-=+*#";
        bool utf8 = output_utf8();
        double highest = 0;

        columns = MIN(columns, span);
        for (size_t i = 0; i < n; i++)
                highest = MAX(highest, values[i]);
        for (size_t i = 0; i < columns; i++) {
                /* This column's share, counted from the oldest that there may be. */
                size_t first = MAX(i * span / columns, span - n), last = (i + 1) * span / columns;
                double sum = 0;
                size_t level = 0;

                if (first >= last) {
                        buffer_append_byte(out, ' ');
                        continue;
                }
                for (size_t k = first; k < last; k++)
                        sum += values[k - (span - n)] / (double) (last - first);
                if (highest > 0 && sum > 0)
                        level = MIN((size_t) (sum / highest * 7 + 0.5), (size_t) 7);
                if (utf8)
                        buffer_append_string(out, blocks[level]);
                else
                        buffer_append_byte(out, (uint8_t) ascii[level]);
        }
}
