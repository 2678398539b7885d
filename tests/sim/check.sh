#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The simulator in `make check`, which starts it in the build directory: some thousands of schedules,
# then each rule switched off, which has to be noticed. Prints its seeds. SIM_RULES=no leaves the rules out.
set -eu
tests/sim/sim --quiet --seeds "${SIM_SEEDS:-4000}" --first "${SIM_FIRST:-0}"
[ "${SIM_RULES:-yes}" = no ] || tests/sim/sim --quiet --self-test --seeds 20000
