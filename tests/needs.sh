# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Which Debian packages the rings need beyond the base system; for scripts to source. COMMAND|PACKAGE
# where the command may also come from elsewhere.

needs_build='gcc make autoconf automake pkg-config xz-utils ccache python3 librdkafka-dev libconfig-dev
        libsystemd-dev libjansson-dev libsmartcols-dev libncurses-dev libcmocka-dev'
needs_pytest='python3-pytest python3-pytest-xdist python3-confluent-kafka kcat tmux mandoc procps
        systemd-journal-remote jq zsh'
needs_kafka='java|default-jre-headless mvn|maven openssl'
# What tests/fetch.py fetches with.
needs_fetch='python3-pip'
# Roots of Debian releases.
needs_roots='mmdebstrap systemd-container python3'
# A guest in emulation, its disk and its memory file system.
needs_guest='qemu-system-x86_64|qemu-system-x86 e2fsprogs cpio'
# shellcheck disable=SC2034 # used by who sources this
declare -A ring_needs=(
        [lint]="$needs_build clang clang-format clang-tidy python3-pip cppcheck shellcheck flake8 mandoc"
        [unit]="$needs_build"
        [integration]="$needs_build $needs_pytest $needs_fetch"
        [sanitizers]="$needs_build $needs_pytest $needs_fetch"
        [valgrind]="$needs_build $needs_pytest valgrind"
        [kafka]="$needs_build $needs_pytest $needs_kafka"
        [vm]="$needs_roots $needs_pytest $needs_kafka $needs_guest"
        [bare]="$needs_build $needs_roots $needs_pytest git"
)

installed() {
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# missing WORD…: the packages of these that are not there.
missing() {
        local word
        for word; do
                case $word in
                *'|'*) command -v "${word%|*}" >/dev/null || echo "${word#*|}" ;;
                *) installed "$word" || echo "$word" ;;
                esac
        done
}
