/** What a campaign counted, and the tables that show it. */
import { GRADES, template } from './judge.ts';
import type { Comparison, Difference, Grade } from './judge.ts';
import type { Case, Origin } from './case.ts';
import type { Topic } from './generator.ts';

/** Differences of one kind. */
export interface Finding {
  readonly difference: Difference;
  /** Number of the first case that showed it. */
  readonly firstCase: number;
  count: number;
  /** Where the shrunk program was written. */
  file?: string;
}

const STRUCTURED: readonly Topic[] = ['loop', 'spill', 'call'];

export class Tally {
  programs = 0;
  accepted = 0;
  rejected = 0;
  unsupported = 0;
  /** Left out. */
  tooLong = 0;
  /** Objects that the kernel could not set up, or must not be asked about; by the reason. */
  unusable = 0;
  readonly unusableBy = new Map<string, number>();
  /** Compared at level 2 too. */
  verbose = 0;
  /** Accepted programs with loops, spills or calls. */
  structured = 0;
  readonly origins: Record<Origin, number> = { generated: 0, mutated: 0, damaged: 0 };
  /** Accepted programs by what is in them. */
  readonly topics = new Map<Topic, number>();
  readonly unsupportedBy = new Map<string, number>();
  readonly findings = new Map<string, Finding>();
  readonly byGrade = new Map<Grade, number>();

  /** @returns the finding, where it is a new one */
  add(n: number, one: Case, comparison: Comparison): Finding | undefined {
    this.programs++;
    this.origins[one.origin]++;
    const { unsupported, theirs, difference, verbose } = comparison;
    if (comparison.verdict === 'unsupported') {
      this.unsupported++;
      const what = unsupported ?? '';
      this.unsupportedBy.set(what, (this.unsupportedBy.get(what) ?? 0) + 1);
      return undefined;
    }
    if (comparison.verdict === 'unusable') {
      this.unusable++;
      const why = template(theirs.reason.at(-1) ?? '');
      this.unusableBy.set(why, (this.unusableBy.get(why) ?? 0) + 1);
      return undefined;
    }
    if (comparison.verdict === 'too long') {
      this.tooLong++;
      return undefined;
    }
    if (verbose) this.verbose++;
    if (theirs.verdict === 'accept') this.#addAccepted(one.topics);
    else this.rejected++;
    return difference && this.#addDifference(n, difference);
  }

  #addAccepted(topics: ReadonlySet<Topic>): void {
    this.accepted++;
    for (const topic of topics) this.topics.set(topic, (this.topics.get(topic) ?? 0) + 1);
    if (STRUCTURED.some((topic) => topics.has(topic))) this.structured++;
  }

  #addDifference(n: number, difference: Difference): Finding | undefined {
    const { grade, kind } = difference;
    this.byGrade.set(grade, (this.byGrade.get(grade) ?? 0) + 1);
    const known = this.findings.get(`${grade} ${kind}`);
    if (known) {
      known.count++;
      return undefined;
    }
    const finding = { difference, firstCase: n, count: 1 };
    this.findings.set(`${grade} ${kind}`, finding);
    return finding;
  }

  get differences(): number {
    return [...this.byGrade.values()].reduce((sum, count) => sum + count, 0);
  }

  toJson(): Record<string, unknown> {
    const { programs, accepted, rejected, unsupported, tooLong, unusable, structured, verbose, origins } = this;
    return {
      programs,
      accepted,
      rejected,
      unsupported,
      tooLong,
      unusable,
      acceptedWithLoopsSpillsOrCalls: structured,
      comparedAtLevel2: verbose,
      origins,
      topics: Object.fromEntries(this.topics),
      unusableBy: Object.fromEntries(this.unusableBy),
      unsupportedBy: Object.fromEntries(this.unsupportedBy),
      differences: Object.fromEntries(GRADES.map((grade) => [grade, this.byGrade.get(grade) ?? 0])),
      findings: [...this.findings.values()].map(({ difference, firstCase, count, file }) => ({
        ...difference,
        case: firstCase,
        count,
        file,
      })),
    };
  }

  toText(): string {
    const { programs, accepted, rejected, unsupported, tooLong, unusable, structured } = this;
    const compared = programs - unsupported - tooLong - unusable;
    const share = (part: number, whole: number): string => `${whole ? ((100 * part) / whole).toFixed(2) : '0.00'} %`;
    const row = (name: string, count: number, whole: number): string =>
      `  ${name.padEnd(36)} ${String(count).padStart(8)} ${share(count, whole).padStart(9)}`;
    const lines = [
      row('programs', programs, programs),
      row('accepted by the kernel', accepted, programs),
      row('rejected by the kernel', rejected, programs),
      row('unsupported by skep', unsupported, programs),
      row('left out: long walks', tooLong, programs),
      ...(unusable ? [row('left out: not set up, not asked', unusable, programs)] : []),
      ...[...this.unusableBy].map(([why, count]) => `${row('', count, programs)}  ${why}`),
      row('accepted with loops, spills or calls', structured, accepted),
      row('compared at level 2', this.verbose, compared),
      ...[...this.topics]
        .sort(([, a], [, b]) => b - a)
        .map(([topic, count]) => row(`accepted with ${topic}`, count, accepted)),
      ...[...this.unsupportedBy].map(([what, count]) => row(what.slice(0, 36), count, programs)),
      '',
      row('equal in everything compared', compared - this.differences, compared),
      ...GRADES.flatMap((grade) =>
        this.byGrade.has(grade) ? [row(`different: ${grade}`, this.byGrade.get(grade)!, compared)] : [],
      ),
    ];
    const found = [...this.findings.values()].sort((a, b) => b.count - a.count);
    for (const { difference, firstCase, count, file } of found) {
      lines.push('', `${count} × ${difference.grade}, first in case ${firstCase}${file ? `, ${file}` : ''}`);
      lines.push(`  kernel ${difference.theirs.slice(0, 200)}`, `  skep   ${difference.ours.slice(0, 200)}`);
    }
    return lines.join('\n');
  }
}
