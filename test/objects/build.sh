#!/bin/sh
# Rebuilds the objects beside this script from their sources; needed only when a source changes, the results are kept.
# The committed ones were made by Debian's clang 16.0.6 (-mcpu=v3, optimised, with BTF); *.clang19.o by clang 19, whose
# relocations and BTF differ in details; *.nobtf.o without debug information.
set -eu
cd "$(dirname "$0")"
flags='-O2 -target bpf -mcpu=v3 -ffile-prefix-map='"$PWD"'=. -fdebug-compilation-dir=. -Wall -Wno-unused-function -Wno-unused-variable'
for source in *.c; do
  name=${source%.c}
  case $name in legacy) debug= ;; *) debug=-g ;; esac
  clang-16 $flags $debug -c "$source" -o "$name.o"
  llvm-strip-16 --strip-debug "$name.o"
done
for name in globals subprogs maps; do
  clang-19 $flags -g -c "$name.c" -o "$name.clang19.o"
  llvm-strip-19 --strip-debug "$name.clang19.o"
done
for name in xdp_parse globals; do
  clang-16 $flags -g0 -c "$name.c" -o "$name.nobtf.o"
done
