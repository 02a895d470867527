/**
 * What a long campaign is. Each file of this folder that `export const campaign: Campaign` is a row of
 * `npm run campaign`; the same check with a small count belongs into a test, so that it does not rot.
 */
export interface CampaignOptions {
  /** Case `n` depends only on `seed` and `n`. */
  readonly seed: number;
  /** How many cases. */
  readonly count: number;
  /** Progress and notes, one line each. */
  log(line: string): void;
}

export interface Failure {
  /** Number of the case: `--seed SEED --case N` runs it alone. */
  readonly caseNumber: number;
  /** Expected and actual, the input or where it was written. */
  readonly detail: string;
}

export interface Campaign {
  readonly name: string;
  /** One line: what is compared with what. */
  readonly summary: string;
  /** Cases when no count is given: about ten minutes' worth. */
  readonly defaultCount: number;
  /** Why it cannot run here (no kernel, no privileges), or undefined. */
  unavailable?(): string | undefined;
  /** Limit the campaign to what `--type` names. */
  choose?(type: string): void;
  /** Lines to print behind the last case: what was covered. */
  report?(): string[];
  /** Run one case. @returns what is wrong, or undefined */
  runCase(seed: number, caseNumber: number): string | undefined | Promise<string | undefined>;
}

/** Run cases one after the other; stops at ten failures. */
export async function runCampaign(campaign: Campaign, options: CampaignOptions, first = 0): Promise<Failure[]> {
  const failures: Failure[] = [];
  let reported = Date.now();
  for (let n = first; n < first + options.count && failures.length < 10; n++) {
    const detail = await campaign.runCase(options.seed, n);
    if (detail !== undefined) failures.push({ caseNumber: n, detail });
    if (Date.now() - reported > 5000) {
      options.log(`${campaign.name}: ${n - first + 1} of ${options.count}, ${failures.length} failed`);
      reported = Date.now();
    }
  }
  return failures;
}

/** A seed for case `n`, so that neighbouring cases have nothing in common. */
export function caseSeed(seed: number, n: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b)) >>> 0;
}
