// Writes src/seccomp/generated.ts: numbers of system calls, and the constants that strace prints by name, from the uapi
// headers of Debian's linux-libc-dev, as the C preprocessor and compiler give them. System calls that are newer than the
// installed headers are listed below; since number 424 all architectures have the same.
// Takes a minute. Usage: node scripts/gen-seccomp.mjs
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

/** Of include/uapi/asm-generic/unistd.h in Linux 6.18, from the first that the headers of Linux 6.1 lack. */
const NEWER = {
  451: ['cachestat', 'fchmodat2', 'map_shadow_stack', 'futex_wake', 'futex_wait', 'futex_requeue', 'statmount'],
  458: ['listmount', 'lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules', 'mseal', 'setxattrat', 'getxattrat'],
  465: ['listxattrat', 'removexattrat', 'open_tree_attr', 'file_getattr', 'file_setattr'],
};
/** And those of x86-64 alone, Linux 6.11 and 6.18. */
const NEWER_X86_64 = { 335: ['uretprobe', 'uprobe'] };

const cpp = (text, ...options) =>
  execFileSync('cc', ['-E', '-dM', ...options, '-'], { input: text, encoding: 'utf8', maxBuffer: 1 << 26 });

/** Numbers and names of a header, sorted; a number may be given by another macro. */
function systemCalls(header, newer, ...options) {
  const macros = new Map(
    [...cpp(`#include <${header}>\n`, ...options).matchAll(/^#define (__NR\w+) (\w+)$/gm)].map(([, k, v]) => [k, v]),
  );
  const calls = new Map();
  for (const [macro, value] of macros) {
    const number = Number(macros.get(value) ?? value);
    const name = macro.replace(/^__NR_/, '');
    if (name !== macro && Number.isInteger(number) && !/^(syscalls|arch_specific_syscall)$/.test(name))
      calls.set(number, name);
  }
  for (const [first, names] of Object.entries({ ...NEWER, ...newer }))
    names.forEach((name, i) => calls.set(Number(first) + i, name));
  return [...calls].sort(([a], [b]) => a - b);
}

/** `0 read write …`: a number says where the names behind it begin. */
function packed(calls) {
  let due = -1;
  return wrap(
    calls.flatMap(([number, name]) => (number === due++ ? [name] : ((due = number + 1), [`${number}`, name]))),
  );
}

function wrap(words) {
  const lines = [''];
  for (const word of words) {
    if (lines.at(-1).length + word.length > 118) lines.push('');
    lines[lines.length - 1] += (lines.at(-1) && ' ') + word;
  }
  return lines.join('\n');
}

/** Where the constants stand that system calls take; the C library's where the kernel's own headers do not stand alone. */
const HEADERS =
  'asm/fcntl.h asm/mman.h asm/signal.h asm/ioctls.h asm/prctl.h asm/stat.h asm/resource.h linux/fcntl.h linux/fs.h ' +
  'linux/sched.h linux/prctl.h linux/personality.h linux/seccomp.h linux/futex.h linux/random.h linux/memfd.h ' +
  'linux/mount.h linux/ptrace.h linux/keyctl.h linux/bpf.h linux/membarrier.h linux/mempolicy.h linux/close_range.h ' +
  'linux/openat2.h linux/sockios.h linux/netlink.h linux/userfaultfd.h linux/kcmp.h linux/reboot.h linux/loop.h ' +
  'linux/if_tun.h linux/kvm.h linux/vt.h linux/kd.h linux/wait.h linux/fanotify.h linux/inotify.h linux/perf_event.h ' +
  'linux/nsfs.h linux/fadvise.h linux/xattr.h linux/stat.h linux/rseq.h linux/ioprio.h sys/socket.h netinet/in.h ' +
  'netinet/tcp.h unistd.h sys/wait.h sys/ipc.h sys/sem.h sys/shm.h signal.h sys/epoll.h sys/eventfd.h sys/timerfd.h ' +
  'sys/signalfd.h sys/file.h time.h sys/resource.h sched.h sys/un.h sys/mman.h';
/** Macros of these headers that no system call takes. */
const FOREIGN =
  /^_|^(UINT|INT|SIZE|PTRDIFF|WCHAR|CHAR|LONG|ULONG|SCHAR|UCHAR|SHRT|USHRT|LLONG|ULLONG)_|(_MAX|_LAST|_MIN|_T|_H)$|__|^(BPF_REG|BPF_FUNC)/;

function constants() {
  const folder = mkdtempSync(join(tmpdir(), 'skep-'));
  const source = join(folder, 'a.c');
  const found = new Map();
  /** Values of those that are numbers; a list that does not compile is halved. */
  const collect = (include, names) => {
    const line = (name) => `  if (IS_NUMBER(${name})) printf("${name} %llx\\n", (unsigned long long)(${name}));\n`;
    const number = '__builtin_constant_p(x) && _Generic((x), char *: 0, const char *: 0, default: 1)';
    const head = `${include}#include <stdio.h>\n#define IS_NUMBER(x) (${number})\n`;
    writeFileSync(source, `${head}int main(void) {\n${names.map(line).join('')}}\n`);
    try {
      execFileSync('cc', ['-w', '-o', join(folder, 'a'), source], { stdio: 'ignore' });
    } catch {
      if (names.length > 1)
        for (const half of [names.slice(0, names.length >> 1), names.slice(names.length >> 1)]) collect(include, half);
      return;
    }
    const printed = execFileSync(join(folder, 'a'), { encoding: 'utf8' });
    for (const [, name, value] of printed.matchAll(/^(\w+) (\w+)$/gm)) found.set(name, BigInt(`0x${value}`));
  };
  try {
    for (const header of HEADERS.split(' ')) {
      const include = `#define _GNU_SOURCE\n#include <stddef.h>\n#include <sys/types.h>\n#include <${header}>\n`;
      const macros = [...cpp(include).matchAll(/^#define ([A-Z]\w+) \S/gm)].map(([, name]) => name);
      const text = execFileSync('cc', ['-E', '-P', '-'], { input: include, encoding: 'utf8' });
      const enums = [...text.matchAll(/^\s*([A-Z][A-Z0-9_]+)(?: = [^,{}]*)?,?$/gm)].map(([, name]) => name);
      const names = [...new Set([...macros, ...enums])].filter((name) => !FOREIGN.test(name) && !found.has(name));
      if (names.length > 0) collect(include, names);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return found;
}

const hex = (value) => (value < 10n ? String(value) : `0x${value.toString(16)}`);
const texts = [...constants()]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, value]) => `${name}=${hex(value & ((1n << 64n) - 1n))}`);

const tables = {
  X86_64_CALLS: [packed(systemCalls('asm/unistd_64.h', NEWER_X86_64)), 'x86-64: asm/unistd_64.h'],
  I386_CALLS: [packed(systemCalls('asm/unistd_32.h', {})), 'i386: asm/unistd_32.h'],
  ARM64_CALLS: [
    packed(
      systemCalls(
        'asm-generic/unistd.h',
        {},
        '-D__ARCH_WANT_RENAMEAT',
        '-D__ARCH_WANT_NEW_STAT',
        '-D__ARCH_WANT_SET_GET_RLIMIT',
        '-D__ARCH_WANT_TIME32_SYSCALLS',
        '-D__ARCH_WANT_SYS_CLONE3',
        '-D__ARCH_WANT_MEMFD_SECRET',
      ),
    ),
    'arm64: asm-generic/unistd.h',
  ],
};
const text =
  '/** Generated by scripts/gen-seccomp.mjs from the uapi headers; do not edit. */\n\n' +
  Object.entries(tables)
    .map(
      ([name, [body, doc]]) =>
        `/** System calls of ${doc}. A number says where the names behind it begin. */\nexport const ${name} = \`\n${body}\n\`;\n`,
    )
    .join('\n') +
  `\n/** Constants as on x86-64; 64 bits. */\nexport const CONSTANTS = \`\n${wrap(texts)}\n\`;\n`;
const file = new URL('../src/seccomp/generated.ts', import.meta.url);
writeFileSync(file, await format(text, { ...(await resolveConfig(file.pathname)), parser: 'typescript' }));
console.log(`${texts.length} constants, ${readFileSync(file, 'utf8').length} characters`);
