#!/usr/bin/env bash
# Installs into a folder of its own, then builds and runs programs against what is there, as a user of the library would.
#
#   tests/install_test.sh      with what make has built in the folder of the variable BUILD, or in build/
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
passed=0 failed=0
check() { # check NAME COMMAND...
  local name=$1
  shift
  if "$@" >"$root/log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
    cat "$root/log"
  fi
}

# What is there is installed, whatever it was built with: no flag must make it build again.
install() { make -s BUILD="$build" DESTDIR="$root/stage" PREFIX=/opt/rnnloss "$@"; }
prefix=$root/stage/opt/rnnloss

cat >"$root/program.c" <<'C'
#include <rnnloss.h>
#include <stdio.h>
#include <string.h>

int main(void) { /* 1/4 (1 + 4 + 9 + 16) */
  const double x[] = {1, 2, 3, 4};
  rnnloss_square sum;
  rnnloss_square_begin(&sum);
  if (rnnloss_square_add(&sum, NULL, RNNLOSS_F64, x, 4) != RNNLOSS_OK) return 1;
  rnnloss_square_settle(&sum, NULL);
  printf("%s %llu\n", rnnloss_version(), (unsigned long long)sum.count);
  return strcmp(rnnloss_version(), RNNLOSS_VERSION) != 0;
}
C
sed 's/strcmp(/std::strcmp(/; s/<string.h>/<cstring>/' "$root/program.c" >"$root/program.cc"

# pkg-config's own answer, moved to where the stage is.
flags() { PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config "$@" rnnloss | sed "s|/opt/rnnloss|$prefix|g"; }
links() { # links LANGUAGE-COMPILER SOURCE [--static]: builds and runs it
  local compiler=$1 source=$2 static=${3:-}
  local -a words
  read -ra words <<<"$(flags --cflags --libs ${static:+"$static"})"
  [ -z "$static" ] || words=("${words[@]/-lrnnloss/-l:librnnloss.a}")
  "$compiler" -Wall -Wextra -Werror "$source" "${words[@]}" -o "$root/program"
  [ "$(LD_LIBRARY_PATH=$prefix/lib "$root/program")" = "$version 4" ]
}
example() { # examples/embed.c, by the command that it shows
  local -a words
  read -ra words <<<"$(flags --cflags --libs)"
  cc -Wall -Wextra -Werror examples/embed.c "${words[@]}" -lpthread -o "$root/program" &&
    LD_LIBRARY_PATH=$prefix/lib "$root/program" | grep -q '^total  0\.'
}
soname() { [ "$(objdump -p "$prefix/lib/librnnloss.so" | awk '$1 == "SONAME" { print $2 }')" = librnnloss.so.0 ]; }
only_libc() { # libc and libm are all that the library needs
  ! objdump -p "$prefix/lib/librnnloss.so.0" | awk '$1 == "NEEDED" { print $2 }' | grep -vE '^lib[cm]\.so'
}
exports() { # .. and nothing but its interface is seen
  ! nm -D --defined-only "$prefix/lib/librnnloss.so.0" | awk '{ print $3 }' | grep -v '^rnnloss_'
}
manual() { [ -s "$prefix/share/man/man1/rnnlossd.1" ] && [ -s "$prefix/share/man/man3/rnnloss.3" ] && [ -s "$prefix/share/man/man3/rnnloss_evaluate.3" ]; }
nothing_left() { [ -z "$(find "$root/stage" -type f -o -type l)" ]; }

version=$(sed -n 's/^#define RNNLOSS_VERSION "\(.*\)"/\1/p' lib/rnnloss.h)
check 'make install' install install
check 'rnnlossd --version' "$prefix/bin/rnnlossd" --version
check 'the version of pkg-config' test "$(flags --modversion)" = "$version"
check 'the manual pages' manual
# Not grep -q: it would end before nm does, and nm's broken pipe would count.
instruments=$(nm "$build/librnnloss.a" 2>/dev/null | grep -cE '__(asan|ubsan|gcov)_' || true)
if [ "$instruments" = 0 ]; then # else the user would need the same flags
  check 'a C program, shared library' links cc "$root/program.c"
  check 'a C program, static library' links cc "$root/program.c" --static
  check 'a C++ program' links c++ "$root/program.cc"
  check 'the example of embedding' example
  check 'the name of the shared library' soname
  check 'it needs libc and libm alone' only_libc
  check 'it exports rnnloss_* alone' exports
fi
check 'make uninstall' install uninstall
check 'nothing is left' nothing_left
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
