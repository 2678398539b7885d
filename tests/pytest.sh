#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs pytest with a Python that has what the tests need, and leaves no files in the source tree. `python3` on a
# PATH may be another Python than Debian's. Where there is none, says so and ends well, but with CI=true fails.
# CRIER_WORKERS=N spreads the tests over N processes, where pytest-xdist is there: most tests wait most of the time.
# With PYTHONPYCACHEPREFIX=DIR, see python3(1), what Python makes of the tests is kept there, outside the tree.
set -eu
for python in /usr/bin/python3 python3; do
        if "$python" -c 'import pytest, confluent_kafka' 2>/dev/null; then
                [ -n "${PYTHONPYCACHEPREFIX:-}" ] || export PYTHONDONTWRITEBYTECODE=1
                if [ "${CRIER_WORKERS:-1}" -gt 1 ] && "$python" -c 'import xdist' 2>/dev/null; then
                        set -- -n "$CRIER_WORKERS" --dist loadgroup "$@"
                fi
                # SIGINT ends what the tests have started, also where whoever began this ignores it.
                exec env --default-signal=INT "$python" -m pytest -p no:cacheprovider "$@"
        fi
done
echo "SKIP: the tests in Python need pytest and confluent_kafka;" \
        "on Debian: apt-get install python3-pytest python3-confluent-kafka"
[ "${CI:-}" != true ]
