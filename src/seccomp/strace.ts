/**
 * Reads logs of strace, line by line: with process ids (-f), times (-t, -tt, -ttt, -r, -T), numbers (-n), instruction
 * pointers (-i), descriptors' paths (-y), raw arguments. A call that was interrupted in the log is put together again. Lines
 * about signals, exits and strace itself are counted and left out; lines that are none of all that are counted too.
 */
import { ARCHS, X32_BIT } from './arch.ts';
import type { Arch } from './arch.ts';
import { numberOf, setArgs, splitArgs } from './call.ts';
import { SeccompData } from './data.ts';

export interface StraceCounts {
  lines: number;
  calls: number;
  /** Signals, exits, what strace says of itself, stacks of -k. */
  skipped: number;
  /** Lines that are none of strace's, such as output of the program that was traced. */
  strange: number;
  /** Calls that never ended, judged by what the log shows of them; they count as calls too. */
  unfinished: number;
  /** By name: calls that the architecture has no number for. */
  readonly unnamed: Map<string, number>;
}

/** Told of each call, before its arguments are looked at. */
export interface CallSink {
  /** @returns true where the arguments do not matter */
  byNumber(nr: number, arch: Arch): boolean;
  /** The same call with all that the line tells. `data` is valid during this call only. */
  withArgs(nr: number, arch: Arch, data: SeccompData): void;
}

const PID = /^(?:\[pid +(\d+)(?:<[^>]*>)?\] +|(\d+)(?:<[^>]*>)? +(?=[^(\s]))/;
/** `12:00:01.5`, `1700000000.5`, `     0.000022`, and the `(+     0.000022)` of -r with a time. */
const TIMES = /^ *(?:(?:\d+:\d\d:\d\d(?:\.\d+)?|\d+\.\d+|\d{9,})(?: +\(\+ +\d+\.\d+\))? +)+/;
const BRACKET = /^\[ *([0-9a-f]+|\?+)\] /;
const MODE = /^\[ Process PID=(\d+) runs in (.+) mode\. \]/;
/** Another process spoke before the call ended, or strace did. */
const CUT = / *(?:<unfinished \.\.\.>|strace: Process \d+ attached)$/;
const RESUMED = /^<\.\.\. (\w+) resumed>(?: ?,? ?)/;

/** Bits of the upper words of all arguments. */
const UPPER_HALVES = 0xaaa0;

interface Prefix {
  pid: string;
  nr: number;
  /** Hexadecimal digits; empty where the line has none. */
  ip: string;
}

interface Unfinished {
  readonly text: string;
  readonly prefix: Prefix;
}

export class StraceLog {
  readonly counts: StraceCounts = { lines: 0, calls: 0, skipped: 0, strange: 0, unfinished: 0, unnamed: new Map() };
  readonly #sink: CallSink;
  readonly #arch: Arch;
  readonly #data = new SeccompData();
  readonly #unfinished = new Map<string, Unfinished>();
  /** Processes that do not run in the log's own convention; x32 is x86_64 with a bit. */
  readonly #modes = new Map<string, { arch: Arch; bit: number }>();

  /** @param arch convention of processes of which the log says nothing else */
  constructor(sink: CallSink, arch: Arch) {
    this.#sink = sink;
    this.#arch = arch;
  }

  line(whole: string): void {
    const { counts } = this;
    counts.lines++;
    const prefix: Prefix = { pid: '', nr: -1, ip: '' };
    const text = stripPrefix(whole, prefix);
    const first = text.charCodeAt(0);
    if (first === 0x3c) return this.#resume(text, prefix); // <
    if (first === 0x5b || text.startsWith('strace: ')) return this.#aboutProcess(text.replace(/^strace: /, ''), prefix); // [
    if (/^(\+\+\+|---|>) /.test(text) || text === '') return void counts.skipped++;
    const open = text.indexOf('(');
    if (open <= 0 || !isName(text, open)) return void counts.strange++;
    const cut = text.search(CUT);
    if (cut > open) {
      this.#unfinished.set(prefix.pid, { text: text.slice(0, cut), prefix });
      return;
    }
    this.#call(text, open, prefix);
  }

  /** Judge calls that the log does not end. */
  end(): void {
    for (const { text, prefix } of this.#unfinished.values()) {
      this.counts.unfinished++;
      // Each argument is printed at once: what is there is whole.
      this.#call(`${text})`, text.indexOf('('), prefix);
    }
    this.#unfinished.clear();
  }

  #resume(text: string, { pid }: Prefix): void {
    this.counts.skipped++;
    if (text.startsWith('<unfinished')) return;
    const found = RESUMED.exec(text);
    const key = found && this.#begun(pid, `${found[1]}(`);
    const begun = key === null || key === undefined ? undefined : this.#unfinished.get(key);
    if (!found || key === null || key === undefined || !begun) {
      this.counts.skipped--;
      this.counts.strange++;
      return;
    }
    this.#unfinished.delete(key);
    const start = begun.text.trimEnd();
    const rest = text.slice(found[0].length);
    const comma = start.endsWith(',') || start.endsWith('(') || rest.startsWith(')') ? ' ' : ', ';
    this.#call(start + comma + rest, start.indexOf('('), { ...begun.prefix, pid });
  }

  /** Whose call goes on: lines of the first process say which it is only while there are others. */
  #begun(pid: string, start: string): string | undefined {
    const is = (key: string): boolean => this.#unfinished.get(key)?.text.startsWith(start) === true;
    if (is(pid)) return pid;
    if (pid !== '') return is('') ? '' : undefined;
    const keys = [...this.#unfinished.keys()].filter(is);
    return keys.length === 1 ? keys[0] : undefined;
  }

  #aboutProcess(text: string, prefix: Prefix): void {
    this.counts.skipped++;
    const found = MODE.exec(text);
    if (!found) return;
    const [, pid, mode] = found;
    const arch = mode === '32 bit' && this.#arch.name === 'x86_64' ? ARCHS[1] : this.#arch;
    const changed = { arch, bit: mode === 'x32' ? X32_BIT : 0 };
    this.#modes.set(pid, changed);
    // Where lines do not say of which process they are there is only one.
    if (prefix.pid === '') this.#modes.set('', changed);
  }

  #call(text: string, open: number, { pid, nr: given, ip }: Prefix): void {
    const name = text.slice(0, open);
    const { arch: mode, bit } = this.#modes.size === 0 ? { arch: this.#arch, bit: 0 } : this.#modeOf(pid);
    const arch = given < 0 || mode.nameOf(given) === name ? mode : archOf(given, name, mode);
    // Numbers of x32 are not those of x86-64 throughout.
    const number = given >= 0 ? given : bit ? undefined : numberOf(arch, name);
    if (number === undefined) {
      const { unnamed } = this.counts;
      unnamed.set(name, (unnamed.get(name) ?? 0) + 1);
      return;
    }
    this.counts.calls++;
    if (this.#sink.byNumber(number, arch)) return;
    const data = this.#data.reset(number, arch.audit);
    if (ip !== '') data.setInstructionPointer(parseInt(ip.slice(-8), 16), parseInt(ip.slice(0, -8) || '0', 16));
    setArgs(data, arch, name, splitArgs(text, open + 1), given >= 0);
    // A 64-bit process that makes calls of i386: filters see all of its registers, logs half of them.
    if (arch !== mode && arch.bits === 32) data.known &= ~UPPER_HALVES;
    this.#sink.withArgs(number, arch, data);
  }

  #modeOf(pid: string): { arch: Arch; bit: number } {
    return this.#modes.get(pid) ?? { arch: this.#arch, bit: 0 };
  }
}

/** A process may make calls of both conventions of x86; with a number, the name tells which. */
function archOf(nr: number, name: string, mode: Arch): Arch {
  const x86 = mode.name === 'aarch64' ? [] : ARCHS.filter((arch) => arch.name !== 'aarch64');
  return x86.find((arch) => arch.nameOf(nr) === name) ?? mode;
}

/** Without process id, times, number and instruction pointer. */
function stripPrefix(whole: string, prefix: Prefix): string {
  const first = whole.charCodeAt(0);
  // Most lines of most logs begin with a name.
  if (first >= 0x61 && first <= 0x7a) return whole;
  let text = whole;
  const times = /^\d+:|^ |^\d+\.\d|^\d{9,} /.test(text);
  const found = times ? null : PID.exec(text);
  if (found) {
    prefix.pid = found[1] ?? found[2];
    text = text.slice(found[0].length);
  }
  text = text.replace(TIMES, '');
  for (let bracket; (bracket = BRACKET.exec(text)); text = text.slice(bracket[0].length)) {
    const [, digits] = bracket;
    if (digits.startsWith('?')) continue;
    // Numbers have up to ten decimal digits; pointers have 16 digits, or from 8 on where the process has 32 bits.
    if (/^\d{1,10}$/.test(digits) && digits.length !== 8) prefix.nr = Number(digits);
    else prefix.ip = digits;
  }
  return text.trimStart();
}

/** Lower-case letters, digits and underscores up to `end`, a letter or an underscore first. */
function isName(text: string, end: number): boolean {
  for (let i = 0; i < end; i++) {
    const c = text.charCodeAt(i);
    const letter = (c >= 0x61 && c <= 0x7a) || c === 0x5f;
    const digit = c >= 0x30 && c <= 0x39;
    if (!letter && !(digit && i > 0) && !(c >= 0x41 && c <= 0x46 && i > 8)) return false;
  }
  return true;
}
