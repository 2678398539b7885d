/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads configuration files into a Config: see load.h.
 */

#include "config/load.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "config/read.h"
#include "config/schema.h"

#define CONFIG_FILE SYSCONFDIR "/crier/crierd.conf"
#define CONFIG_DIRECTORY CONFIG_FILE ".d"

/* More is not a configuration but a mistake. */
#define CONFIG_FILE_MAX ((size_t) 4 << 20)

/* Making and ending */

static Config *config_new(void) {
        _cleanup_(config_freep) Config *c = calloc(1, sizeof(*c));
        const SchemaSection *section;

        for (size_t i = 0; c && (section = schema_section(i)); i++)
                if (!section->list &&
                    schema_set_defaults(section, (uint8_t *) c + section->offset) < 0)
                        return NULL;
        return TAKE_PTR(c);
}

Config *config_free(Config *c) {
        const SchemaSection *section;

        for (size_t i = 0; c && (section = schema_section(i)); i++) {
                unsigned n;
                uint8_t *entries;

                if (!section->list) {
                        schema_done(section, (uint8_t *) c + section->offset);
                        continue;
                }
                entries = schema_entries(section, c, &n);
                for (unsigned k = 0; k < n; k++)
                        schema_done(section, entries + k * section->size);
                free(entries);
        }
        free(c);
        return NULL;
}

/* What lies between sections and files */

static void drop_switched_off(Config *c, const SchemaSection *section) {
        const SchemaKey *enabled = schema_find_key(section, "enabled");
        unsigned n, kept = 0;
        uint8_t *entries;

        if (!section->list || !enabled)
                return;
        entries = schema_entries(section, c, &n);
        for (unsigned i = 0; i < n; i++) {
                uint8_t *entry = entries + i * section->size;

                if (!*(bool *) schema_field(enabled, entry))
                        schema_done(section, entry);
                else if (kept++ < i)
                        memcpy(entries + (kept - 1) * section->size, entry, section->size);
        }
        schema_set_entries(section, c, entries, kept);
}

static int check_replication(const Config *c, Buffer *errors) {
        int r = 0;

        assert(c->cluster.bootstrap);
        if (!streq(c->cluster.bootstrap, "embedded"))
                return 0;
        for (unsigned i = 0; i < c->n_topics; i++) {
                const TopicConfig *t = &c->topics[i];

                if (t->replication <= c->cluster.embedded_brokers)
                        continue;
                r = -EINVAL;
                buffer_appendf(errors,
                               "%s:%u: 'topics.replication': %u is more than there are embedded "
                               "brokers; allowed: a whole number up to "
                               "'cluster.embedded_brokers', which is %u\n",
                               t->origin.file, t->origin.line, t->replication,
                               c->cluster.embedded_brokers);
        }
        return r;
}

/* Checks the whole and hands it over. `r` is what reading returned. */
static int config_finish(Config **c, int r, Config **ret, Buffer *errors) {
        const SchemaSection *section;
        int checked = check_replication(*c, errors);

        if (r >= 0)
                r = checked;
        if (r >= 0 && errors->failed)
                r = -ENOMEM;
        if (r < 0)
                return r;
        for (size_t i = 0; (section = schema_section(i)); i++)
                drop_switched_off(*c, section);
        *ret = TAKE_PTR(*c);
        return 0;
}

int config_load_text(const char *name, const char *text, size_t size, Config **ret,
                     Buffer *errors) {
        _cleanup_(config_freep) Config *c = config_new();

        if (!c)
                return -ENOMEM;
        return config_finish(&c, read_text(name, text, size, c, errors), ret, errors);
}

/* Files */

static int file_error(const char *path, int error, Buffer *errors) {
        static const struct {
                int error;
                const char *advice;
        } advices[] = {
                {ENOENT, "make it, or name another one with --config=FILE; see crierd.conf(5)"},
                {EACCES, "let the user that runs crierd read it"},
                {EPERM, "let the user that runs crierd read it"},
                {EISDIR, "name a file"},
                {ENOTSUP, "it is no regular file, and reading it might take for ever"},
                {EFBIG, "a configuration has at most 4 MiB"},
        };

        buffer_appendf(errors, "%s: cannot be read: %s", path, strerror(error));
        for (size_t i = 0; i < ELEMENTSOF(advices); i++)
                if (advices[i].error == error)
                        buffer_appendf(errors, "; %s", advices[i].advice);
        buffer_append_byte(errors, '\n');
        return -error;
}

/* Reads everything that is there. Returns 0 or a negative errno. */
static int slurp(int fd, Buffer *text) {
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        /* A daemon that reloads must not wait for whoever writes to a FIFO. */
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        do {
                if (!buffer_reserve(text, 65536))
                        return -ENOMEM;
                n = read(fd, text->data + text->size, 65536);
                if (n < 0 && errno != EINTR)
                        return -errno;
                text->size += (size_t) MAX(n, (ssize_t) 0);
                if (text->size > CONFIG_FILE_MAX)
                        return -EFBIG;
        } while (n != 0);
        return 0;
}

static int read_file(const char *path, Config *c, Buffer *errors) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_buffer_ Buffer text = {0};
        int r;

        r = fd < 0 ? -errno : slurp(fd, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return file_error(path, -r, errors);
        return read_text(path, buffer_string(&text), text.size, c, errors);
}

static int is_addition(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > 5 && streq(entry->d_name + n - 5, ".conf");
}

/* alphasort() goes by the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_directory(const char *directory, Config *c, Buffer *errors) {
        struct dirent **entries;
        int n = scandir(directory, &entries, is_addition, by_name), r = 0;

        if (n < 0)
                return errno == ENOENT ? 0 : file_error(directory, errno, errors);
        for (int i = 0; i < n; i++) {
                _cleanup_buffer_ Buffer path = {0};
                int e;

                buffer_appendf(&path, "%s/%s", directory, entries[i]->d_name);
                e = path.failed ? -ENOMEM : read_file(buffer_string(&path), c, errors);
                r = r < 0 ? r : e;
                free(entries[i]);
        }
        free(entries);
        return r;
}

int config_load_from(const char *file, const char *directory, Config **ret, Buffer *errors) {
        _cleanup_(config_freep) Config *c = config_new();
        int r, e = 0;

        if (!c)
                return -ENOMEM;
        r = read_file(file, c, errors);
        if (directory)
                e = read_directory(directory, c, errors);
        return config_finish(&c, r < 0 ? r : e, ret, errors);
}

int config_load(const char *file, Config **ret, Buffer *errors) {
        if (file)
                return config_load_from(file, NULL, ret, errors);
        return config_load_from(CONFIG_FILE, CONFIG_DIRECTORY, ret, errors);
}
