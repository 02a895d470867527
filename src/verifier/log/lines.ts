/** Source lines in the log: `; if (a > 3) @ count.c:8`, printed when an instruction is of another line than the last. */
import { utf8ByteText } from '../../util/index.ts';
import type { Context } from '../context.ts';

/** Bytes of the log that one print of Linux makes; what is longer is cut, its end of line too. Measured. */
const PRINT_MAX = 1023;

/**
 * Print the line of the instruction at `insn`, if it has one and it is not the line printed last: two records of one
 * file and line number are the same line. @kernel verbose_linfo
 */
export function printLine(ctx: Context, insn: number, prefix: string): void {
  const { aux, lines, log } = ctx;
  const index = aux.line[insn];
  if (index === 0 || index === aux.lastLine || !log.enabled) return;
  const { text, file, line } = lines[index - 1];
  const last = lines[aux.lastLine - 1];
  if (last && last.file === file && last.line === line) return;
  aux.lastLine = index;
  const place = ` @ ${file.slice(file.lastIndexOf('/') + 1)}:${line}\n`;
  // Cut and trimmed as bytes: what Linux takes for a space are the bytes 9 to 13, 32 and 160.
  log.write(prefix + utf8ByteText(text).trimStart().slice(0, PRINT_MAX) + utf8ByteText(place).slice(0, PRINT_MAX));
}
