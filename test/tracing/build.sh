#!/bin/sh
# Rebuilds the object beside this script; needed only when the source changes, the result is kept (Debian's clang 16.0.6).
set -eu
cd "$(dirname "$0")"
clang-16 -O2 -g -target bpf -mcpu=v3 -ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -Wall \
  -I/usr/include/x86_64-linux-gnu -c orders.c -o orders.o
llvm-strip-16 --strip-debug orders.o
