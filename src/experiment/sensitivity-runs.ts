/**
 * A comparison, and the same again with each number of its cost profiles halved and doubled. All runs are jobs of one pool.
 */
import { type FigureSensitivity, sensitivity } from '../analysis/sensitivity.ts';
import type { Policy } from '../balance/policy.ts';
import { didYouMean, UserError } from '../base/errors.ts';
import { type CostParameter, costParameters, variedCosts } from '../machine/cost-parameters.ts';
import { type ComparePlan, type CompareResult, compareSeveral } from './compare-runs.ts';
import type { PoolOptions } from './pool.ts';

export interface CostVariation {
  /** Name of the parameter, and what it is multiplied with. */
  readonly parameter: string;
  readonly factor: number;
  readonly policies: readonly Policy[];
}

export interface SensitivityResult extends CompareResult {
  readonly variations: readonly CostVariation[];
  readonly figures: readonly FigureSensitivity[];
}

const FACTORS = [0.5, 2];

/**
 * The variations of these policies: every parameter that is not zero in all of them, in the order of the profile; or those
 * asked for by name or beginning (`line` is line_smt, line_llc, ...). Throws `UserError` when there is nothing to vary.
 */
export function costVariations(policies: readonly Policy[], wanted: readonly string[] = []): CostVariation[] {
  const parameters = parametersOf(policies);
  for (const word of wanted) {
    if (parameters.some(({ name }) => matches(name, word))) continue;
    const known = parameters.map(({ name }) => name);
    throw new UserError('policy', `no cost "${word}" to vary in these policies`, {}, didYouMean(word, known));
  }
  const chosen = parameters.filter(({ name }) => wanted.length === 0 || wanted.some((word) => matches(name, word)));
  const variations = chosen.flatMap(({ name }) =>
    FACTORS.flatMap((factor): CostVariation[] => {
      const varied = policies.map((policy) => ({ ...policy, costs: variedCosts(policy.costs, name, factor) }));
      const changed = varied.some(({ costs }, i) => costs !== policies[i]!.costs);
      return changed ? [{ parameter: name, factor, policies: varied }] : [];
    }),
  );
  if (variations.length === 0) {
    throw new UserError('policy', 'nothing costs time in these policies', {}, 'give a profile: costs=milan');
  }
  return variations;
}

/** Parameters of all profiles, each name once. */
function parametersOf(policies: readonly Policy[]): CostParameter[] {
  const byName = new Map<string, CostParameter>();
  for (const { costs } of policies)
    for (const p of costParameters(costs)) if (!byName.has(p.name)) byName.set(p.name, p);
  return [...byName.values()];
}

function matches(name: string, word: string): boolean {
  return name === word || name.startsWith(`${word}_`);
}

/** Runs the comparison and its variations. Rejects with `UserError`. */
export async function compareWithSensitivity(
  plan: ComparePlan,
  variations: readonly CostVariation[],
  options: PoolOptions = {},
): Promise<SensitivityResult> {
  if (plan.runs < 2) {
    throw new UserError('usage', 'one run shows no difference that could survive', {}, 'give --runs 2 or more');
  }
  const plans = variations.map(({ policies }): ComparePlan => ({ ...plan, policies, traceFiles: [] }));
  const [base, ...varied] = await compareSeveral([plan, ...plans], options);
  const figures = sensitivity(
    base!.comparison,
    variations.map(({ parameter, factor }, i) => ({ parameter, factor, comparison: varied[i]!.comparison })),
  );
  return { ...base!, variations, figures };
}
