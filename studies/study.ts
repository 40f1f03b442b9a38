/**
 * What a study is: a question, the runs that answer it, and the rows of its answer.
 *
 *   studies/NAME/study.ts    exports `study`, of the type below
 *   studies/NAME/*.yaml      the scenarios it runs; each also works with `steelyard run` or `steelyard compare`
 *   studies/NAME/README.md   question, published figures with their source, command; the rows stand between the lines
 *                            `<!-- rows -->` and `<!-- /rows -->`, written by `npm run study NAME`
 *
 * Each entry of `runs` is a scenario under each of its policies, as often as it says, with seeds one after the other. What
 * an entry names besides replaces what the scenario says, so one file can serve a table of sizes. All runs of a study
 * share one pool of worker threads.
 *
 *   export const study: Study = {
 *     columns: [{ key: 'groups', title: 'groups' }, { key: 'speedupPercent', title: 'speedup, %' }],
 *     runs: [1, 2].map((groups) => ({ name: `${groups}`, scenario: 'hackbench.yaml', workload: `hackbench:groups=${groups}` })),
 *     rows: (results) => [1, 2].map((groups) => {
 *       const base = results.of(`${groups}`, 'linux-6.1').mean('makespan_ms.all');
 *       const other = results.of(`${groups}`, 'linux-6.1,steal=on').mean('makespan_ms.all');
 *       return { groups, speedupPercent: percent(base / other - 1) };
 *     }),
 *   };
 *
 * A row is `--json` as it is. A row with `miss` says what it falls short of and what is known of the cause; it stays in
 * the table, marked. Nothing in a study may be fitted to what it predicts.
 */
import type { JobResult } from 'steelyard';

export interface Column {
  /** Of the row; its name ends with its unit. */
  readonly key: string;
  readonly title: string;
}

/** Null: not observed. */
export type Cell = string | number | null;
export interface Row {
  readonly [key: string]: Cell | undefined;
  /** Why the row is not what was expected of it; absent or null: it is. */
  readonly miss?: string | null;
}

export interface StudyRun {
  /** By which `rows` finds its results. */
  readonly name: string;
  /** A file of the study's folder. */
  readonly scenario: string;
  readonly machine?: string;
  readonly workload?: string;
  readonly policies?: readonly string[];
  /** As in a scenario: 500ms, 2s. */
  readonly duration?: string;
  readonly warmup?: string;
  readonly runs?: number;
  readonly seed?: number;
}

export interface Study {
  readonly columns: readonly Column[];
  readonly runs: readonly StudyRun[];
  readonly rows: (results: StudyResults) => readonly Row[];
}

/** The runs of one entry under one policy, by seed. */
export class PolicyRuns {
  readonly results: readonly JobResult[];
  readonly #what: string;

  constructor(what: string, results: readonly JobResult[]) {
    this.#what = what;
    this.results = results;
  }

  /** A figure of every run; null where it was not observed. Throws for a name that no run has. */
  values(figure: string): (number | null)[] {
    const values = this.results.map(({ figures }) => figures.find(({ name }) => name === figure)?.value);
    if (values.every((value) => value === undefined)) throw new Error(`${this.#what}: no run has a figure ${figure}`);
    return values.map((value) => value ?? null);
  }

  /** Mean over the runs; NaN if one of them did not observe it. */
  mean(figure: string): number {
    const values = this.values(figure);
    return values.reduce<number>((sum, value) => sum + (value ?? Number.NaN), 0) / values.length;
  }
}

export class StudyResults {
  readonly #runs: ReadonlyMap<string, PolicyRuns>;

  constructor(runs: ReadonlyMap<string, PolicyRuns>) {
    this.#runs = runs;
  }

  /** Results of the entry `name` under a policy, as the scenario (or the entry) writes it. */
  of(name: string, policy: string): PolicyRuns {
    const found = this.#runs.get(resultKey(name, policy));
    if (found === undefined) throw new Error(`no runs of "${name}" under "${policy}"`);
    return found;
  }
}

export function resultKey(name: string, policy: string): string {
  return `${name}\n${policy}`;
}

/** Rounded so that a difference in the last digits of a double is no difference in a file. NaN gives null. */
export function rounded(value: number, digits = 3): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : null;
}

/** A ratio less one, in per cent with one decimal. */
export function percent(ratio: number): number | null {
  return Number.isFinite(ratio) ? Math.round(ratio * 1000) / 10 : null;
}
