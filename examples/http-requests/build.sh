#!/bin/sh
# Rebuilds http.bpf.o; needs clang (16 or newer) and llvm-objcopy. Users need neither: the object is committed.
set -eu
cd "$(dirname "$0")"
CLANG=${CLANG:-$(command -v clang-19 || command -v clang-16 || command -v clang)}
OBJCOPY=${OBJCOPY:-$(command -v llvm-objcopy-19 || command -v llvm-objcopy-16 || command -v llvm-objcopy || true)}
"$CLANG" -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 -fdebug-compilation-dir=. -c http.bpf.c -o http.bpf.o
# BTF stays; DWARF, which nothing here reads, goes.
if [ -n "$OBJCOPY" ]; then "$OBJCOPY" --strip-debug http.bpf.o; fi
"$CLANG" --version | head -n 1
