/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The small kit that every file may use: cleanup attributes, ownership transfer and sizes.
 * Nothing here allocates on its own or knows anything of crier.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define USEC_PER_MSEC ((uint64_t) 1000)
#define USEC_PER_SEC ((uint64_t) 1000000)
#define NSEC_PER_USEC ((uint64_t) 1000)

/* Hands a pointer (or descriptor) on and leaves NULL (or -1) behind, so that its cleanup does
 * nothing. */
#define TAKE_PTR(p)                              \
        ({                                       \
                __typeof__(p) *_take_ = &(p);    \
                __typeof__(p) _taken_ = *_take_; \
                *_take_ = NULL;                  \
                _taken_;                         \
        })

static inline int take_fd(int *fd) {
        int taken = *fd;

        *fd = -1;
        return taken;
}
#define TAKE_FD(fd) take_fd(&(fd))

static inline void freep(void *p) {
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(freep)

static inline void closep(int *fd) {
        if (*fd >= 0)
                close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

/* DEFINE_CLEANUP(Type *, free_function): makes free_functionp() for _cleanup_(). */
#define DEFINE_CLEANUP(type, func)            \
        static inline void func##p(type *p) { \
                if (*p)                       \
                        func(*p);             \
        }                                     \
        struct crier_swallow_semicolon_

static inline int streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}
