#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The simulator in `make check`, which starts it in the build directory: some thousands of schedules,
# then each rule switched off, which has to be noticed. Prints its seeds.
set -eu
tests/sim/sim --quiet --seeds "${SIM_SEEDS:-4000}" --first "${SIM_FIRST:-0}"
tests/sim/sim --quiet --self-test --seeds 20000
