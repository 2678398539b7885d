#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Plays many schedules of the simulator, on all processors, with seeds that were not played before:
#   tests/sim/run.sh COUNT [FIRST] [OPTION…]
# FIRST is the first seed, the time of day where it is left out. Options are those of `sim --help`. To be
# started in the build directory, or with SIM= the path of the program. Ends with 1 where a seed failed.
set -eu
sim=${SIM:-tests/sim/sim}
[ $# -gt 0 ] || { sed -n '3,6s/^# //p' "$0"; exit 2; }
count=$1
shift
case ${1:-} in
'' | -*) first=$(($(date +%s) * 1000)) ;;
*)
        first=$1
        shift
        ;;
esac
jobs=$(nproc)
each=$(((count + jobs - 1) / jobs))
pids=
for i in $(seq "$jobs"); do
        "$sim" --seeds "$each" --first $((first + (i - 1) * each)) "$@" &
        pids="$pids $!"
done
failed=0
for pid in $pids; do
        wait "$pid" || failed=1
done
exit "$failed"
