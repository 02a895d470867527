#!/bin/sh
# Rebuilds the objects beside this script; needed only when a source changes, the results are kept. The committed ones were
# made by Debian's clang 16.0.6, for version 3 of the instruction set.
# Usage: build.sh [DIRECTORY]. With a directory it builds micro/*.c into DIRECTORY/v2 and DIRECTORY/v4 instead (version 4
# by clang 19, clang 16 does not know it).
set -eu
cd "$(dirname "$0")"

# build SOURCE OBJECT VERSION CLANG
build() {
  "clang-$4" -O2 -g -target bpf "-mcpu=v$3" "-DCPU=$3" -ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -Wall -c "$1" -o "$2"
  "llvm-strip-$4" --strip-debug "$2"
}

if [ $# -gt 0 ]; then
  mkdir -p "$1/v2" "$1/v4"
  for source in micro/*.c; do
    name=$(basename "$source" .c)
    build "$source" "$1/v2/$name.o" 2 16
    build "$source" "$1/v4/$name.o" 4 19
  done
else
  for source in *.c verifier/*.c micro/*.c; do
    build "$source" "${source%.c}.o" 3 16
  done
fi
