/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the journal's files are: see place.h. Their names are as in systemd-journald.service(8),
 * FILES.
 */

#include "journal/place.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "common/hash.h"

/* Of application-specific machine ids: sd_id128_get_machine_app_specific(3). */
#define HOST_APP SD_ID128_MAKE(5d, 0e, 2b, 76, 1c, 84, 4f, 0a, 93, 5b, 8e, 61, d4, 27, f0, 3c)

/* Users whose entries journald keeps in the system's file, and not in one of their own. */
#define SYSTEM_UID_MAX 999
#define DYNAMIC_UID_MIN 61184

static bool is_system(uid_t uid) {
        return uid <= SYSTEM_UID_MAX || uid >= DYNAMIC_UID_MIN;
}

static int machine_directory(const JournalPlace *p, const char *parent, char **ret) {
        char machine[SD_ID128_STRING_MAX];
        sd_id128_t id;
        int r = sd_id128_get_machine(&id);

        if (r < 0)
                return r;
        r = asprintf(ret, "%s/%s%s%s", parent, sd_id128_to_string(id, machine),
                     p->name_space ? "." : "", p->name_space ? p->name_space : "");
        if (r >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

/* The names that journald writes under: systemd-journald.service(8), FILES. */
static int find_current(JournalPlace *p) {
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->directories); i++) {
                if (!p->directories[i])
                        continue;
                if (asprintf(&p->current[n++], "%s/system.journal", p->directories[i]) < 0 ||
                    (!is_system(p->uid) && asprintf(&p->current[n++], "%s/user-%u.journal",
                                                    p->directories[i], (unsigned) p->uid) < 0)) {
                        p->current[n - 1] = NULL;
                        return -ENOMEM;
                }
        }
        return 0;
}

int place_find(const char *directory, JournalPlace *ret) {
        const char *name_space = getenv("LOG_NAMESPACE");
        int r;

        *ret = (JournalPlace){.uid = getuid()};
        if (directory) {
                ret->directory = strdup(directory);
                ret->directories[0] = strdup(directory);
                return ret->directory && ret->directories[0] ? find_current(ret) : -ENOMEM;
        }
        if (name_space && *name_space) {
                ret->name_space = strdup(name_space);
                if (!ret->name_space)
                        return -ENOMEM;
        }
        r = machine_directory(ret, "/var/log/journal", &ret->directories[0]);
        if (r >= 0)
                r = machine_directory(ret, "/run/log/journal", &ret->directories[1]);
        return r < 0 ? r : find_current(ret);
}

void place_done(JournalPlace *p) {
        free(p->directory);
        free(p->name_space);
        free(p->directories[0]);
        free(p->directories[1]);
        for (size_t i = 0; i < ELEMENTSOF(p->current); i++)
                free(p->current[i]);
        *p = (JournalPlace){0};
}

static int is_journal_file(const struct dirent *entry) {
        static const char *const endings[] = {".journal", ".journal~"};
        size_t n = strlen(entry->d_name);

        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                size_t size = strlen(endings[i]);

                if (n > size && streq(entry->d_name + n - size, endings[i]))
                        return true;
        }
        return false;
}

int place_list(const char *directory, struct dirent ***ret) {
        int n;

        *ret = NULL;
        n = scandir(directory, ret, is_journal_file, alphasort);
        if (n >= 0)
                return n;
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

void place_list_free(struct dirent **names, int n) {
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
}

bool place_is_archived(const char *name) {
        return strchr(name, '@') || name[strlen(name) - 1] == '~';
}

bool place_may_hold(const JournalPlace *p, const char *name) {
        char own[32];

        snprintf(own, sizeof(own), "user-%u", (unsigned) p->uid);
        return strncmp(name, "system", strlen("system")) == 0 ||
               (!is_system(p->uid) && strncmp(name, own, strlen(own)) == 0);
}

/* Counts the files that may hold entries of ours and can be read; a file that cannot is an error.
 */
static int count_readable(const JournalPlace *p, const char *directory, unsigned *count) {
        struct dirent **names;
        int n = place_list(directory, &names), r = MIN(n, 0);

        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;

                if (!place_may_hold(p, names[i]->d_name))
                        continue;
                if (asprintf(&path, "%s/%s", directory, names[i]->d_name) < 0) {
                        path = NULL;
                        r = -ENOMEM;
                } else if (access(path, R_OK) >= 0)
                        (*count)++;
                else if (errno != ENOENT)
                        r = -errno;
        }
        place_list_free(names, n);
        return r;
}

int place_check(const JournalPlace *p) {
        unsigned count = 0;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->directories) && r >= 0; i++)
                if (p->directories[i])
                        r = count_readable(p, p->directories[i], &count);
        return r < 0 ? r : count > 0 ? 0 : -ENOENT;
}

void place_explain(const JournalPlace *p, int error, Buffer *why) {
        char memory[1024];
        struct passwd user, *found = NULL;
        const char *name;

        (void) getpwuid_r(p->uid, &user, memory, sizeof(memory), &found);
        name = found ? user.pw_name : "USER";
        buffer_append_string(why, "the journal cannot be read back: ");
        if (error == -EACCES || error == -EPERM)
                buffer_appendf(why,
                               "user '%s' is not in group systemd-journal; 'usermod -aG "
                               "systemd-journal %s', then restart",
                               name, name);
        else if (error == -ENOENT)
                buffer_appendf(why,
                               "%s has no journal files; journald.conf(5) must not say "
                               "Storage=none, and where the machine id was changed journald has "
                               "to be restarted first",
                               p->directories[0]);
        else
                buffer_append_string(why, strerror(-error));
}

int place_match_own(const JournalPlace *p, sd_journal *j) {
        char match[32];

        snprintf(match, sizeof(match), "_UID=%u", (unsigned) p->uid);
        return sd_journal_add_match(j, match, 0);
}

int place_host(const JournalPlace *p, sd_id128_t state, char to[static MARKER_NAME_MAX + 1]) {
        char journal[128];
        sd_id128_t id;
        int r = sd_id128_get_machine_app_specific(HOST_APP, &id);

        if (r < 0)
                return r;
        if (p->directory)
                snprintf(journal, sizeof(journal), "directory-%016llx",
                         (unsigned long long) hash_bytes(HASH_BEGIN, p->directory,
                                                         strlen(p->directory)));
        else if (p->name_space)
                snprintf(journal, sizeof(journal), "namespace-%s", p->name_space);
        else
                snprintf(journal, sizeof(journal), "system");
        snprintf(to, MARKER_NAME_MAX + 1, SD_ID128_FORMAT_STR "." SD_ID128_FORMAT_STR ".%u.%s",
                 SD_ID128_FORMAT_VAL(id), SD_ID128_FORMAT_VAL(state), (unsigned) p->uid, journal);
        return 0;
}

int place_old_host(const JournalPlace *p, char to[static MARKER_NAME_MAX + 1]) {
        const char *which = p->directory ? p->directory : p->name_space;
        sd_id128_t id;
        int r = sd_id128_get_machine_app_specific(HOST_APP, &id);

        if (r < 0)
                return r;
        if (which)
                snprintf(to, MARKER_NAME_MAX + 1, SD_ID128_FORMAT_STR ".%016llx",
                         SD_ID128_FORMAT_VAL(id),
                         (unsigned long long) hash_bytes(HASH_BEGIN, which, strlen(which)));
        else
                snprintf(to, MARKER_NAME_MAX + 1, SD_ID128_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
        return 0;
}
