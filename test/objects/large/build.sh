#!/bin/sh
# Rebuilds the objects beside this script; needed only when a source changes, the results are kept. They need the headers of
# linux-libc-dev and libbpf-dev, clang 16 and clang 19. Each compiler and dialect leaves other code to verify.
set -eu
cd "$(dirname "$0")"
flags='-g -target bpf -D__x86_64__ -I/usr/include/x86_64-linux-gnu -ffile-prefix-map='"$PWD"'=. -fdebug-compilation-dir=. -Wall -Wno-unused-function -Wno-unused-variable -Wno-pass-failed'
build() {
  clang-"$1" $flags "$2" -mcpu="$3" -c "$4.c" -o "$4.o"
  llvm-strip-"$1" --strip-debug "$4.o"
}
build 16 -O2 v3 cgrp
build 19 -O2 v4 fn
build 16 -O2 v2 fw
build 19 -O1 v4 lb
build 16 -O2 v1 loops
build 19 -O2 v3 lxc
build 16 -O1 v3 secmon
build 19 -O2 v4 trace
build 16 -O2 v3 tunnel
