/** Settings of the running kernel's build, from /proc/config.gz or /boot. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';

let settings: ReadonlyMap<string, string> | undefined;

/** Above 255 a part of the version would run into the next. */
const version = (): string => {
  const [major, minor, patch] = release().split(/[.-]/).map(Number);
  return String((major << 16) | (minor << 8) | Math.min(255, patch || 0));
};

/** What is known without a file, as libbpf knows it. */
const KNOWN: Readonly<Record<string, () => string>> = {
  LINUX_KERNEL_VERSION: version,
  LINUX_HAS_BPF_COOKIE: () => 'y',
  LINUX_HAS_SYSCALL_WRAPPER: () => kernelSetting('CONFIG_ARCH_HAS_SYSCALL_WRAPPER') ?? 'n',
};

/** @returns a setting as the file has it (`y`, `250`, `"text"`), undefined where it is not set or nobody can tell. */
export function kernelSetting(name: string): string | undefined {
  if (Object.hasOwn(KNOWN, name)) return KNOWN[name]();
  settings ??= parse(read());
  return settings.get(name);
}

function read(): string {
  const boot = `/boot/config-${release()}`;
  for (const source of [() => gunzipSync(readFileSync('/proc/config.gz')), () => readFileSync(boot)]) {
    try {
      return source().toString('latin1');
    } catch {
      continue; // the next one may be there
    }
  }
  return '';
}

function parse(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name, value] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) found.set(name, value);
  return found;
}
