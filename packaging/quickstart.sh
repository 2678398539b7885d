#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# From a fresh Debian machine and this source tree to events in the journal: installs what is
# missing, builds the package, installs it and runs it. May be run again: it then builds and
# installs what the tree has become.
set -eu

usage() {
        cat <<'END'
Usage: packaging/quickstart.sh [--foreground]

To be run as root on Debian 12 or newer. In this order it

  1. installs what is needed to build crier, with apt-get,
  2. builds the Debian package from this source tree, in a temporary directory,
  3. installs that package: crierd, crierctl, a service, the manual pages and the configuration
     /etc/crier/crierd.conf, which runs a producer and two consumer groups on a Kafka broker inside
     crierd; a configuration that was changed stays as it is,
  4. starts it: as a service where systemd runs, and then shows its entries in the journal;
     elsewhere, or with --foreground, in this terminal until Ctrl-C.

To take everything away again: apt-get purge crier
END
}

say() {
        printf '\n==> %s\n' "$*"
}

fail() {
        printf 'quickstart.sh: %s\n' "$*" >&2
        exit 1
}

# The packages that dpkg-checkbuilddeps can't name because it is not there itself.
BUILD_TOOLS="build-essential dpkg-dev"
EVENT=e41ae87749b7425d8e0710020101f1e4

not_root() {
        cat >&2 <<END
quickstart.sh: installing needs root. Run this as root:

  $top/packaging/quickstart.sh

Without root crier can be built and run in a terminal. Let somebody with root install

  $(sed -n '/^Build-Depends:/,/^Standards-Version:/p' "$top/packaging/debian/control" |
          sed -n 's/^ *\(lib[a-z0-9-]*-dev\|pkg-config\)[^<]*$/\1/p' |
          tr '\n' ' ')autoconf automake gcc make

and then type, in a directory of your own:

  $top/autogen.sh && $top/configure && make
  ./crierd -c $top/etc/crierd.conf --socket=./control --sink=stdout
END
        exit 1
}

# Asks nothing, and leaves a configuration file alone that somebody has changed.
apt_get() {
        apt-get -qq --yes --no-install-recommends -o Dpkg::Use-Pty=0 \
                -o Dpkg::Options::=--force-confold "$@"
}

install_build_dependencies() {
        if command -v dpkg-checkbuilddeps >/dev/null &&
                dpkg-checkbuilddeps -P nocheck "$top/packaging/debian/control" 2>/dev/null; then
                say "All that is needed to build crier is installed."
                return
        fi
        say "Installing what is needed to build crier (apt-get) ..."
        apt_get update
        # shellcheck disable=SC2086 # several packages
        apt_get install $BUILD_TOOLS
        mkdir -p "$work/needs/debian"
        cp "$top/packaging/debian/control" "$work/needs/debian"
        apt_get build-dep -P nocheck "$work/needs"
}

build_package() {
        say "Building the package (a minute or so) ..."
        "$top/packaging/build-deb.sh" "$work" >"$work/build.log" 2>&1 || {
                tail -n 40 "$work/build.log" >&2
                fail "the build failed; its last lines are above"
        }
}

install_package() {
        say "Installing $(basename "$work"/crier_*.deb) ..."
        # apt-get reads the file as user _apt where it can.
        chmod 755 "$work"
        apt_get install --reinstall --allow-downgrades "$work"/crier_*.deb
}

# Waits until the service has written its first event: a Kafka group waits some seconds for its
# members.
wait_for_event() {
        tries=60
        while [ "$tries" -gt 0 ]; do
                [ -z "$(journalctl -q -n 1 -o cat "$@" MESSAGE_ID="$EVENT")" ] || return 0
                sleep 0.5
                tries=$((tries - 1))
        done
        return 1
}

run_service() {
        say "Starting the service: systemctl restart crierd"
        systemctl enable --quiet crierd
        systemctl restart crierd || {
                journalctl --no-pager -u crierd -n 20 >&2
                fail "the service did not start; its last journal entries are above"
        }
        invocation=$(systemctl show -P InvocationID crierd)
        if wait_for_event _SYSTEMD_INVOCATION_ID="$invocation"; then
                sleep 3
                say "What it has written: journalctl -u crierd"
        else
                say "It runs, but no event has come within 30 s. What it says: journalctl -u crierd"
        fi
        journalctl --no-pager -u crierd -n 15 _SYSTEMD_INVOCATION_ID="$invocation"
        say "What it does: crierctl status"
        crierctl status
        next_steps
}

next_steps() {
        user=${SUDO_USER:-USER}
        cat <<END

==> crier runs. What to try next:

  journalctl -f -u crierd                     watch the events come
  journalctl -x -u crierd -p notice           what else it has to say, explained
  journalctl -u crierd -n 1 -o verbose        all fields of an event
  crierctl status                             who consumes what
  ls /usr/share/doc/crier/examples            configurations to copy to /etc/crier/crierd.conf;
  systemctl restart crierd                    then this
  man crierd                                  all of it

To use crierctl and journalctl in full without root, a user joins two groups and logs in again:

  usermod -aG crier,systemd-journal $user
END
}

run_foreground() {
        if [ -d /run/systemd/system ]; then
                say "Stopping the service for now; to start it: systemctl start crierd"
                systemctl stop crierd
        elif crierctl status >/dev/null 2>&1; then
                fail "crierd runs already, perhaps in another terminal; stop it there with Ctrl-C"
        fi
        install -d -o crier -g crier -m 755 /run/crier
        say "Running crierd as user crier until Ctrl-C; in another terminal: crierctl status"
        rm -rf "$work"
        trap - EXIT
        exec setpriv --reuid=crier --regid=crier --init-groups crierd --sink=stdout
}

foreground=no
case "${1-}" in
"") ;;
--foreground)
        foreground=yes
        ;;
-h | --help)
        usage
        exit 0
        ;;
*)
        usage >&2
        exit 2
        ;;
esac

top=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || not_root
command -v apt-get >/dev/null ||
        fail "this works on Debian only; elsewhere see HACKING.md for building from source"
export DEBIAN_FRONTEND=noninteractive
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install_build_dependencies
build_package
install_package
if [ "$foreground" = no ] && [ -d /run/systemd/system ]; then
        run_service
else
        run_foreground
fi
