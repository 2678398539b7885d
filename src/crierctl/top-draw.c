/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture of `crierctl top`: see top-draw.h. From top to bottom: the head, in one or two lines;
 * the rows, scrolled; the troubles; the message, or which keys there are. On a small screen the
 * rows have precedence.
 */

#include "crierctl/top-draw.h"

#include "crierctl/top-keys.h"
#include "crierctl/top-text.h"

#define SEPARATOR "  "
#define MESSAGE_LINES 3
#define SPARKLINE_MIN 4

/* The lines between the head and the foot. */
typedef struct Area {
        size_t first, lines;
} Area;

static const TopLook bold = {.bold = true};

static TopColour state_colour(const char *state) {
        static const struct {
                const char *name;
                TopColour colour;
        } colours[] = {{"green", TOP_GREEN}, {"brown", TOP_YELLOW}, {"red", TOP_RED}};
        const char *name = state ? output_state_colour(state) : NULL;

        for (size_t i = 0; name && i < ELEMENTSOF(colours); i++)
                if (streq(colours[i].name, name))
                        return colours[i].colour;
        return TOP_PLAIN;
}

/* Puts text, cut at the screen's edge. Returns the column behind it. */
static size_t put(const TopCanvas *c, size_t line, size_t column, const char *text, TopLook look) {
        size_t columns = text_columns(text);
        _cleanup_buffer_ Buffer fitted = {0};

        if (line >= c->height || column >= c->width)
                return column;
        columns = MIN(columns, c->width - column);
        text_fit(&fitted, text, columns, false);
        c->put(c->userdata, line, column, buffer_string(&fitted), look);
        return column + columns;
}

/* Lines that text_wrap() has made: at most so many. Returns how many it were. */
static size_t put_lines(const TopCanvas *c, size_t line, size_t limit, Buffer *lines,
                        TopLook look) {
        const char *text = buffer_string(lines);
        size_t n = 0;

        for (; *text && n < limit; n++) {
                size_t size = strcspn(text, "\n");
                _cleanup_free_ char *one = strndup(text, size);

                if (one)
                        put(c, line + n, 0, one, look);
                text += size + (text[size] == '\n');
        }
        return n;
}

static size_t count_lines(Buffer *lines) {
        size_t n = 0;

        for (const char *p = buffer_string(lines); *p; p++)
                n += *p == '\n';
        return n;
}

/* ---- head ---- */

static size_t part_columns(TopPart *p) {
        return text_columns(buffer_string(&p->before)) + text_columns(buffer_string(&p->state)) +
               text_columns(buffer_string(&p->after));
}

static size_t put_part(const TopCanvas *c, size_t line, size_t column, TopPart *p) {
        TopLook state = {.colour = state_colour(buffer_string(&p->state))};

        column = put(c, line, column, buffer_string(&p->before), bold);
        column = put(c, line, column, buffer_string(&p->state), state);
        return put(c, line, column, buffer_string(&p->after), (TopLook){0});
}

/* What stands in front where crierd is not in contact. Returns the column behind it. */
static size_t put_problem(TopModel *m, const TopCanvas *c) {
        TopLook look = {.colour = m->contact == TOP_STARTING ? TOP_YELLOW : TOP_RED, .bold = true};

        if (m->contact == TOP_LIVE)
                return 0;
        if (m->contact == TOP_STARTING)
                return put(c, 0, 0, "Asking crierd ...", look);
        return put(c, 0, 0, buffer_string(&m->problem), look);
}

/* Returns how many lines it takes. */
static size_t draw_head(TopModel *m, const TopCanvas *c) {
        size_t line = 0, column, lines_max = c->height >= 8 ? 2 : 1;

        column = put_problem(m, c);
        if (m->frozen)
                column = put(c, 0, put(c, 0, column, column > 0 ? " " : "", (TopLook){0}),
                             "[frozen]", (TopLook){.reverse = true});
        for (size_t i = 0; i < TOP_PARTS; i++) {
                size_t columns = part_columns(m->parts + i);

                if (columns == 0)
                        continue;
                if (column > 0 && column + strlen(" | ") + columns > c->width &&
                    line + 1 < lines_max) {
                        line++;
                        column = 0;
                }
                if (column > 0)
                        column = put(c, line, column, " | ", (TopLook){0});
                column = put_part(c, line, column, m->parts + i);
        }
        return line + 1;
}

/* ---- foot ---- */

static size_t draw_message(TopModel *m, const TopCanvas *c, size_t limit) {
        static const char hints[] = "h help  q end  + - change  p pause  K kill  r remove";
        TopLook look = {.colour = m->failed ? TOP_RED : TOP_PLAIN, .bold = true};
        _cleanup_buffer_ Buffer lines = {0}, place = {0};
        size_t n;

        if (m->message.size > 0) {
                text_wrap(&lines, buffer_string(&m->message), c->width, 2);
                n = MIN(count_lines(&lines), MIN(limit, (size_t) MESSAGE_LINES));
                return put_lines(c, c->height - n, n, &lines, look);
        }
        if (limit == 0)
                return 0;
        if (m->n_rows > 0)
                buffer_appendf(&place, "%zu/%zu", m->selected + 1, m->n_rows);
        n = text_columns(buffer_string(&place));
        put(c, c->height - 1, 0, hints, (TopLook){0});
        if (n > 0 && sizeof(hints) + 1 + n <= c->width)
                put(c, c->height - 1, c->width - n, buffer_string(&place), (TopLook){0});
        return 1;
}

/* Draws at most `limit` lines of troubles above line `end`. Returns how many it were. */
static size_t draw_troubles(TopModel *m, const TopCanvas *c, size_t end, size_t limit) {
        static const char more[] = "(There are more troubles: crierctl status shows them all)\n";
        _cleanup_buffer_ Buffer lines = {0}, last = {0};
        const char *text = buffer_string(&m->troubles);
        size_t n;

        while (*text) {
                size_t size = strcspn(text, "\n");
                _cleanup_buffer_ Buffer one = {0};

                buffer_append(&one, text, size);
                text_wrap(&lines, buffer_string(&one), c->width, strlen("trouble: "));
                text += size + (text[size] == '\n');
        }
        n = count_lines(&lines);
        if (n <= limit)
                return put_lines(c, end - n, n, &lines, (TopLook){.colour = TOP_RED});
        if (limit == 0)
                return 0;
        buffer_append_string(&last, more);
        put_lines(c, end - limit, limit - 1, &lines, (TopLook){.colour = TOP_RED});
        put_lines(c, end - 1, 1, &last, (TopLook){.colour = TOP_RED});
        return limit;
}

/* ---- rows ---- */

/* How the columns may change to fit: the least and the most, and which go first (1) where it is not
 * enough; 0 never goes. */
static const struct {
        const char *producer, *group;
        size_t min, max;
        unsigned drop;
        bool right;
} columns[TOP_COLUMNS] = {
        [TOP_NAME] = {"PRODUCER", "GROUP", 8, 32, 0, false},
        [TOP_WHAT] = {"TOPIC", "OWNS", 6, 28, 2, false},
        [TOP_SIZE] = {"RATE", "CONSUMERS", 9, 12, 1, true},
        [TOP_BEHIND] = {"QUEUED", "LAG", 6, 9, 4, true},
        [TOP_SPEED] = {"PER S", "PER S", 5, 8, 3, true},
        [TOP_STATE] = {"STATE", "STATE", 7, 11, 5, false},
};

/* How wide each column is here, and the sparkline behind them; 0: not there. */
typedef struct Layout {
        size_t widths[TOP_COLUMNS], sparkline;
} Layout;

static size_t layout_total(const Layout *l) {
        size_t total = 0;

        for (size_t i = 0; i < TOP_COLUMNS; i++)
                if (l->widths[i] > 0)
                        total += l->widths[i] + (total > 0 ? strlen(SEPARATOR) : 0);
        return total;
}

/* Takes columns away from one, down to `least`, until all take no more than `width`. */
static void layout_shrink(Layout *l, TopColumn column, size_t least, size_t width) {
        while (layout_total(l) > width && l->widths[column] > least)
                l->widths[column]--;
}

static Layout layout_new(const TopModel *m, size_t width) {
        static const TopColumn first[] = {TOP_WHAT, TOP_NAME};
        /* What names may have while there is no room for a sparkline of this size. */
        const size_t names = 16, sparkline = 10;
        Layout l = {0};

        for (size_t i = 0; i < TOP_COLUMNS; i++) {
                l.widths[i] = columns[i].min;
                for (size_t k = 0; k < m->n_rows; k++)
                        if (m->rows[k].cells[i])
                                l.widths[i] = MAX(l.widths[i], text_columns(m->rows[k].cells[i]));
                l.widths[i] = MIN(l.widths[i], columns[i].max);
        }
        for (size_t i = 0; i < ELEMENTSOF(first); i++)
                layout_shrink(&l, first[i], names,
                              width - MIN(width, sparkline + strlen(SEPARATOR)));
        for (size_t i = 0; i < ELEMENTSOF(first); i++)
                layout_shrink(&l, first[i], columns[first[i]].min, width);
        for (unsigned drop = 1; drop <= TOP_COLUMNS && layout_total(&l) > width; drop++)
                for (size_t i = 0; i < TOP_COLUMNS; i++)
                        if (columns[i].drop == drop)
                                l.widths[i] = 0;
        l.widths[TOP_NAME] = MIN(l.widths[TOP_NAME], width);
        l.sparkline = width - MIN(width, layout_total(&l) + strlen(SEPARATOR));
        l.sparkline = l.sparkline < SPARKLINE_MIN ? 0 : MIN(l.sparkline, (size_t) TOP_HISTORY);
        return l;
}

/* One line: the cells, and, unless it is NULL, a history. */
static void draw_cells(const TopCanvas *c, size_t line, const Layout *l, const char *const *cells,
                       const TopHistory *history, TopLook look) {
        _cleanup_buffer_ Buffer sparkline = {0};
        size_t column = 0;

        for (size_t i = 0; i < TOP_COLUMNS; i++) {
                _cleanup_buffer_ Buffer cell = {0};
                TopLook this = look;

                if (l->widths[i] == 0)
                        continue;
                if (column > 0)
                        column = put(c, line, column, SEPARATOR, look);
                if (i == TOP_STATE && history)
                        this.colour = state_colour(cells[i]);
                text_fit(&cell, cells[i] ? cells[i] : "", l->widths[i], columns[i].right);
                column = put(c, line, column, buffer_string(&cell), this);
        }
        if (!history || l->sparkline == 0)
                return;
        column = put(c, line, column, SEPARATOR, look);
        text_sparkline(&sparkline, history->values, history->n, TOP_HISTORY, l->sparkline);
        put(c, line, column, buffer_string(&sparkline), look);
}

static void draw_heading(const TopModel *m, const TopCanvas *c, size_t line, const Layout *l,
                         bool group) {
        const char *cells[TOP_COLUMNS];

        for (size_t i = 0; i < TOP_COLUMNS; i++)
                cells[i] = group ? columns[i].group : columns[i].producer;
        if (group && m->n_producers == m->n_rows)
                put(c, line, 0, "no groups", (TopLook){0});
        else if (!group && m->n_producers == 0)
                put(c, line, 0, "no producers", (TopLook){0});
        else
                draw_cells(c, line, l, cells, NULL, bold);
}

/* The body's lines: a heading, the producers, an empty line, a heading, the groups, and perhaps how
 * many are left out. */
static size_t row_line(const TopModel *m, size_t i) {
        return i < m->n_producers ? i + 1 : i + 3;
}

static void draw_line(TopModel *m, const TopCanvas *c, size_t line, const Layout *l, size_t which) {
        size_t heading = m->n_producers + 2, i;
        _cleanup_buffer_ Buffer text = {0};

        if (which == 0 || which == heading)
                draw_heading(m, c, line, l, which == heading);
        if (which == 0 || which == heading || which + 1 == heading)
                return;
        i = which < heading ? which - 1 : which - 3;
        if (i < m->n_rows) {
                TopRow *row = m->rows + i;

                draw_cells(c, line, l, (const char *const *) row->cells, &row->history,
                           (TopLook){.reverse = i == m->selected});
        } else {
                buffer_appendf(&text, "(%zu more)", m->left_out);
                put(c, line, 0, buffer_string(&text), (TopLook){0});
        }
}

/* The selected row is seen, with the heading above it where it is the first. */
static void scroll(TopModel *m, size_t lines, size_t total) {
        size_t at = m->n_rows > 0 ? row_line(m, m->selected) : 0;
        size_t above = at > 0 ? at - 1 : 0;

        if (at <= 1 || lines < 2)
                above = lines < 2 ? at : 0;
        m->scroll = MIN(m->scroll, above);
        if (at >= m->scroll + lines)
                m->scroll = at - lines + 1;
        m->scroll = MIN(m->scroll, total - MIN(total, lines));
}

static void draw_rows(TopModel *m, const TopCanvas *c, Area area) {
        size_t total = m->n_rows + 3 + (m->left_out > 0);
        Layout l = layout_new(m, c->width);

        scroll(m, area.lines, total);
        for (size_t i = 0; i < area.lines && m->scroll + i < total; i++)
                draw_line(m, c, area.first + i, &l, m->scroll + i);
}

static void draw_help(const TopCanvas *c, Area area) {
        for (size_t i = 0; i < area.lines && top_help[i].keys; i++) {
                _cleanup_buffer_ Buffer line = {0};

                buffer_appendf(&line, "%-20s%s", top_help[i].keys, top_help[i].what);
                put(c, area.first + i, 0, buffer_string(&line), (TopLook){0});
        }
}

/* Where nothing is to be shown but what to do. */
static void draw_advice(TopModel *m, const TopCanvas *c, Area area) {
        _cleanup_buffer_ Buffer lines = {0};

        text_wrap(&lines, buffer_string(&m->advice), c->width, 0);
        put_lines(c, area.first, area.lines, &lines, (TopLook){0});
}

size_t top_draw(TopModel *m, const TopCanvas *c) {
        Area body = {0};
        size_t foot;

        if (c->width == 0 || c->height == 0)
                return 0;
        body.first = draw_head(m, c);
        foot = c->height > 1 ? draw_message(m, c, MAX((c->height - body.first) / 2, (size_t) 1))
                             : 0;
        foot += draw_troubles(m, c, c->height - foot, c->height < 8 ? 0 : c->height / 3);
        body.lines = c->height - MIN(c->height, body.first + foot);
        if (body.lines == 0)
                return 0;
        if (m->help)
                draw_help(c, body);
        else if (m->parts[TOP_PART_DAEMON].before.size == 0)
                draw_advice(m, c, body);
        else
                draw_rows(m, c, body);
        return body.lines;
}
