/** Source lines in the log: `; if (a > 3) @ count.c:8`, printed when an instruction is of another line than the last. */
import type { Context } from '../context.ts';

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
  log.write(`${prefix}${text.trimStart()} @ ${file.slice(file.lastIndexOf('/') + 1)}:${line}\n`);
}
