/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The id of a state directory: see state.h.
 */

#include "journal/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/macro.h"

/* The digits and a new line. */
#define TEXT_SIZE SD_ID128_STRING_MAX

void state_give_to_owner(int fd, const char *directory) {
        struct stat st;

        if (geteuid() == 0 && stat(directory, &st) >= 0)
                (void) !fchown(fd, st.st_uid, st.st_gid);
}

static int read_id(const char *path, sd_id128_t *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        char text[TEXT_SIZE + 1];
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof(text));
        if (n < 0)
                return -errno;
        if (n != TEXT_SIZE || text[TEXT_SIZE - 1] != '\n')
                return -EBADMSG;
        text[TEXT_SIZE - 1] = '\0';
        return sd_id128_from_string(text, ret) < 0 || sd_id128_is_null(*ret) ? -EBADMSG : 0;
}

/* Writes a whole file under another name first: whoever reads the id has all of it, and of two that
 * draw one at a time the first has drawn it for both. */
static int draw_id(const char *directory, const char *path) {
        _cleanup_free_ char *draft = NULL;
        _cleanup_close_ int fd = -1;
        sd_id128_t id;
        int r = sd_id128_randomize(&id);

        if (r < 0)
                return r;
        if (asprintf(&draft, "%s.XXXXXX", path) < 0) {
                draft = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(draft, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        state_give_to_owner(fd, directory);
        /* It is no secret, and who runs crierd as another user has to read it. */
        if (dprintf(fd, SD_ID128_FORMAT_STR "\n", SD_ID128_FORMAT_VAL(id)) != TEXT_SIZE ||
            fchmod(fd, 0644) < 0 || fsync(fd) < 0)
                r = errno > 0 ? -errno : -EIO;
        else if (link(draft, path) < 0 && errno != EEXIST)
                r = -errno;
        (void) unlink(draft);
        return MIN(r, 0);
}

int state_id(const char *directory, sd_id128_t *ret) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, "%s/" STATE_ID_FILE, directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = read_id(path, ret);
        if (r != -ENOENT)
                return r;
        r = draw_id(directory, path);
        return r < 0 ? r : read_id(path, ret);
}
