/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How crierctl shows things: see output.h.
 */

#include "config.h"

#include "crierctl/output.h"

#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "common/parse.h"
#include "common/utf8.h"
#include "protocol/varlink.h"

/* Characters that nobody sees, beside the unsafe ones. */
static const struct {
        uint32_t first, last;
} invisible[] = {
        {0xad, 0xad},     /* soft hyphen */
        {0x200b, 0x200d}, /* zero width */
        {0x2060, 0x206f}, /* joiners, and what is deprecated */
        {0xfeff, 0xfeff},
};

static bool is_unsafe(uint32_t c) {
        if (utf8_is_unsafe(c))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(invisible); i++)
                if (c >= invisible[i].first && c <= invisible[i].last)
                        return true;
        return false;
}

bool output_utf8(void) {
        return streq(nl_langinfo(CODESET), "UTF-8");
}

OutputStyle output_style(bool json, bool legend) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
        bool terminal = isatty(STDOUT_FILENO);

        return (OutputStyle){
                .terminal = terminal,
                .colour = terminal && !(no_color && *no_color) && !(term && streq(term, "dumb")),
                .legend = legend,
                .json = json,
        };
}

size_t output_width(const OutputStyle *style) {
        const char *variable = getenv("COLUMNS");
        struct winsize size;
        uint64_t columns;

        if (style->width > 0)
                return style->width;
        if (style->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        if (variable && parse_u64(variable, 1, 10000, &columns) == 0)
                return (size_t) columns;
        return 80;
}

/* A character as JSON would write it: two surrogates where one number is too small. */
static void append_escaped(Buffer *out, uint32_t c) {
        if (c > 0xffff) {
                buffer_appendf(out, "\\u%04x", 0xd800 + ((c - 0x10000) >> 10));
                c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        buffer_appendf(out, "\\u%04x", c);
}

void output_text(Buffer *out, const char *text) {
        size_t left = strlen(text);
        bool ascii = !output_utf8();

        while (left > 0) {
                uint32_t c = 0;
                size_t n = utf8_character(text, left, &c);

                if (n == 0)
                        buffer_appendf(out, "\\x%02x", (unsigned char) *text);
                else if (is_unsafe(c) || (ascii && c > 0x7f))
                        append_escaped(out, c);
                else
                        buffer_append(out, text, n);
                text += MAX(n, (size_t) 1);
                left -= MAX(n, (size_t) 1);
        }
}

void output_textf(Buffer *out, const char *format, ...) {
        _cleanup_buffer_ Buffer b = {0};
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&b, format, ap);
        va_end(ap);
        if (b.failed)
                out->failed = true;
        output_text(out, buffer_string(&b));
}

static const struct {
        const char *state, *colour, *sequence;
} states[] = {
#define GOOD "green", "\033[32m"
#define WAITING "brown", "\033[33m"
#define BAD "red", "\033[31m"
        {"running", GOOD},       {"up", GOOD},        {"ok", GOOD},
        {"stable", GOOD},        {"owner", GOOD},     {"joining", WAITING},
        {"connecting", WAITING}, {"full", WAITING},   {"rebalancing", WAITING},
        {"stopping", WAITING},   {"restarting", BAD}, {"lost", BAD},
        {"refused", BAD},        {"clean", GOOD},     {"faulty", BAD},
};

const char *output_state_colour(const char *state) {
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (streq(states[i].state, state))
                        return states[i].colour;
        return NULL;
}

void output_state(Buffer *out, const OutputStyle *style, const char *state) {
        for (size_t i = 0; style->colour && i < ELEMENTSOF(states); i++)
                if (streq(states[i].state, state)) {
                        buffer_appendf(out, "%s%s\033[0m", states[i].sequence, state);
                        return;
                }
        output_text(out, state);
}

void output_duration(Buffer *out, uint64_t ms) {
        static const struct {
                uint64_t seconds;
                const char *name, *next;
                uint64_t next_seconds;
        } units[] = {
                {86400, "d", "h", 3600},
                {3600, "h", "min", 60},
                {60, "min", "s", 1},
        };
        uint64_t s = ms / 1000;

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (s >= units[i].seconds) {
                        buffer_append_u64(out, s / units[i].seconds);
                        buffer_appendf(out, " %s ", units[i].name);
                        buffer_append_u64(out, s % units[i].seconds / units[i].next_seconds);
                        buffer_appendf(out, " %s", units[i].next);
                        return;
                }
        buffer_append_u64(out, s);
        buffer_append_string(out, " s");
}

void output_number(Buffer *out, double number) {
        if (number >= 1e6 || number == (double) (int64_t) number)
                buffer_appendf(out, "%.0f", number);
        else
                buffer_appendf(out, number < 10 ? "%.2f" : "%.1f", number);
}

const char *output_arrow(void) {
        return output_utf8() ? "→" : "->";
}

bool output_json(Buffer *out, const OutputStyle *style, const json_t *j) {
        size_t flags = style->terminal ? JSON_INDENT(2) : JSON_COMPACT;
        bool ascii = style->terminal && !output_utf8();
        _cleanup_free_ char *text = json_dumps(j, flags | (ascii ? JSON_ENSURE_ASCII : 0));
        size_t left;

        if (!text)
                return false;
        left = strlen(text);
        for (const char *p = text; left > 0;) {
                uint32_t c = 0;
                size_t n = MAX(utf8_character(p, left, &c), (size_t) 1);

                /* Below 0x20 there are only the newlines between the values. */
                if (c >= 0x7f && is_unsafe(c))
                        append_escaped(out, c);
                else
                        buffer_append(out, p, n);
                p += n;
                left -= n;
        }
        buffer_append_byte(out, '\n');
        return !out->failed;
}

static json_t *failure_to_json(const Failure *f, const char *text, const char *advice) {
        return json_pack("{s:{s:s, s:s, s:s, s:i, s:s?, s:O?}}", "error", "code",
                         failure_to_string(f->kind), "text", text, "advice", advice, "exit",
                         failure_exit_code(f->kind), "name", f->name, "parameters", f->parameters);
}

int output_failure(const OutputStyle *style, Failure *f) {
        _cleanup_buffer_ Buffer text = {0}, advice = {0}, out = {0};
        _cleanup_json_ json_t *j = NULL;

        output_text(&text, buffer_string(&f->text));
        output_text(&advice, buffer_string(&f->advice));
        if (style->json) {
                j = failure_to_json(f, buffer_string(&text), buffer_string(&advice));
                if (j && output_json(&out, style, j))
                        fputs(buffer_string(&out), stdout);
                fflush(stdout);
                return failure_exit_code(f->kind);
        }
        buffer_appendf(&out, "crierctl: %s\n", buffer_string(&text));
        buffer_append(&out, f->details.data, f->details.size);
        if (advice.size > 0)
                buffer_appendf(&out, "%s\n", buffer_string(&advice));
        fputs(buffer_string(&out), stderr);
        return failure_exit_code(f->kind);
}

int output_write(const Buffer *out) {
        _cleanup_failure_ Failure f = {0};

        errno = ENOMEM;
        if (!out->failed && out->size == 0)
                return 0;
        if (!out->failed && fwrite(out->data, 1, out->size, stdout) == out->size &&
            fflush(stdout) == 0)
                return 0;
        if (!out->failed && errno == EPIPE)
                return OUTPUT_CLOSED;
        failure_set(&f, FAILURE_OTHER, "Cannot write the output: %s", strerror(errno));
        return output_failure(&(OutputStyle){.json = false}, &f);
}
