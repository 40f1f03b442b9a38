/** What commands print on standard output. */
import type { Comparison } from '../analysis/comparison.ts';
import type { Policy } from '../balance/policy.ts';
import { costParameters } from '../machine/cost-parameters.ts';
import type { CostProfile } from '../machine/cost-profile.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 1)}\n`);
}

/** The documented form of a comparison; of a single policy it has no differences. */
export function comparisonJson(comparison: Comparison, tried: readonly Policy[]): unknown {
  const { baseline, runs, policies } = comparison;
  const figures = comparison.figures.map(({ name, unit, better, policies: values, differences }) =>
    policies.length === 1
      ? { name, unit, better, policies: values }
      : { name, unit, better, policies: values, differences },
  );
  const costs = Object.fromEntries(tried.map((policy) => [policy.name, costsJson(policy.costs)]));
  return { baseline, runs, costs, figures };
}

/** What a policy's runs were charged with: ns, bytes, factors; switches are 1 or 0. */
function costsJson(costs: CostProfile): unknown {
  const values = costParameters(costs).map((parameter) => [parameter.name, parameter.get(costs)]);
  return { profile: costs.name, parameters: Object.fromEntries(values) };
}

/** Colours are for terminals, and for those who want them (https://no-color.org). */
export function wantsColor(stream: NodeJS.WriteStream): boolean {
  if (process.env['NO_COLOR'] !== undefined && process.env['NO_COLOR'] !== '') return false;
  return stream.isTTY === true;
}
