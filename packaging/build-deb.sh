#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the Debian package from this tree and puts crier_VERSION_ARCH.deb into OUTDIR.
# The tree itself stays as it is: the build works on a copy.
set -eu

usage() {
        cat <<'END'
Usage: packaging/build-deb.sh [OUTDIR]

Builds the crier package from this source tree and puts crier_*.deb into OUTDIR (default: the
current directory). Needs dpkg-dev and what packaging/debian/control lists as Build-Depends.

The tests are left to tests/run.sh; with DEB_BUILD_OPTIONS= and DEB_BUILD_PROFILES= in the
environment the unit tests run as well.
END
}

case "${1-}" in
-h | --help)
        usage
        exit 0
        ;;
-*)
        usage >&2
        exit 2
        ;;
esac

top=$(cd "$(dirname "$0")/.." && pwd)
out=$(cd "${1:-.}" && pwd)
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-nocheck noautodbgsym parallel=$(nproc)}"
export DEB_BUILD_PROFILES="${DEB_BUILD_PROFILES-nocheck}"

command -v dpkg-buildpackage >/dev/null || {
        echo "build-deb.sh: 'dpkg-buildpackage' is missing; as root: apt-get install dpkg-dev" >&2
        exit 1
}
version=$(sed -n 's/^AC_INIT(\[crier\], \[\(.*\)\])$/\1/p' "$top/configure.ac")
packaged=$(dpkg-parsechangelog -l "$top/packaging/debian/changelog" -S Version)
[ "$version" = "$packaged" ] || {
        echo "build-deb.sh: configure.ac has version $version, debian/changelog $packaged" >&2
        exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
"$top/packaging/tree.sh" "$work/crier"
rm -rf "$work/crier/debian"
cp -R "$work/crier/packaging/debian" "$work/crier/debian"
(cd "$work/crier" && dpkg-buildpackage -b -us -uc)
cp "$work"/crier_*.deb "$out"
echo "Built $(cd "$out" && ls -d "$PWD"/crier_"$packaged"_*.deb)"
