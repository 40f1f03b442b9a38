/** What commands print on standard output. */
import type { Comparison } from '../analysis/comparison.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 1)}\n`);
}

/** The documented form of a comparison; of a single policy it has no differences. */
export function comparisonJson(comparison: Comparison): unknown {
  const { baseline, runs, policies } = comparison;
  const figures = comparison.figures.map(({ name, unit, better, policies: values, differences }) =>
    policies.length === 1
      ? { name, unit, better, policies: values }
      : { name, unit, better, policies: values, differences },
  );
  return { baseline, runs, figures };
}

/** Colours are for terminals, and for those who want them (https://no-color.org). */
export function wantsColor(stream: NodeJS.WriteStream): boolean {
  if (process.env['NO_COLOR'] !== undefined && process.env['NO_COLOR'] !== '') return false;
  return stream.isTTY === true;
}
