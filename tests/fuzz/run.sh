#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds one fuzz target with clang's libFuzzer and runs it on its corpus, to which it adds what it finds:
#   tests/fuzz/run.sh config|dispatch|template|varlink [libFuzzer's options, like -max_total_time=60]
# A crash leaves its input in the current folder; put it into the corpus once it is mended, and
# `make check` replays it for ever.
set -eu

target=${1:-}
case $target in
config | template) rooms='common config' ;;
varlink) rooms='common protocol' ;;
dispatch) rooms='common config loop journal kafka protocol control' ;;
*)
        echo "usage: $0 config|dispatch|template|varlink [libFuzzer option…]" >&2
        exit 2
        ;;
esac
shift
libraries='libconfig jansson rdkafka libsystemd'
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
                sources="$sources $source"
        done
done
# What the real build makes.
printf '#define PACKAGE_VERSION "0"\n#define PACKAGE_URL "url:"\n' >"$scratch/config.h"
printf '#include "protocol/verbs.h"\nconst char protocol_interface[] = "interface";\n' >"$scratch/interface.c"
# shellcheck disable=SC2046,SC2086 # lists of words
clang -std=gnu17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        -DSYSCONFDIR='"/etc"' -I "$scratch" -I "$top/src" $(pkg-config --cflags $libraries) \
        "$top/tests/fuzz/fuzz-$target.c" "$scratch/interface.c" $sources $(pkg-config --libs $libraries) \
        -lm -lpthread \
        -o "$scratch/fuzz"
"$scratch/fuzz" "$@" "$top/tests/fuzz/corpus/$target"
