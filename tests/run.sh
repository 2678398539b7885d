#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The test command: installs what the rings need, builds a copy of the tree, runs the rings, and ends with one line
# that counts all their tests. See --help.
set -eu
exec </dev/null
cd "$(dirname "$0")/.."

usage() {
        cat <<'EOF'
tests/run.sh [RING…]

Runs crier's tests. Without arguments: lint unit integration kafka vm.

  lint         formatting, static analysis, manual pages, a build with clang (tests/lint.sh)
  unit         make check without the programs, make install, make distcheck
  integration  the built programs on the embedded broker; no root, no systemd
  sanitizers   unit and integration, built with AddressSanitizer and UndefinedBehaviorSanitizer
  valgrind     a short run under valgrind
  kafka        a real Apache Kafka, from its published jars
  vm           a Debian machine in systemd-nspawn, with the package installed; needs root
  all          all of these

What a ring needs on Debian 12 is installed by apt-get when this runs as root; as another user it says
what to install. A ring that cannot run is skipped with its reason; with CI=true it fails. Ends with 1
where a test failed or a ring ran no test, and says at the end, for all rings together:
N passed, N failed, N skipped

  CRIER_CACHE  where jars and the machine's root are kept (default: ~/.cache/crier)
  CRIER_LONG   1: the long runs (100 stops instead of 10, 200 kills, ten minutes of all faults)
  CRIER_SEED   a number: the random faults of vm as in the run that printed it
  CI           true: nothing may be skipped
EOF
}

# What the rings need beyond the base system: Debian packages; COMMAND|PACKAGE where the command may
# also come from elsewhere.
build='gcc make autoconf automake pkg-config xz-utils librdkafka-dev libconfig-dev libsystemd-dev
        libjansson-dev libsmartcols-dev libncurses-dev'
pytest='python3-pytest python3-pytest-xdist python3-confluent-kafka kcat tmux'
files=systemd-journal-remote
clients='npm|npm python3-pip'
java='java|default-jre-headless mvn|maven openssl'
declare -A needs=(
        [lint]="$build clang clang-format clang-tidy cppcheck shellcheck flake8 mandoc libcmocka-dev"
        [unit]="$build libcmocka-dev"
        [integration]="$build $pytest $files $clients"
        [sanitizers]="$build $pytest $files $clients libcmocka-dev"
        [valgrind]="$build $pytest $files $clients valgrind"
        [kafka]="$build $pytest $files $java"
        [vm]="$build $pytest $java build-essential debhelper debootstrap systemd-container libcmocka-dev"
)

rings=()
for argument; do
        case $argument in
        -h | --help) usage; exit 0 ;;
        all) rings+=(lint unit integration sanitizers valgrind kafka vm) ;;
        *)
                [ -n "${needs[$argument]:-}" ] || {
                        echo "run.sh: '$argument' is no ring; there are: lint unit integration" \
                                "sanitizers valgrind kafka vm all (--help explains)" >&2
                        exit 2
                }
                rings+=("$argument")
                ;;
        esac
done
[ "${#rings[@]}" -gt 0 ] || rings=(lint unit integration kafka vm)

scratch=$(mktemp -d "${TMPDIR:-/tmp}/crier-run-XXXXXX")
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
export DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
total_passed=0 total_failed=0 total_skipped=0
passed=0 failed=0 skipped=0

python=/usr/bin/python3
[ -x "$python" ] || python=python3

installed() {
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# missing RING: the packages that the ring needs and that are not there.
missing() {
        local word
        for word in ${needs[$1]}; do
                case $word in
                *'|'*) command -v "${word%|*}" >/dev/null || echo "${word#*|}" ;;
                *) installed "$word" || echo "$word" ;;
                esac
        done
}

# ready RING: installs what is missing; where the ring can't run, sets $reason and returns 1.
updated=no
ready() {
        local packages
        reason=''
        if [ "$1" = vm ] && [ "$(id -u)" != 0 ]; then
                reason='it boots a machine, which needs root'
                return 1
        fi
        command -v dpkg-query >/dev/null || return 0
        mapfile -t packages < <(missing "$1")
        [ "${#packages[@]}" -gt 0 ] || return 0
        reason="it needs: apt-get install ${packages[*]}"
        [ "$(id -u)" = 0 ] || return 1
        echo "installing ${packages[*]}"
        if [ "$updated" = no ]; then
                apt-get -q update >"$scratch/apt" 2>&1 || tail -n 5 "$scratch/apt"
                updated=yes
        fi
        apt-get -q install --yes --no-install-recommends --no-upgrade "${packages[@]}" >"$scratch/apt" 2>&1 || {
                tail -n 10 "$scratch/apt"
                return 1
        }
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

# The tree as git sees it, changes and new files included, in a place where building leaves no traces.
copy_tree() {
        [ ! -d "$scratch/tree" ] || return 0
        mkdir "$scratch/tree"
        { git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard 2>/dev/null ||
                find . -type f -print0; } |
                while IFS= read -r -d '' name; do [ ! -f "$name" ] || printf '%s\0' "$name"; done |
                xargs -0 cp --parents -t "$scratch/tree"
        (cd "$scratch/tree" && ./autogen.sh)
}

# In a subshell, because it changes the directory.
configure_and_make() (
        directory=$1
        shift
        copy_tree && mkdir "$directory" && cd "$directory" &&
                "$scratch/tree/configure" "$@" && make -j2
)

# build NAME OPTION…: $scratch/NAME has the programs, built with these options of configure.
build() {
        [ ! -d "$scratch/$1" ] || return 0
        step "build ($1)" configure_and_make "$scratch/$1" "${@:2}"
}

run_pytest() {
        local directory=$1 name=$2
        shift 2
        rm -f "$scratch/$name.xml"
        CRIERD=$scratch/$directory/crierd CRIERCTL=$scratch/$directory/crierctl \
                tests/pytest.sh --junitxml="$scratch/$name.xml" "$@" || true
        if [ -f "$scratch/$name.xml" ]; then
                count "$scratch/$name.xml"
        else
                echo "FAIL pytest did not run"
                failed=$((failed + 1))
        fi
}

# The programs of `make check`, their output where one failed.
run_unit() {
        local log trs
        make -C "$scratch/$1" check INTEGRATION=no >"$scratch/check" 2>&1 || {
                for trs in "$scratch/$1"/tests/*/*.trs; do
                        log=${trs%.trs}.log
                        grep -q ':test-result: PASS' "$trs" || { echo "FAIL ${log##*/}"; tail -n 40 "$log"; }
                done
                compgen -G "$scratch/$1/tests/*/*.trs" >/dev/null || {
                        tail -n 40 "$scratch/check"
                        failed=$((failed + 1))
                }
        }
        if compgen -G "$scratch/$1/tests/*/*.trs" >/dev/null; then
                count "$scratch/$1"/tests/*/*.trs
        fi
}

install_into() {
        make -C "$scratch/gcc" install DESTDIR="$scratch/installed" &&
                test -x "$scratch/installed/usr/local/sbin/crierd" &&
                test -x "$scratch/installed/usr/local/bin/crierctl"
}

ring_lint() {
        tests/lint.sh | tee "$scratch/lint" || true
        passed=$(grep -c '^ok ' "$scratch/lint" || true)
        failed=$(grep -c '^FAIL ' "$scratch/lint" || true)
}

ring_unit() {
        build gcc --enable-werror || return 0
        run_unit gcc
        step 'make install' install_into || true
        step 'make distcheck' make -C "$scratch/gcc" -j2 distcheck INTEGRATION=no || true
}

ring_integration() {
        build gcc --enable-werror || return 0
        CRIER_WORKERS=5 run_pytest gcc integration tests/integration
}

ring_sanitizers() {
        build sanitized --enable-sanitizers || return 0
        export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 CRIER_TEST_SLOWNESS=2
        run_unit sanitized
        CRIER_WORKERS=5 run_pytest sanitized sanitizers tests/integration
        unset ASAN_OPTIONS UBSAN_OPTIONS CRIER_TEST_SLOWNESS
}

ring_valgrind() {
        build gcc --enable-werror || return 0
        export CRIER_TEST_SLOWNESS=6 CRIER_WRAPPER="valgrind --quiet --error-exitcode=99 --leak-check=full
                --errors-for-leak-kinds=definite --trace-children=no"
        CRIER_WORKERS=2 run_pytest gcc valgrind -m short tests/integration
        unset CRIER_TEST_SLOWNESS CRIER_WRAPPER
}

ring_kafka() {
        build gcc --enable-werror || return 0
        CRIER_WORKERS=2 run_pytest gcc kafka tests/kafka
}

ring_vm() {
        build gcc --enable-werror || return 0
        run_pytest gcc vm tests/vm
}

results=()
for ring in "${rings[@]}"; do
        passed=0 failed=0 skipped=0
        begin=$SECONDS
        echo "== $ring"
        if ready "$ring"; then
                "ring_$ring"
                if [ $((passed + failed)) = 0 ]; then
                        echo "FAIL $ring: no test ran"
                        failed=1
                fi
        elif [ "${CI:-}" = true ]; then
                echo "FAIL $ring cannot run: $reason"
                failed=1
        else
                echo "$ring is skipped: $reason"
                skipped=1
        fi
        results+=("$(printf '%-12s %4d passed, %d failed, %d skipped, %d s' \
                "$ring" "$passed" "$failed" "$skipped" $((SECONDS - begin)))")
        total_passed=$((total_passed + passed))
        total_failed=$((total_failed + failed))
        total_skipped=$((total_skipped + skipped))
done

echo
printf '%s\n' "${results[@]}"
echo
echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
[ "$total_failed" = 0 ]
