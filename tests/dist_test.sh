#!/usr/bin/env bash
# `make dist`: two builds give the same bytes, and the tarball builds where there is no git.
#
#   tests/dist_test.sh [BUILD]
set -euo pipefail
cd "$(dirname "$0")/.."

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
version=$(sed -n 's/^.define RNNLOSS_VERSION "\(.*\)"/\1/p' lib/rnnloss.h)
tarball=rnnloss-$version.tar.gz
# What calls this must not decide how the tarball builds, nor hide that it needs something of this checkout.
unset MAKEFLAGS MAKELEVEL MFLAGS BUILD CDPATH
. tests/checks.sh

same_twice() { # the second time of a clone, elsewhere, by somebody with other habits
  make -s BUILD="${1:-build}" dist && cp "${1:-build}/$tarball" "$root/first.tar.gz" &&
    git clone -q . "$root/clone" &&
    (cd "$root/clone" && umask 077 && TZ=Asia/Tokyo LC_ALL=C make -s dist) &&
    cmp "$root/first.tar.gz" "$root/clone/build/$tarball"
}
one_folder() { # and what git has, no more
  tar -tzf "$root/first.tar.gz" | sed "s|^rnnloss-$version/||" | grep -v '/$' | sed '/^$/d' | LC_ALL=C sort >"$root/inside"
  git ls-tree -r --name-only HEAD | LC_ALL=C sort | diff - "$root/inside"
}
unpacks() { tar -xzf "$root/first.tar.gz" -C "$root" && [ ! -e "$root/rnnloss-$version/.git" ]; }
builds() { make -C "$root/rnnloss-$version" all; }
knows_its_commit() { # that of the tarball, though git is of no help
  [ "$(cd "$root/rnnloss-$version" && tools/commit)" = "$(git rev-parse HEAD | cut -c 1-12)" ] &&
    grep -qF "$(git rev-parse HEAD | cut -c 1-12)" "$root/rnnloss-$version/build/rnnlossd"
}
tests_pass() { # those that are quick
  (cd "$root/rnnloss-$version" && make tests && tests/run build test_number test_json install_test check_test readme)
}
installs() {
  make -C "$root/rnnloss-$version" PREFIX=/usr DESTDIR="$root/stage" install &&
    "$root/stage/usr/bin/rnnlossd" --version | grep -qx "rnnlossd $version"
}
cleans() { # .. which leaves what was in the tarball
  make -C "$root/rnnloss-$version" clean && find "$root/rnnloss-$version" -name __pycache__ -prune -exec rm -r {} + &&
    tar -xzf "$root/first.tar.gz" -C "$root/clone" && diff -r "$root/clone/rnnloss-$version" "$root/rnnloss-$version"
}
check 'two builds are the same' same_twice "${1:-build}"
check 'it holds what is committed' one_folder
check 'it unpacks into one folder' unpacks
check 'it builds' builds
check 'it knows its commit' knows_its_commit
check 'its tests pass' tests_pass
check 'it installs' installs
check 'it cleans' cleans
stat -c '%n: %s bytes' "${1:-build}/$tarball"
checks_end
