#!/usr/bin/env bash
# The Debian packages that `make deb` has built: what lintian says, and their life in a minimal Debian, made by
# debootstrap in a folder: installed, used, removed. As root.
#
#   tests/deb_test.sh [BUILD]      the minimal Debian is kept, as it was first, in BUILD/debian
set -euo pipefail
cd "$(dirname "$0")/.."

build=$(realpath "${1:-build}")
base=$build/debian
scratch=$(mktemp -d)
root=$scratch/root
trap 'rm -rf "$scratch"' EXIT
. tests/checks.sh
[ "$(id -u)" = 0 ] || {
  echo 'deb_test: a Debian in a folder needs root'
  exit 1
}

inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
lintian_is_silent() { # about the source and all packages
  local said
  said=$(lintian --allow-root --fail-on none --display-info "$build"/deb/*.changes 2>&1 | grep -v '^running with root' || true)
  echo "$said"
  ! grep -qE '^[EW]:' <<<"$said"
}
are_three() { # beside those of debugging information; their sizes
  stat -c '%s %n' "$build"/deb/*.deb | sed "s|$build/deb/||"
  [ "$(stat -c %n "$build"/deb/*.deb | sed 's|.*/||; s/_.*//; /dbgsym/d' | sort | xargs)" = 'librnnloss-dev librnnloss0 rnnlossd' ]
}
makes_a_debian() {
  [ -d "$base" ] || tools/debian-root make "$base"
  cp -a "$base" "$root"
  tools/debian-root sources "$scratch"
  cp "$scratch/sources.list" "$root/etc/apt/sources.list"
  cp "$scratch/apt.conf" "$root/etc/apt/apt.conf.d/90builder"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d" # nothing is started
  inside apt-get update
}
files() { (cd "$root" && find bin lib sbin usr etc -not -path 'etc/*cache*' \( -type f -o -type l \) | LC_ALL=C sort); }
installs() {
  mkdir "$root/packages"
  cp "$build"/deb/*.deb "$root/packages"
  rm "$root"/packages/*dbgsym*
  files >"$scratch/before"
  inside bash -c 'apt-get install -y --no-install-recommends /packages/*.deb'
  # shellcheck disable=SC2016 # dpkg-query expands it
  [ "$(inside dpkg-query -W -f '${db:Status-Abbrev} ' rnnlossd librnnloss0 librnnloss-dev)" = 'ii  ii  ii  ' ]
}
unchanged() { [ -z "$(inside dpkg --verify rnnlossd librnnloss0 librnnloss-dev)" ]; }
has_files() {
  local file
  for file in /usr/bin/rnnlossd /usr/include/rnnloss.h /lib/systemd/system/rnnlossd.service \
    /lib/systemd/system/rnnlossd.socket /usr/lib/*/librnnloss.so.0 /usr/lib/*/librnnloss.a /usr/lib/*/pkgconfig/rnnloss.pc; do
    inside bash -c "ls $file"
  done
  inside dpkg -L rnnlossd | grep -q 'man1/rnnlossd.1.gz' # (which such a Debian leaves out when it unpacks)
  inside dpkg -L librnnloss-dev | grep -q 'man3/rnnloss_evaluate.3.gz'
}
units_are_right() {
  grep -qx 'ExecStart=/usr/bin/rnnlossd' "$root/lib/systemd/system/rnnlossd.service"
  if [ -e "$root/usr/bin/deb-systemd-helper" ]; then # which enables them, and isn't in the smallest Debian
    [ -L "$root/etc/systemd/system/multi-user.target.wants/rnnlossd.service" ]
  fi
  [ ! -e "$root/etc/systemd/system/sockets.target.wants/rnnlossd.socket" ]
  if command -v systemd-analyze >/dev/null; then
    sed "s|^ExecStart=/usr/bin/rnnlossd|ExecStart=$root/usr/bin/rnnlossd|" "$root/lib/systemd/system/rnnlossd.service" >"$scratch/rnnlossd.service"
    SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$scratch/rnnlossd.service"
  fi
}
lives() { # as nobody, on a free port, which it prints
  local daemon address i
  env -i PATH=/usr/sbin:/usr/bin chroot --userspec=65534:65534 --groups= "$root" rnnlossd --listen 127.0.0.1:0 >"$scratch/address" 2>"$scratch/said" &
  daemon=$!
  # shellcheck disable=SC2064 # now
  trap "kill -9 $daemon 2>/dev/null || true" EXIT
  for ((i = 0; i < 100; i++)); do
    if grep -q '^listening' "$scratch/address"; then break; fi
    sleep 0.1
  done
  address=$(sed -n 's/^listening on //p' "$scratch/address")
  inside rnnlossd --check "$address"
  curl -sf --noproxy '*' "$address/vectors/fr_sd-by-hand?form=json" >"$scratch/body"
  curl -sf --noproxy '*' "$address/loss" --data-binary "@$scratch/body" | grep -F '{"loss":1.0,"terms":{"fr_sd":'
  kill "$daemon"
  wait "$daemon"
  grep event=end "$scratch/said"
}
builds_against_it() { # by the machine's compiler, with the files inside
  local words triplet
  triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
  read -ra words <<<"$(PKG_CONFIG_PATH=$root/usr/lib/$triplet/pkgconfig pkg-config --define-variable=prefix="$root/usr" \
    --define-variable=libdir="$root/usr/lib/$triplet" --cflags --libs rnnloss)"
  cc -Wall -Wextra -Werror examples/embed.c "${words[@]}" -lpthread -o "$root/embed"
  inside /embed | grep '^total  0\.'
  rm "$root/embed"
}
is_removed() { # all that it had brought, and what its packages needed
  inside apt-get purge -y --autoremove rnnlossd librnnloss0 librnnloss-dev
  files | diff "$scratch/before" - || return
  ! inside dpkg -l | grep -i rnnloss
}

check 'lintian has no error and no warning' lintian_is_silent
check 'three packages' are_three
cat "$check_log"
check 'a minimal Debian' makes_a_debian
check 'they are installed' installs
check 'nothing is changed by that' unchanged
check 'daemon, library, header, manual pages, units are there' has_files
check 'the units are right' units_are_right
check 'the daemon starts as nobody, is ready, answers, and ends' lives
check 'a program is built with the library, and runs' builds_against_it
check 'they are removed without a trace' is_removed
checks_end
