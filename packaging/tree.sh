#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The files that belong to this source tree; what was built in it does not.
set -eu -o pipefail

usage() {
        cat <<'END'
Usage: packaging/tree.sh            lists the files of this source tree, each ended by a NUL
       packaging/tree.sh DIRECTORY  copies them into DIRECTORY, which is made

In a git checkout these are its own files, changed and new ones included. Elsewhere, and where git is
not installed, they are all files; if the tree was built in, its copy is cleaned with `make distclean`.
END
}

top=$(cd "$(dirname "$0")/.." && pwd)

# A checkout of its own; a release that was unpacked in somebody's checkout is none.
knows_git() {
        [ -e "$top/.git" ] && command -v git >/dev/null
}

list() {
        cd "$top"
        if knows_git; then
                git -c safe.directory="$top" ls-files -z --cached --others --exclude-standard |
                        while IFS= read -r -d '' name; do
                                # Some may have been deleted.
                                [ ! -f "$name" ] || printf '%s\0' "$name"
                        done
        else
                find . -path ./.git -prune -o -type f -printf '%P\0'
        fi
}

copy() {
        mkdir -p "$1"
        directory=$(cd "$1" && pwd)
        (list) | tar --create --directory="$top" --null --files-from=- |
                tar --extract --no-same-owner --directory="$directory"
        [ ! -e "$directory/Makefile" ] || make -s -C "$directory" distclean
}

case "${1-}" in
-h | --help) usage ;;
-*)
        usage >&2
        exit 2
        ;;
'') list ;;
*) copy "$1" ;;
esac
