#!/bin/sh
# Rebuilds the object beside this script; needed only when its source changes, the result is kept.
set -eu
cd "$(dirname "$0")"
clang-19 -g -O2 -target bpf -D__TARGET_ARCH_x86 -I/usr/include/x86_64-linux-gnu -ffile-prefix-map="$PWD"=. \
  -fdebug-compilation-dir=. -Wall -c attached.c -o attached.o
llvm-strip-19 --strip-debug attached.o
