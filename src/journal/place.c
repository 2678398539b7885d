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

int place_find(const char *directory, JournalPlace *ret) {
        const char *name_space = getenv("LOG_NAMESPACE");
        int r;

        *ret = (JournalPlace){.uid = getuid()};
        if (directory) {
                ret->directory = strdup(directory);
                ret->directories[0] = strdup(directory);
                return ret->directory && ret->directories[0] ? 0 : -ENOMEM;
        }
        if (name_space && *name_space) {
                ret->name_space = strdup(name_space);
                if (!ret->name_space)
                        return -ENOMEM;
        }
        r = machine_directory(ret, "/var/log/journal", &ret->directories[0]);
        if (r >= 0)
                r = machine_directory(ret, "/run/log/journal", &ret->directories[1]);
        return r;
}

void place_done(JournalPlace *p) {
        free(p->directory);
        free(p->name_space);
        free(p->directories[0]);
        free(p->directories[1]);
        *p = (JournalPlace){0};
}

bool place_is_journal_file(const char *name) {
        static const char *const endings[] = {".journal", ".journal~"};
        size_t n = strlen(name);

        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                size_t size = strlen(endings[i]);

                if (n > size && streq(name + n - size, endings[i]))
                        return true;
        }
        return false;
}

/* Where entries of our user go. */
static bool may_hold_ours(const JournalPlace *p, const char *name) {
        bool system = p->uid <= SYSTEM_UID_MAX || p->uid >= DYNAMIC_UID_MIN;
        char own[32];

        snprintf(own, sizeof(own), "user-%u", (unsigned) p->uid);
        return place_is_journal_file(name) &&
               (strncmp(name, "system", strlen("system")) == 0 ||
                (!system && strncmp(name, own, strlen(own)) == 0));
}

/* Counts the files that may hold entries of ours and can be read; a file that cannot is an error. */
static int count_readable(const JournalPlace *p, const char *directory, unsigned *count) {
        DIR *d = opendir(directory);
        struct dirent *entry;
        int r = 0;

        if (!d)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        while ((entry = readdir(d))) {
                if (!may_hold_ours(p, entry->d_name))
                        continue;
                if (faccessat(dirfd(d), entry->d_name, R_OK, 0) >= 0)
                        (*count)++;
                else if (errno != ENOENT)
                        r = -errno;
        }
        closedir(d);
        return r;
}

int place_check(const JournalPlace *p, Buffer *why) {
        const struct passwd *user = getpwuid(p->uid);
        unsigned count = 0;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->directories) && r >= 0; i++)
                if (p->directories[i])
                        r = count_readable(p, p->directories[i], &count);
        if (r == -EACCES || r == -EPERM)
                buffer_appendf(why,
                               "the journal cannot be read back: user '%s' is not in group "
                               "systemd-journal; 'usermod -aG systemd-journal %s', then restart",
                               user ? user->pw_name : "?", user ? user->pw_name : "USER");
        else if (r < 0)
                buffer_appendf(why, "the journal cannot be read back: %s", strerror(-r));
        else if (count == 0) {
                buffer_appendf(why,
                               "the journal cannot be read back: %s has no journal files; "
                               "journald.conf(5) must not say Storage=none",
                               p->directories[0]);
                r = -ENOENT;
        }
        return r;
}

int place_open(const JournalPlace *p, sd_journal **ret) {
        if (p->directory)
                return sd_journal_open_directory(ret, p->directory, 0);
        return sd_journal_open_namespace(ret, p->name_space, SD_JOURNAL_LOCAL_ONLY);
}

int place_match_own(const JournalPlace *p, sd_journal *j) {
        char match[32];

        snprintf(match, sizeof(match), "_UID=%u", (unsigned) p->uid);
        return sd_journal_add_match(j, match, 0);
}

int place_host(const JournalPlace *p, char to[static MARKER_NAME_MAX + 1]) {
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
