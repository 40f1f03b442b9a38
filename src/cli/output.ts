/** What commands print on standard output. */
import type { Comparison } from '../analysis/comparison.ts';
import { isFragile } from '../analysis/sensitivity.ts';
import type { Policy } from '../balance/policy.ts';
import type { SensitivityResult } from '../experiment/sensitivity-runs.ts';
import { costParameters } from '../machine/cost-parameters.ts';
import type { CostProfile } from '../machine/cost-profile.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 1)}\n`);
}

/** The documented form of a comparison; of a single policy it has no differences. */
export function comparisonJson(comparison: Comparison, tried: readonly Policy[]): object {
  const { baseline, runs, policies } = comparison;
  const figures = comparison.figures.map(({ name, unit, better, policies: values, differences }) =>
    policies.length === 1
      ? { name, unit, better, policies: values }
      : { name, unit, better, policies: values, differences },
  );
  const costs = Object.fromEntries(tried.map((policy) => [policy.name, costsJson(policy.costs)]));
  return { baseline, runs, costs, figures };
}

/** The documented form of what became of a comparison's verdicts; the verdicts that did not survive all variations are fragile. */
export function sensitivityJson({ variations, figures }: Pick<SensitivityResult, 'variations' | 'figures'>): object {
  return {
    variations: variations.map(({ parameter, factor }) => ({ parameter, factor })),
    figures,
    fragile: figures.filter(isFragile).map(({ name, policy }) => ({ name, policy })),
  };
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
