#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# One ring of tests/run.sh, which calls this: builds what the ring needs, unless another ring has built it,
# runs its tests, and leaves their counts.
#
#   tests/ring.sh RING RESULT     the file RESULT gets: passed failed skipped
#
# Environment: CRIER_SCRATCH, a directory that the rings of one system share; CRIER_RELEASE, the release
# that the ring is for; CRIER_TEST, a part of names: only the tests that have it are run.
#
# shellcheck disable=SC2317 # rings and steps are called by name
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tests/needs.sh
. tests/needs.sh
ring=$1 result=$2
shared=$CRIER_SCRATCH/shared
scratch=$CRIER_SCRATCH/$ring-$CRIER_RELEASE
mkdir -p "$shared" "$scratch"
passed=0 failed=0 skipped=0

unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX=$shared/pycache
# Compiled once for all rings, and for the next run.
export CCACHE_DIR="$CRIER_CACHE/ccache" CCACHE_BASEDIR=$CRIER_SCRATCH CCACHE_NOHASHDIR=1 CCACHE_COMPILERCHECK=content

python=/usr/bin/python3
[ -x "$python" ] || python=python3

# chosen NAME: whether this test is to be run.
chosen() {
        [[ $1 == *"${CRIER_TEST:-}"* ]]
}

# step NAME COMMAND…: one test that is a command.
step() {
        local name=$1
        shift
        if "$@" >"$scratch/step" 2>&1; then
                echo "ok   $name"
                passed=$((passed + 1))
        else
                echo "FAIL $name"
                tail -n 60 "$scratch/step" | sed 's/^/     /'
                failed=$((failed + 1))
                return 1
        fi
}

# count FILE…: adds the tests that result files hold.
count() {
        local p f s
        read -r p f s < <("$python" tests/count.py "$@")
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# In a subshell, because it changes the directory. The build is below the sources, as that of `make
# distcheck` is, which so finds in ccache what was compiled here.
configure_and_make() (
        [ -e "$shared/src/configure" ] || { packaging/tree.sh "$shared/src" && (cd "$shared/src" && ./autogen.sh); }
        mkdir -p "$directory" && cd "$directory" && ../../configure "$@" && make -j2
)

# once NAME COMMAND…: a step that the rings share. Whichever is first runs it, and counts it as a test.
once() {
        local done=$shared/$1.done
        exec 9>"$shared/once.lock"
        flock 9
        if [ ! -e "$done" ]; then
                step "$@" && echo good >"$done" || echo bad >"$done"
        fi
        exec 9>&-
        [ "$(cat "$done")" = good ] || {
                [ "$failed" -gt 0 ] || { echo "FAIL $1: another ring shows why"; failed=1; }
                return 1
        }
}

# build NAME ARGUMENT…: $directory has the programs, configured with these arguments.
build() {
        directory=$shared/src/_build/$1
        export CRIERD=$directory/crierd CRIERCTL=$directory/crierctl
        once "build ($1)" configure_and_make CC='ccache gcc' --enable-werror "${@:2}"
}

build_plain() {
        build plain
}

# What is found with more optimization is found by the plain build; this one takes half as long so.
build_sanitized() {
        build sanitized --enable-sanitizers CFLAGS="${CFLAGS:--O1 -g}"
}

make_release() {
        make -C "$directory" dist && mv "$directory"/crier-*.tar.xz "$shared/crier.tar.xz"
}

# run_pytest WORKERS ARGUMENT…: with the programs of the build that was asked for, in so many processes.
run_pytest() {
        local workers=$1
        shift
        rm -f "$scratch/pytest.xml"
        # Each process reads all tests, whichever are chosen.
        [ -z "${CRIER_TEST:-}" ] || workers=1
        # What Python makes of them is made by one process.
        [ "$workers" = 1 ] || tests/pytest.sh --collect-only -q "$@" >/dev/null || true
        CRIER_WORKERS=$workers tests/pytest.sh --junitxml="$scratch/pytest.xml" ${CRIER_TEST:+-k "$CRIER_TEST"} "$@" ||
                true
        if [ -f "$scratch/pytest.xml" ]; then
                count "$scratch/pytest.xml"
        else
                echo "FAIL pytest did not run"
                failed=$((failed + 1))
        fi
}

# The programs of `make check`, their output where one failed.
run_unit() {
        local log trs arguments=(INTEGRATION=no)
        if [ -n "${CRIER_TEST:-}" ]; then
                mapfile -t arguments < <(make -s -C "$directory" list-tests | tr ' ' '\n' | grep -F "$CRIER_TEST")
                [ "${#arguments[@]}" -gt 0 ] || return 0
                arguments=(INTEGRATION=no TESTS="${arguments[*]}")
                # Where they need no other programs, no others are built.
                [[ ${arguments[*]} == *.sh* ]] || arguments+=("check_PROGRAMS=${arguments[1]#TESTS=}")
        fi
        make -j2 -C "$directory" check "${arguments[@]}" >"$scratch/check" 2>&1 || {
                for trs in "$directory"/tests/*/*.trs; do
                        log=${trs%.trs}.log
                        grep -q ':test-result: PASS' "$trs" || { echo "FAIL ${log##*/}"; tail -n 40 "$log"; }
                done
                compgen -G "$directory/tests/*/*.trs" >/dev/null || {
                        tail -n 40 "$scratch/check"
                        failed=$((failed + 1))
                }
        }
        if compgen -G "$directory/tests/*/*.trs" >/dev/null; then
                count "$directory"/tests/*/*.trs
        fi
}

install_into() {
        make -C "$directory" install DESTDIR="$scratch/installed" &&
                test -x "$scratch/installed/usr/local/sbin/crierd" &&
                test -x "$scratch/installed/usr/local/bin/crierctl"
}

# The tests have run with the same sources; that what is distributed is complete shows in what the
# replay of the corpora reads.
distcheck() {
        make -j2 -C "$directory" distcheck INTEGRATION=no TESTS=tests/fuzz/replay.sh \
                DISTCHECK_CONFIGURE_FLAGS="CC='ccache gcc' --enable-werror"
}

# slower FACTOR: what tests wait for may take longer.
slower() {
        export CRIER_TEST_SLOWNESS=$((${CRIER_TEST_SLOWNESS:-1} * $1))
}

# At a low priority: no test waits for it.
ring_lint() {
        nice tests/lint.sh ${CRIER_TEST:+"$CRIER_TEST"} | tee "$scratch/lint" || true
        passed=$(grep -c '^ok ' "$scratch/lint" || true)
        failed=$(grep -c '^FAIL ' "$scratch/lint" || true)
}

ring_unit() {
        build_plain || return 0
        run_unit
        if chosen 'make install'; then step 'make install' install_into || true; fi
        if chosen 'make distcheck'; then step 'make distcheck' distcheck || true; fi
}

ring_integration() {
        build_plain || return 0
        run_pytest 8 tests/integration
}

ring_sanitizers() {
        build_sanitized || return 0
        slower 2
        export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
        # Memory is what these are for; that each rule is needed shows in the unit ring.
        export SIM_SEEDS=1000 SIM_RULES=no
        run_unit
        run_pytest 8 tests/integration
}

ring_valgrind() {
        build_plain || return 0
        slower 6
        export CRIER_WRAPPER="valgrind --quiet --error-exitcode=99 --leak-check=full
                --errors-for-leak-kinds=definite --trace-children=no"
        run_pytest 3 -m short tests/integration
}

ring_kafka() {
        build_plain || return 0
        run_pytest 2 tests/kafka
}

ring_vm() {
        CRIER_NEEDS_BUILD=$needs_build run_pytest 2 tests/vm
}

ring_bare() {
        build_plain && once 'make dist' make_release || return 0
        CRIER_TARBALL=$shared/crier.tar.xz CRIER_NEEDS_BUILD=$needs_build run_pytest 2 tests/bare
}

"ring_$ring"
[ $((passed + failed)) != 0 ] || {
        echo "FAIL $ring: no test ran"
        failed=1
}
echo "$passed $failed $skipped" >"$result"
