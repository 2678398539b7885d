#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a reader of the tree may rely on, checked: formatting, static analysis, the direction of
# includes, sizes, manual pages, scripts, and that the tree builds with clang without a warning. Prints one
# line for each check, `ok NAME` or `FAIL NAME` with what was found below it; ends with 1 where one
# failed. Needs no build directory and writes nothing into the tree.
#
# shellcheck disable=SC2317 # the checks are called by name
set -eu

cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
chosen=${1-}

packaging/tree.sh | sort -zu >"$scratch/files"

# matching REGEX: the files whose names match, one a line.
matching() {
        tr '\0' '\n' <"$scratch/files" | grep -E "$1" || true
}

# check NAME COMMAND…: runs the command; it is right where it ends with 0.
check() {
        local name=$1
        shift
        [[ $name == *"$chosen"* ]] || return 0
        if "$@" >"$scratch/output" 2>&1; then
                echo "ok   $name"
        else
                echo "FAIL $name"
                sed 's/^/     /' "$scratch/output" | head -60
                failed=1
        fi
}

need() {
        command -v "$1" >/dev/null || {
                echo "'$1' is missing; on Debian: apt-get install $2"
                return 1
        }
}

# Each clang-format has opinions of its own: the tree is formatted by that of Debian 12, which is fetched
# where Debian has another one.
format() {
        local cache=${CRIER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crier} formatter=clang-format version=14.0.6
        if ! "$formatter" --version 2>/dev/null | grep -q 'version 14[.]'; then
                formatter=$cache/clang-format-$version/clang_format/data/bin/clang-format
                [ -x "$formatter" ] || "$python" -m pip install --quiet --no-deps --root-user-action=ignore \
                        --target="$cache/clang-format-$version" "clang-format==$version" || return 1
        fi
        "$formatter" --dry-run -Werror "${c_files[@]}"
}

# cppcheck knows nothing of cleanup attributes: leaks are for clang's analyzer and the sanitizers.
static_cppcheck() {
        need cppcheck cppcheck && cppcheck --quiet --error-exitcode=1 --inline-suppr -j 2 --std=c11 \
                --enable=warning,performance,portability --library=posix -I src \
                --suppress=missingInclude --suppress=missingIncludeSystem \
                --suppress=memleak --suppress=resourceLeak --suppress=getgrnamCalled \
                "${c_sources[@]}"
}

# A copy of the tree, configured for clang: it has config.h, which clang-tidy needs too.
configure_with_clang() {
        need clang clang || return 1
        [ ! -e "$scratch/build/config.h" ] || return 0
        mkdir -p "$scratch/build"
        (packaging/tree.sh "$scratch/tree" && cd "$scratch/tree" && ./autogen.sh && cd "$scratch/build" &&
                "$scratch/tree/configure" CC=clang CFLAGS=-O0 --enable-werror) >"$scratch/log" 2>&1 ||
                { tail -n 30 "$scratch/log"; return 1; }
}

build_with_clang() {
        configure_with_clang || return 1
        make -C "$scratch/build" -j2 check TESTS= INTEGRATION=no >"$scratch/log" 2>&1 ||
                { grep -E 'error|warning|\*\*\*' "$scratch/log" || tail -n 30 "$scratch/log"; return 1; }
}

# Two files at a time. The analyzer follows a function over so many steps, and not six times as many, which
# takes four times as long. (Half as many, and it takes for possible what is not: it follows fewer calls then.)
static_tidy() {
        need clang-tidy clang-tidy && configure_with_clang || return 1
        local flags steps=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang
                --extra-arg=max-nodes=40000)
        read -ra flags < <(pkg-config --cflags rdkafka libconfig libsystemd jansson smartcols ncursesw)
        flags+=(-std=gnu17 -D_GNU_SOURCE -I src -I tests -I "$scratch/build" -include "$scratch/build/config.h"
                "-DMAN_DIR=\"man\"" "-DSYSCONFDIR=\"/etc\"")
        printf '%s\0' "${c_sources[@]}" |
                xargs -0 -P 2 -I FILE clang-tidy --quiet "${steps[@]}" FILE -- "${flags[@]}" >"$scratch/tidy" 2>/dev/null ||
                { cat "$scratch/tidy"; return 1; }
}

shell_scripts() {
        need shellcheck shellcheck || return 1
        local scripts
        mapfile -t scripts < <(tr '\0' '\n' <"$scratch/files" | while IFS= read -r name; do
                case $name in
                *.sh) echo "$name" ;;
                *) if head -c 64 "$name" | head -n 1 | grep -aqE '^#! ?/(usr/)?bin/(env )?(ba|da)?sh'; then
                        echo "$name"
                fi ;;
                esac
        done)
        shellcheck "${scripts[@]}"
}

python_files() {
        need flake8 flake8 || return 1
        local names
        mapfile -t names < <(matching '\.py$')
        flake8 --max-line-length 100 "${names[@]}"
}

manual_pages() {
        need mandoc mandoc || return 1
        local pages
        mapfile -t pages < <(matching '^man/.*\.[0-9]$')
        [ "${#pages[@]}" -gt 0 ] || { echo "no manual pages found"; return 1; }
        mandoc -Tlint -W warning "${pages[@]}"
}

# Packages come through the clients that the machine has set up, from wherever it has set them up.
registry_names() {
        ! tr '\n' '\0' < <(matching .) | xargs -0 grep -nIE \
                '(deb|security)[.]debian[.]org|maven[.](org|apache[.]org/maven2)|pypi[.]org|pythonhoste[d]|npmj[s]'
}

mapfile -t c_files < <(matching '\.[ch]$')
mapfile -t c_sources < <(matching '^(src|tests)/.*\.c$')
python=/usr/bin/python3
[ -x "$python" ] || python=python3

check format format
for rule in headers includes sizes cleanups; do
        check "$rule" "$python" tests/lint-sources.py "$rule" "${c_files[@]}"
done
check cppcheck static_cppcheck
check configure configure_with_clang
check clang-build build_with_clang
check clang-tidy static_tidy
check shellcheck shell_scripts
check flake8 python_files
check manuals manual_pages
check registries registry_names
exit "$failed"
