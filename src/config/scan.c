/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look at a configuration file's text before libconfig reads it: see scan.h. The tokens are those
 * of scanner.l of libconfig 1.5, which are still those of 1.7; what a whole number means is not
 * left to either.
 */

#include "config/scan.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

/* No group of the schema has nearly as many keys, or is so deep in others. libconfig looks through
 * all keys of a group for each that it adds. */
#define KEYS_MAX 200
#define DEPTH_MAX 16

typedef struct Scanner {
        char *p; /* NUL behind the end */
        const char *end;
        unsigned line;
        Scan *scan;
        unsigned keys[DEPTH_MAX]; /* of the group at hand, and of those around it */
        unsigned depth;
        unsigned error_line;
        const char *error;
} Scanner;

static int scan_error(Scanner *s, unsigned line, const char *error) {
        s->error_line = line;
        s->error = error;
        return -EINVAL;
}

static void scan_advance(Scanner *s, size_t n) {
        for (; n > 0 && s->p < s->end; n--)
                s->line += *s->p++ == '\n';
}

static int scan_string(Scanner *s) {
        unsigned line = s->line;

        scan_advance(s, 1);
        while (s->p < s->end && *s->p != '"') {
                if (strncasecmp(s->p, "\\x00", 4) == 0)
                        return scan_error(s, s->line, "a string cannot hold \\x00");
                scan_advance(s, *s->p == '\\' ? 2 : 1);
        }
        if (s->p == s->end)
                return scan_error(s, line, "the string that begins here has no end");
        scan_advance(s, 1);
        return 0;
}

static int scan_block_comment(Scanner *s) {
        unsigned line = s->line;

        scan_advance(s, 2);
        while (s->p < s->end && !(s->p[0] == '*' && s->p[1] == '/'))
                scan_advance(s, 1);
        if (s->p == s->end)
                return scan_error(s, line, "the comment that begins here has no end");
        scan_advance(s, 2);
        return 0;
}

static int scan_line_comment(Scanner *s) {
        s->p += strcspn(s->p, "\n");
        return 0;
}

static int scan_name(Scanner *s) {
        unsigned line = s->line;
        size_t n = 1;
        ScanKey *keys;

        while (isalnum((unsigned char) s->p[n]) || (s->p[n] && strchr("-_*", s->p[n])))
                n++;
        if ((n == 4 && strncasecmp(s->p, "true", n) == 0) ||
            (n == 5 && strncasecmp(s->p, "false", n) == 0)) {
                s->p += n;
                return 0;
        }
        if (++s->keys[s->depth] > KEYS_MAX)
                return scan_error(s, line, "more than 200 keys in one group");
        keys = reallocarray(s->scan->keys, s->scan->n_keys + 1, sizeof(*keys));
        if (!keys)
                return -ENOMEM;
        s->scan->keys = keys;
        keys[s->scan->n_keys++] = (ScanKey){.line = line};
        s->p += n;
        return 0;
}

static size_t count(const char *p, int (*is)(int)) {
        size_t n = 0;

        while (is((unsigned char) p[n]))
                n++;
        return n;
}

/* "e+5" at the end of a number; 0 where it is none. */
static size_t exponent_size(const char *p) {
        size_t n = 1, digits;

        if (*p != 'e' && *p != 'E')
                return 0;
        n += p[n] == '-' || p[n] == '+';
        digits = count(p + n, isdigit);
        return digits > 0 ? n + digits : 0;
}

/* The size of the number at `p`, with the L or LL behind it, or 0 where there is none; *ret_whole
 * says whether it is a whole one. */
static size_t number_size(const char *p, bool *ret_whole) {
        size_t sign = *p == '-' || *p == '+', n = sign, digits;
        bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && isxdigit((unsigned char) p[2]);

        if (hex)
                digits = 2 + count(p + 2, isxdigit);
        else
                digits = count(p + sign, isdigit);
        n += digits;
        *ret_whole = true;
        if (!hex && (p[n] == '.' || (digits > 0 && exponent_size(p + n) > 0))) {
                *ret_whole = false;
                if (p[n] == '.')
                        n += 1 + count(p + n + 1, isdigit);
                return n + exponent_size(p + n);
        }
        if (digits == 0)
                return 0;
        if (p[n] == 'L')
                n += p[n + 1] == 'L' ? 2 : 1;
        return n;
}

/* Writes a number of n bytes over with one that every libconfig takes for the same. */
static void hide_number(char *number, size_t n) {
        memset(number, ' ', n);
        number[0] = '0';
}

static int scan_number(Scanner *s) {
        ScanKey *key = s->scan->n_keys > 0 ? &s->scan->keys[s->scan->n_keys - 1] : NULL;
        size_t n;
        bool whole;

        n = number_size(s->p, &whole);
        /* libconfig 1.8 has numbers like 0b101 and 0o17. */
        if (n > 0 && isalnum((unsigned char) s->p[n]))
                return scan_error(s, s->line, "a number with letters or digits right behind it");
        if (whole && n > 0 && key && !key->number) {
                key->number = strndup(s->p, n);
                if (!key->number)
                        return -ENOMEM;
        }
        if (whole && n > 0)
                hide_number(s->p, n);
        s->p += n > 0 ? n : 1;
        return 0;
}

static int scan_group_begin(Scanner *s) {
        if (s->depth + 1 == DEPTH_MAX)
                return scan_error(s, s->line, "groups in groups in groups, too many of them");
        s->keys[++s->depth] = 0;
        s->p++;
        return 0;
}

static int scan_token(Scanner *s) {
        switch (*s->p) {
        case '{':
                return scan_group_begin(s);
        case '}':
                s->depth -= s->depth > 0;
                break;
        case '@':
                return scan_error(s, s->line,
                                  "crier has no @include; put the other file into crierd.conf.d");
        case '"':
                return scan_string(s);
        case '#':
                return scan_line_comment(s);
        case '/':
                if (s->p[1] == '/')
                        return scan_line_comment(s);
                if (s->p[1] == '*')
                        return scan_block_comment(s);
                break;
        default:
                if (isalpha((unsigned char) *s->p) || *s->p == '*')
                        return scan_name(s);
                if (isdigit((unsigned char) *s->p) || strchr("+-.", *s->p))
                        return scan_number(s);
        }
        scan_advance(s, 1);
        return 0;
}

int scan_text(char *text, size_t size, Scan *scan, unsigned *ret_line, const char **ret_error) {
        Scanner s = {.p = text, .end = text + size, .line = 1, .scan = scan};
        char *nul = memchr(text, 0, size);
        int r = 0;

        /* libconfig would take it for the end. */
        if (nul) {
                scan_advance(&s, (size_t) (nul - text));
                r = scan_error(&s, s.line, "a NUL byte; a configuration file is text");
        }
        while (r >= 0 && s.p < s.end)
                r = scan_token(&s);
        if (r == -EINVAL) {
                *ret_line = s.error_line;
                *ret_error = s.error;
        }
        if (r < 0)
                scan_done(scan);
        return r;
}

void scan_done(Scan *scan) {
        for (size_t i = 0; i < scan->n_keys; i++)
                free(scan->keys[i].number);
        free(scan->keys);
        *scan = (Scan){0};
}
