#!/bin/sh
# Rebuilds the objects beside this script; needed only when a source changes, the results are kept. The committed ones were
# made by Debian's clang 16.0.6.
set -eu
cd "$(dirname "$0")"
for source in *.c verifier/*.c; do
  clang-16 -O2 -g -target bpf -mcpu=v3 -ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -Wall -c "$source" -o "${source%.c}.o"
  llvm-strip-16 --strip-debug "${source%.c}.o"
done
