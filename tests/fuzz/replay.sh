#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the fuzzers were given and found, once more (part of `make check`, which starts it in the build
# directory): each corpus through its target.
set -eu
corpus=${srcdir:-.}/tests/fuzz/corpus
for target in config dispatch template varlink; do
        tests/fuzz/replay-$target "$corpus/$target"
done
