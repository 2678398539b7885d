#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The test command: installs what the rings need, runs the rings side by side (tests/ring.sh is one of
# them), and ends with one line that counts all their tests. See --help.
set -eu
exec </dev/null
cd "$(dirname "$0")/.."
# shellcheck source=tests/needs.sh
. tests/needs.sh

usage() {
        cat <<'EOF'
tests/run.sh [--jobs N] [--test NAME] [RING[@RELEASE]…]

Runs crier's tests, several rings at a time. Without a ring: lint unit integration kafka vm.

  lint         formatting, static analysis, manual pages, a build with clang (tests/lint.sh)
  unit         make check without the programs, make install, make distcheck
  integration  the built programs on the embedded broker; no root, no systemd
  sanitizers   unit and integration, built with AddressSanitizer and UndefinedBehaviorSanitizer
  valgrind     a short run under valgrind
  kafka        a real Apache Kafka, from its published jars
  vm           a Debian machine in systemd-nspawn, with the package installed; needs root
  bare         packaging/quickstart.sh and this command in a new Debian root, where nothing is
               installed; needs root
  all          everything on this release of Debian, and unit, integration, vm and bare on the other one

  --jobs N     so many rings at a time (default: 2 more than there are processors, since many tests wait
               most of the time). With 1 their output comes as it is made, else when a ring has ended.
  --test NAME  only the tests that have NAME in their name
  @RELEASE     on this release of Debian, bookworm (12) or trixie (13), in a root of it; needs root where
               it is not this one

What a ring needs on Debian is installed by apt-get when this runs as root; as another user it says
what to install. A ring that cannot run is skipped with its reason; with CI=true it fails. Ends with 1
where a test failed or a ring ran no test, and says at the end, for all rings together:
N passed, N failed, N skipped

  CRIER_CACHE  where jars, Debian roots and compiled files are kept (default: ~/.cache/crier)
  CRIER_LONG   1: the long runs (100 stops instead of 10, 200 kills, ten minutes of all faults)
  CRIER_SEED   a number: the random faults of vm as in the run that printed it
  CI           true: nothing may be skipped
EOF
}

fail_usage() {
        echo "run.sh: $*" >&2
        exit 2
}

# The seconds that all processors have worked since the machine began: proc(5).
busy() {
        awk -v ticks="$(getconf CLK_TCK)" '/^cpu / { print int(($2 + $3 + $4) / ticks) }' /proc/stat
}

python=/usr/bin/python3
export DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export CRIER_CACHE="${CRIER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crier}"
own_release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
other_release=$([ "$own_release" = trixie ] && echo bookworm || echo trixie)

# ---- what to run ----

jobs=0
rings=()
add_ring() {
        local ring=${1%@*} release=${1##*@}
        [ -n "${ring_needs[$ring]:-}" ] ||
                fail_usage "'$ring' is no ring; there are: lint unit integration sanitizers valgrind" \
                        "kafka vm bare all (--help explains)"
        case $1 in
        *@bookworm | *@trixie) ;;
        *@*) fail_usage "'$release' is no release that the tests know; there are: bookworm trixie" ;;
        esac
        rings+=("$1")
}

while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) usage; exit 0 ;;
        --jobs | --test)
                [ $# -gt 1 ] || fail_usage "$1 needs a value"
                set -- "$1=$2" "${@:3}"
                continue
                ;;
        --jobs=*) jobs=${1#*=} ;;
        --test=*) export CRIER_TEST=${1#*=} ;;
        -*) fail_usage "there is no option '$1' (--help explains)" ;;
        # The longest first, and what keeps processors busy beside what waits. Integration tests are among
        # those of the sanitizers.
        all)
                for ring in vm "vm@$other_release" bare sanitizers lint kafka "integration@$other_release" \
                        "bare@$other_release" "unit@$other_release" unit valgrind; do
                        add_ring "$ring"
                done
                ;;
        *) add_ring "$1" ;;
        esac
        shift
done
[ "${#rings[@]}" -gt 0 ] || rings=(vm kafka integration unit lint)
[[ $jobs =~ ^[0-9]+$ ]] || fail_usage "'$jobs' is no number of jobs"
[ "$jobs" -gt 0 ] || jobs=$(($(nproc) + 2))
busy_before=$(busy)

scratch=$(mktemp -d "${TMPDIR:-/tmp}/crier-run-XXXXXX")
mkdir -p "$CRIER_CACHE"
declare -A running=()
# The rings that run have process groups of their own. SIGINT: pytest then ends what the tests have started.
clean_up() {
        local pid
        for pid in "${!running[@]}"; do
                kill -INT -- "-$pid" 2>/dev/null || true
        done
        wait
        chmod -R u+w "$scratch"
        rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- what the rings need ----

# in_root RING: whether it runs in a root of another release. Those of the machine and of a new Debian
# make roots themselves.
in_root() {
        case $1 in
        vm* | bare*) return 1 ;;
        *@*) [ "${1#*@}" != "$own_release" ] ;;
        *) return 1 ;;
        esac
}

# fetches RING: whether its tests need what is fetched: outside a root, once for all.
fetches() {
        [[ ${ring_needs[${1%@*}]} == *"$needs_fetch"* ]]
}

# root_needs RELEASE: what all rings need that run in a root of it: so they have one.
root_needs() {
        local ring
        for ring in "${rings[@]}"; do
                if in_root "$ring" && [ "${ring#*@}" = "$1" ]; then
                        echo "${ring_needs[${ring%@*}]/"$needs_fetch"/}"
                fi
        done
}

needs_of() {
        if ! in_root "$1"; then
                echo "${ring_needs[${1%@*}]}"
        elif fetches "$1"; then
                echo "$needs_roots $needs_fetch"
        else
                echo "$needs_roots"
        fi
}

# Installs what the rings need, where that is possible.
install_needs() {
        local words=() packages ring more
        for ring; do
                read -ra more -d '' < <(needs_of "$ring") || true
                words+=("${more[@]}")
        done
        mapfile -t packages < <(missing "${words[@]}" | sort -u)
        [ "${#packages[@]}" -gt 0 ] || return 0
        echo "installing ${packages[*]}"
        { apt-get -q update && apt-get -q install --yes --no-install-recommends --no-upgrade "${packages[@]}"; } \
                >"$scratch/apt" 2>&1 || tail -n 10 "$scratch/apt"
}

# reason RING: why it cannot run; nothing where it can.
reason() {
        local packages
        if [ "$(id -u)" != 0 ] && { in_root "$1" || [[ $1 == vm* || $1 == bare* ]]; }; then
                echo 'it makes Debian roots, which needs root'
        elif command -v dpkg-query >/dev/null; then
                # shellcheck disable=SC2046 # a list of words
                mapfile -t packages < <(missing $(needs_of "$1"))
                [ "${#packages[@]}" = 0 ] || echo "it needs: apt-get install ${packages[*]}"
        fi
}

# ---- running them ----

# run_ring RING: to be run in a subshell. Its directory gets `result`, `seconds`, and in `processor` how many
# seconds of a processor that took.
run_ring() {
        local ring=${1%@*} release=${1#"${1%@*}"} directory=$scratch/$1 command begin=$SECONDS
        release=${release#@}
        export CRIER_SCRATCH=$scratch/host CRIER_RELEASE=${release:-$own_release}
        command=("$scratch/tree/tests/ring.sh" "$ring" "$directory/result")
        if in_root "$1"; then
                ! fetches "$1" || "$python" "$scratch/tree/tests/fetch.py" || true
                CRIER_SCRATCH=$scratch/$release
                # shellcheck disable=SC2206,SC2207 # lists of words
                command=("$python" "$scratch/tree/tests/in-root.py" "$release" --bind "$scratch" --bind "$CRIER_CACHE"
                        --on $needs_build --packages $(root_needs "$release") -- "${command[@]}")
        fi
        mkdir -p "$CRIER_SCRATCH"
        # The rings of machines take the longest and wait most of the time: what they have to do goes first.
        [[ $ring == vm ]] || command=(nice -n 5 "${command[@]}")
        "${command[@]}" || true
        # Not in a pipe, which would be another process.
        times >"$directory/times"
        awk 'END { gsub("[ms]", " "); print int($1 * 60 + $2 + $3 * 60 + $4) }' "$directory/times" >"$directory/processor"
        echo $((SECONDS - begin)) >"$directory/seconds"
}

# finish RING: shows what is not shown yet, and adds its figures to the totals.
total_passed=0 total_failed=0 total_skipped=0
results=()
finish() {
        local directory=$scratch/$1 passed=0 failed=0 skipped=0
        [ ! -f "$directory/output" ] || { echo "== $1"; cat "$directory/output"; }
        if ! read -r passed failed skipped 2>/dev/null <"$directory/result"; then
                echo "FAIL $1 did not come to its end"
                failed=1
        fi
        results+=("$(printf '%-20s %4d passed, %d failed, %d skipped, %4d s, %4d s of a processor' "$1" \
                "$passed" "$failed" "$skipped" "$(cat "$directory/seconds")" "$(cat "$directory/processor")")")
        total_passed=$((total_passed + passed))
        total_failed=$((total_failed + failed))
        total_skipped=$((total_skipped + skipped))
}

# wait_for_one: until one of the rings that run has ended.
wait_for_one() {
        local ended
        wait -n -p ended "${!running[@]}" || true
        finish "${running[$ended]}"
        unset "running[$ended]"
}

[ "$(id -u)" != 0 ] || ! command -v dpkg-query >/dev/null || install_needs "${rings[@]}"
[ -x "$python" ] || python=python3
packaging/tree.sh "$scratch/tree"
# Waiting takes longer beside others.
[ "$jobs" = 1 ] || [ "${#rings[@]}" = 1 ] || export CRIER_TEST_SLOWNESS="${CRIER_TEST_SLOWNESS:-3}"
for ring in "${rings[@]}"; do
        mkdir "$scratch/$ring"
        why=$(reason "$ring")
        if [ -n "$why" ]; then
                if [ "${CI:-}" = true ]; then
                        echo "FAIL $ring cannot run: $why"
                        echo 0 1 0 >"$scratch/$ring/result"
                else
                        echo "$ring is skipped: $why"
                        echo 0 0 1 >"$scratch/$ring/result"
                fi
                echo 0 | tee "$scratch/$ring/seconds" >"$scratch/$ring/processor"
                finish "$ring"
                continue
        fi
        if [ "$jobs" = 1 ] || [ "${#rings[@]}" = 1 ]; then
                echo "== $ring"
                (run_ring "$ring")
                finish "$ring"
                continue
        fi
        [ "${#running[@]}" -lt "$jobs" ] || wait_for_one
        echo "$ring has begun"
        set -m
        (run_ring "$ring") >"$scratch/$ring/output" 2>&1 &
        set +m
        running[$!]=$ring
done
while [ "${#running[@]}" -gt 0 ]; do
        wait_for_one
done

echo
printf '%s\n' "${results[@]}"
# Machines that were ended leave nothing to be counted above.
echo "$SECONDS s in all, $(($(busy) - busy_before)) s of a processor with whatever else ran here"
echo
echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
[ "$total_failed" = 0 ]
