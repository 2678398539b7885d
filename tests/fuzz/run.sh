#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds one fuzz target with clang's libFuzzer and runs it on its corpus, to which it adds what it finds:
#   tests/fuzz/run.sh config|template|varlink [libFuzzer's options, like -max_total_time=60]
# A crash leaves its input in the current folder; put it into the corpus once it is mended, and
# `make check` replays it for ever.
set -eu

target=${1:-}
case $target in
config | template) rooms='common config' ;;
varlink) rooms='common protocol' ;;
*)
        echo "usage: $0 config|template|varlink [libFuzzer option…]" >&2
        exit 2
        ;;
esac
shift
top=$(cd "$(dirname "$0")/../.." && pwd)
command -v clang >/dev/null || {
        echo "$0: 'clang' is missing; on Debian: apt-get install clang libclang-rt-14-dev" >&2
        exit 1
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sources=
for room in $rooms; do
        for source in "$top/src/$room"/*.c; do
                # It needs a file that only the real build makes.
                [ "$source" = "$top/src/protocol/verbs.c" ] || sources="$sources $source"
        done
done
# shellcheck disable=SC2046,SC2086 # lists of words
clang -std=gnu17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        -DSYSCONFDIR='"/etc"' -I "$top/src" $(pkg-config --cflags libconfig jansson) \
        "$top/tests/fuzz/fuzz-$target.c" $sources $(pkg-config --libs libconfig jansson) -lm \
        -o "$scratch/fuzz"
"$scratch/fuzz" "$@" "$top/tests/fuzz/corpus/$target"
