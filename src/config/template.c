/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The template language: see template.h. A template is compiled into segments, each a piece of text
 * or a word with the function that expands it; expanding is one loop over them, because it is done
 * for every event.
 */

#include "config/template.h"

#include <errno.h>

#include "common/iso-time.h"
#include "common/nearest.h"
#include "common/parse.h"

/* How many random characters a word may make, and how many words a pick may have. */
#define RANDOM_CHARACTERS_MAX 65536
#define PICK_WORDS_MAX 1024

#define USE(u) (1u << (u))
#define IN_VALUE USE(TEMPLATE_VALUE)
#define IN_MESSAGE USE(TEMPLATE_MESSAGE)
#define IN_BOTH (IN_VALUE | IN_MESSAGE)

#define ALPHA "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define HEX "0123456789abcdef"

/* How a word is written, for messages. */
#define FORM "%%{%s%s%s}"
#define FORM_OF(w) (w)->name, (w)->hint ? ":" : "", (w)->hint ? (w)->hint : ""

typedef struct Segment Segment;
typedef struct Word Word;

/* A piece of Template.bytes. Kept as offsets, since the buffer moves while it grows. */
typedef struct Piece {
        size_t start;
        size_t size;
} Piece;

struct Segment {
        const Word *word; /* NULL: text */
        Piece text;       /* the text, or the name of a header */
        uint32_t n;       /* random characters, or words to pick from */
        uint32_t first;   /* the first of those words in Template.picks */
        int64_t low;      /* %{int} */
        uint64_t more;    /* %{int}: how much higher the highest number is */
};

struct Template {
        Segment *segments;
        size_t n_segments;
        Piece *picks;
        size_t n_picks;
        Buffer bytes;
        unsigned words; /* a bit for each row of the table that occurs */
};

/* What is known while a template is being compiled. */
typedef struct Compiler {
        Template *t;
        TemplateUse use;
        const char *text; /* the whole */
        const char *at;   /* the '%' of the word at hand */
        Buffer error;
} Compiler;

struct Word {
        const char *name;
        unsigned uses;
        void (*expand)(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out);
        /* Reads what follows the colon. NULL: nothing may follow. */
        int (*argument)(Compiler *c, Segment *s, const char *argument);
        const char *hint;     /* what an argument looks like */
        const char *alphabet; /* of random characters */
};

/* The generator: Marsaglia's xorshift with Vigna's multiplier ("An experimental exploration of
 * Marsaglia's xorshift generators, scrambled", 2016). Good enough to make things up, not to keep
 * secrets. */
uint64_t template_random(uint64_t *state) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Expanding */

static void expand_none(Buffer *out) {
        buffer_append(out, "None", 4);
}

static void expand_seq(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out) {
        buffer_append_u64(out, v->seq);
}

static void expand_time(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out) {
        iso_time_append(out, v->time_ms);
}

static void expand_ms(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out) {
        buffer_append_i64(out, v->time_ms);
}

static void expand_producer(const Template *t, const Segment *s, const TemplateValues *v,
                            Buffer *out) {
        buffer_append_string(out, v->producer);
}

static void expand_topic(const Template *t, const Segment *s, const TemplateValues *v,
                         Buffer *out) {
        buffer_append_string(out, v->topic);
}

static void expand_uuid(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out) {
        static const char hex[] = HEX;
        char text[] = "00000000-0000-4000-8000-000000000000";
        uint64_t random = 0;

        for (size_t i = 0, left = 0; i < sizeof(text) - 1; i++) {
                if (text[i] == '-')
                        continue;
                if (left == 0) {
                        random = template_random(v->random);
                        left = 16;
                }
                /* RFC 9562: the version stands as it is, and of the variant's digit two bits do. */
                if (text[i] == '8')
                        text[i] = hex[8 | (random & 3)];
                else if (text[i] == '0')
                        text[i] = hex[random & 15];
                random >>= 4;
                left--;
        }
        buffer_append(out, text, sizeof(text) - 1);
}

/* Two characters of each half of a random number: multiplying by the size of the alphabet gives the
 * character above the half's 32 bits and the rest for the next one in them. */
static void expand_characters(const Template *t, const Segment *s, const TemplateValues *v,
                              Buffer *out) {
        const char *alphabet = s->word->alphabet;
        uint64_t size = strlen(alphabet), random = 0, half = 0;
        uint8_t *to;

        if (!buffer_reserve(out, s->n))
                return;
        to = out->data + out->size;
        for (uint32_t i = 0; i < s->n; i++) {
                if (i % 4 == 0)
                        random = template_random(v->random);
                if (i % 2 == 0)
                        half = i % 4 == 0 ? random >> 32 : random & UINT32_MAX;
                half *= size;
                to[i] = (uint8_t) alphabet[half >> 32];
                half &= UINT32_MAX;
        }
        out->size += s->n;
}

static void expand_int(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out) {
        uint64_t random = template_random(v->random);

        if (s->more < UINT64_MAX)
                random %= s->more + 1;
        buffer_append_i64(out, (int64_t) ((uint64_t) s->low + random));
}

static void expand_pick(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out) {
        uint64_t i = ((template_random(v->random) >> 32) * s->n) >> 32;
        const Piece *piece = &t->picks[s->first + i];

        buffer_append(out, t->bytes.data + piece->start, piece->size);
}

static void expand_consumer(const Template *t, const Segment *s, const TemplateValues *v,
                            Buffer *out) {
        buffer_append_u64(out, v->consumer);
}

static void expand_group(const Template *t, const Segment *s, const TemplateValues *v,
                         Buffer *out) {
        buffer_append_string(out, v->group);
}

static void expand_partition(const Template *t, const Segment *s, const TemplateValues *v,
                             Buffer *out) {
        buffer_append_i64(out, v->partition);
}

static void expand_offset(const Template *t, const Segment *s, const TemplateValues *v,
                          Buffer *out) {
        buffer_append_i64(out, v->offset);
}

static void expand_timestamp(const Template *t, const Segment *s, const TemplateValues *v,
                             Buffer *out) {
        if (v->timestamp_ms == NO_TIMESTAMP)
                expand_none(out);
        else
                iso_time_append(out, v->timestamp_ms);
}

static void expand_bytes(const void *data, size_t size, Buffer *out) {
        if (data)
                buffer_append(out, data, size);
        else
                expand_none(out);
}

static void expand_key(const Template *t, const Segment *s, const TemplateValues *v, Buffer *out) {
        expand_bytes(v->key, v->key_size, out);
}

static void expand_value(const Template *t, const Segment *s, const TemplateValues *v,
                         Buffer *out) {
        expand_bytes(v->value, v->value_size, out);
}

static void expand_header(const Template *t, const Segment *s, const TemplateValues *v,
                          Buffer *out) {
        const char *name = (const char *) t->bytes.data + s->text.start;
        const void *value = NULL;
        size_t size = 0;

        if (!v->header || !v->header(v->userdata, name, &value, &size))
                value = NULL;
        expand_bytes(value, size, out);
}

void template_expand(const Template *t, const TemplateValues *values, Buffer *out) {
        for (size_t i = 0; i < t->n_segments; i++) {
                const Segment *s = &t->segments[i];

                if (s->word)
                        s->word->expand(t, s, values, out);
                else
                        buffer_append(out, t->bytes.data + s->text.start, s->text.size);
        }
}

/* Compiling */

static int compile_error(Compiler *c, const char *format, ...) _printf_(2, 3);
static int compile_error(Compiler *c, const char *format, ...) {
        va_list ap;

        buffer_appendf(&c->error, "byte %zu: ", (size_t) (c->at - c->text) + 1);
        va_start(ap, format);
        buffer_appendv(&c->error, format, ap);
        va_end(ap);
        return -EINVAL;
}

static Piece add_bytes(Compiler *c, const char *data, size_t size) {
        Piece piece = {c->t->bytes.size, size};

        buffer_append(&c->t->bytes, data, size);
        return piece;
}

static int argument_count(Compiler *c, Segment *s, const char *argument) {
        uint64_t n;

        if (parse_u64(argument, 1, RANDOM_CHARACTERS_MAX, &n) < 0)
                return compile_error(c, "'%s' is no number from 1 to %u; write '" FORM "'",
                                     argument, RANDOM_CHARACTERS_MAX, FORM_OF(s->word));
        s->n = (uint32_t) n;
        return 0;
}

static int argument_range(Compiler *c, Segment *s, const char *argument) {
        _cleanup_buffer_ Buffer low = {0};
        size_t n = strcspn(argument, ":");
        const char *high = argument[n] ? argument + n + 1 : "";
        int64_t highest;

        buffer_append(&low, argument, n);
        if (parse_i64(buffer_string(&low), INT64_MIN, INT64_MAX, &s->low) < 0 ||
            parse_i64(high, INT64_MIN, INT64_MAX, &highest) < 0)
                return compile_error(c, "'%s' is not two whole numbers; write '" FORM "'", argument,
                                     FORM_OF(s->word));
        if (highest < s->low)
                return compile_error(c, "%s is more than %s; write the smaller number first",
                                     buffer_string(&low), high);
        s->more = (uint64_t) highest - (uint64_t) s->low;
        return 0;
}

static int argument_words(Compiler *c, Segment *s, const char *argument) {
        Template *t = c->t;
        Piece *picks;

        s->n = 1;
        for (const char *p = argument; *p; p++)
                s->n += *p == '|';
        if (s->n > PICK_WORDS_MAX)
                return compile_error(c, "%u words to pick from; at most %u are allowed", s->n,
                                     PICK_WORDS_MAX);
        picks = reallocarray(t->picks, t->n_picks + s->n, sizeof(*picks));
        if (!picks)
                return -ENOMEM;
        t->picks = picks;
        s->first = (uint32_t) t->n_picks;
        for (uint32_t i = 0; i < s->n; i++) {
                size_t size = strcspn(argument, "|");

                t->picks[t->n_picks++] = add_bytes(c, argument, size);
                argument += size + 1;
        }
        return 0;
}

static int argument_name(Compiler *c, Segment *s, const char *argument) {
        if (!*argument)
                return compile_error(c, "a header has a name; write '" FORM "'", FORM_OF(s->word));
        s->text = add_bytes(c, argument, strlen(argument) + 1);
        return 0;
}

static const Word words[] = {
        {"seq", IN_VALUE, expand_seq, NULL, NULL, NULL},
        {"time", IN_VALUE, expand_time, NULL, NULL, NULL},
        {"ms", IN_VALUE, expand_ms, NULL, NULL, NULL},
        {"producer", IN_VALUE, expand_producer, NULL, NULL, NULL},
        {"topic", IN_BOTH, expand_topic, NULL, NULL, NULL},
        {"uuid", IN_VALUE, expand_uuid, NULL, NULL, NULL},
        {"alpha", IN_VALUE, expand_characters, argument_count, "N", ALPHA},
        {"digits", IN_VALUE, expand_characters, argument_count, "N", DIGITS},
        {"hex", IN_VALUE, expand_characters, argument_count, "N", HEX},
        {"int", IN_VALUE, expand_int, argument_range, "A:B", NULL},
        {"pick", IN_VALUE, expand_pick, argument_words, "A|B|…", NULL},
        {"consumer", IN_MESSAGE, expand_consumer, NULL, NULL, NULL},
        {"group", IN_MESSAGE, expand_group, NULL, NULL, NULL},
        {"partition", IN_MESSAGE, expand_partition, NULL, NULL, NULL},
        {"offset", IN_MESSAGE, expand_offset, NULL, NULL, NULL},
        {"timestamp", IN_MESSAGE, expand_timestamp, NULL, NULL, NULL},
        {"key", IN_MESSAGE, expand_key, NULL, NULL, NULL},
        {"value", IN_MESSAGE, expand_value, NULL, NULL, NULL},
        {"header", IN_MESSAGE, expand_header, argument_name, "NAME", NULL},
};

static const Word *word_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(words[i].name, name))
                        return &words[i];
        return NULL;
}

/* What to say of a word that may not stand here: the nearest one that may, and all of them. */
static int compile_unknown(Compiler *c, const Word *elsewhere, const char *name) {
        const char *candidates[ELEMENTSOF(words) + 1], *near;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (words[i].uses & USE(c->use))
                        candidates[n++] = words[i].name;
        candidates[n] = NULL;
        near = elsewhere ? NULL : nearest(name, candidates);
        if (elsewhere)
                (void) compile_error(c, "'" FORM "' is for %s. ", FORM_OF(elsewhere),
                                     c->use == TEMPLATE_VALUE ? "the 'message' of a group"
                                                              : "the values and keys of producers");
        else
                (void) compile_error(c, "there is no word '%%{%s}'; ", name);
        if (near)
                buffer_appendf(&c->error, "did you mean '" FORM "'? ", FORM_OF(word_find(near)));
        buffer_append_string(&c->error, "The words are");
        for (size_t i = 0; i < n; i++)
                buffer_appendf(&c->error, "%s " FORM, i > 0 ? "," : "",
                               FORM_OF(word_find(candidates[i])));
        return -EINVAL;
}

static int add_segment(Template *t, const Segment *s) {
        Segment *segments = reallocarray(t->segments, t->n_segments + 1, sizeof(*segments));

        if (!segments)
                return -ENOMEM;
        t->segments = segments;
        t->segments[t->n_segments++] = *s;
        return 0;
}

/* Compiles what stands between the braces; changes `inner`. */
static int compile_word(Compiler *c, char *inner) {
        char *argument = strchr(inner, ':');
        Segment s = {0};
        int r = 0;

        if (argument)
                *argument++ = 0;
        s.word = word_find(inner);
        if (!s.word || !(s.word->uses & USE(c->use)))
                return compile_unknown(c, s.word, inner);
        if (!s.word->argument && argument)
                return compile_error(
                        c, "'" FORM "' takes nothing behind its name, but '%s' stands there",
                        FORM_OF(s.word), argument);
        if (s.word->argument && !argument)
                return compile_error(c, "'%%{%s}' lacks its argument; write '" FORM "'", inner,
                                     FORM_OF(s.word));
        if (argument && strstr(argument, "%{"))
                return compile_error(c, "words cannot stand inside of words; write '" FORM "'",
                                     FORM_OF(s.word));
        if (s.word->argument)
                r = s.word->argument(c, &s, argument);
        if (r < 0)
                return r;
        c->t->words |= 1u << (s.word - words);
        return add_segment(c->t, &s);
}

/* Compiles the text up to the next word. `%%` becomes one '%'. Stores where it ended. */
static int compile_text(Compiler *c, const char **p) {
        Segment s = {.text = {.start = c->t->bytes.size}};

        while (**p && !((*p)[0] == '%' && (*p)[1] == '{')) {
                size_t plain = strcspn(*p + 1, "%") + 1;

                buffer_append(&c->t->bytes, *p, plain);
                *p += plain;
                /* The one before the last byte was a '%' too, and stands already. */
                if (plain == 1 && (*p)[-1] == '%' && (*p)[0] == '%')
                        (*p)++;
        }
        s.text.size = c->t->bytes.size - s.text.start;
        return s.text.size > 0 ? add_segment(c->t, &s) : 0;
}

static int compile(Compiler *c) {
        _cleanup_buffer_ Buffer inner = {0};
        const char *p = c->text, *end;
        int r;

        while (*p) {
                r = compile_text(c, &p);
                if (r < 0)
                        return r;
                if (!*p)
                        break;
                c->at = p;
                end = strchr(p, '}');
                if (!end)
                        return compile_error(c, "'%%{' has no '}' behind it; write '%%%%{' for a "
                                                "'%%{' that stands for itself");
                buffer_clear(&inner);
                buffer_append(&inner, p + 2, (size_t) (end - p) - 2);
                buffer_append_byte(&inner, 0);
                if (inner.failed)
                        return -ENOMEM;
                r = compile_word(c, (char *) inner.data);
                if (r < 0)
                        return r;
                p = end + 1;
        }
        /* Even a template without any text points into this memory. */
        (void) buffer_string(&c->t->bytes);
        return c->t->bytes.failed ? -ENOMEM : 0;
}

int template_compile(const char *text, TemplateUse use, Template **ret, char **ret_error) {
        _cleanup_(template_freep) Template *t = calloc(1, sizeof(*t));
        Compiler c = {.t = t, .use = use, .text = text, .at = text};
        _cleanup_free_ char *error = NULL;
        int r;

        if (!t)
                return -ENOMEM;
        r = compile(&c);
        if (r == -EINVAL) {
                error = strdup(buffer_string(&c.error));
                if (!error)
                        r = -ENOMEM;
        }
        buffer_done(&c.error);
        if (r == -EINVAL)
                *ret_error = TAKE_PTR(error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

Template *template_free(Template *t) {
        if (!t)
                return NULL;
        free(t->segments);
        free(t->picks);
        buffer_done(&t->bytes);
        free(t);
        return NULL;
}

bool template_is_constant(const Template *t) {
        return t->words == 0;
}

bool template_uses(const Template *t, const char *word) {
        const Word *w = word_find(word);

        return w && (t->words & 1u << (w - words));
}
