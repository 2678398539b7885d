/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How crierctl fails: see failure.h.
 */

#include "crierctl/failure.h"

static const struct {
        const char *word;
        int code;
} kinds[] = {
#define FAILURE(id, word, code) [FAILURE_##id] = {word, code},
        FAILURES
#undef FAILURE
};

void failure_done(Failure *f) {
        buffer_done(&f->text);
        buffer_done(&f->advice);
        buffer_done(&f->details);
        free(f->name);
        json_decref(f->parameters);
        *f = (Failure){0};
}

int failure_exit_code(FailureKind kind) {
        return kinds[kind].code;
}

const char *failure_to_string(FailureKind kind) {
        return kinds[kind].word;
}

int failure_set(Failure *f, FailureKind kind, const char *format, ...) {
        va_list ap;

        f->kind = kind;
        buffer_clear(&f->text);
        buffer_clear(&f->advice);
        va_start(ap, format);
        buffer_appendv(&f->text, format, ap);
        va_end(ap);
        return failure_exit_code(kind);
}

int failure_advise(Failure *f, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&f->advice, format, ap);
        va_end(ap);
        return failure_exit_code(f->kind);
}
