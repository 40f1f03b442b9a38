/** Do the headline results of task stealing hang on a number of the cost model? @spec 24 §9, check 8 */
import { costVariations, parsePolicy, policySettings } from 'steelyard';
import { HACKBENCH_BASE } from '../stealing/base.ts';
import { type PolicyRuns, percent, type Row, rounded, type Study, type StudyResults } from '../study.ts';

const SOCKET_20 = { machine: 'e5-2630v4', cpus: 20 };
const SOCKET_44 = { machine: 'pack:1 numa:1 l3:1 core:22 pu:2(indexes=core)', cpus: 44 };

/** Where stealing is published to help: checks 10 to 13 of spec 20, and the greatest effect of check 14. */
const CASES = [
  { ...SOCKET_20, groups: 1 },
  { ...SOCKET_20, groups: 2 },
  { ...SOCKET_44, groups: 2 },
] as const;
type Case = (typeof CASES)[number];
const keyOf = ({ cpus, groups }: Case) => `${cpus}/${groups}`;

interface Variation {
  /** Such as `line_llc 88ns`; empty: nothing is varied. */
  readonly name: string;
  readonly base: string;
}

const variations: readonly Variation[] = [
  { name: '', base: HACKBENCH_BASE },
  ...costVariations([parsePolicy(HACKBENCH_BASE)]).map(({ parameter, policies }): Variation => {
    const { value } = policySettings(policies[0]!).find(({ name }) => name === `cost.${parameter}`)!;
    return { name: `${parameter} ${value}`, base: `${HACKBENCH_BASE},cost.${parameter}=${value}` };
  }),
];
const stealing = (base: string) => `${base},steal=on`;

/** What the checks want the sign of: each is 1 where stealing changes nothing. */
const HEADLINES = {
  speedup: (base: PolicyRuns, steal: PolicyRuns) => steal.mean('throughput.all') / base.mean('throughput.all'),
  'work ratio': (base: PolicyRuns, steal: PolicyRuns) => workOf(steal) / workOf(base),
  'idle entries ratio': (base: PolicyRuns, steal: PolicyRuns) => idleEntriesOf(steal) / idleEntriesOf(base),
};
const workOf = (runs: PolicyRuns) => runs.mean('busy_ms') / runs.mean('throughput.all');
const idleEntriesOf = (runs: PolicyRuns) => {
  const entries = runs.mean('switches') - runs.mean('switches_voluntary') - runs.mean('switches_involuntary');
  return entries / runs.mean('throughput.all');
};

export const study: Study = {
  columns: [
    { key: 'cpus', title: 'CPUs' },
    { key: 'groups', title: 'groups' },
    { key: 'headline', title: 'effect of stealing on' },
    { key: 'effectPercent', title: 'effect, %' },
    { key: 'leastPercent', title: 'least, %' },
    { key: 'leastWith', title: 'with' },
    { key: 'greatestPercent', title: 'greatest, %' },
    { key: 'greatestWith', title: 'with' },
    { key: 'fragile', title: 'costs that turn it' },
  ],
  runs: CASES.map((of) => ({
    name: keyOf(of),
    scenario: 'hackbench.yaml',
    machine: of.machine,
    workload: `hackbench:groups=${of.groups},loops=0`,
    policies: variations.flatMap(({ base }) => [base, stealing(base)]),
  })),
  rows: (results) =>
    CASES.flatMap((of) =>
      Object.keys(HEADLINES).map((headline) => rowOf(results, of, headline as keyof typeof HEADLINES)),
    ),
};

function rowOf(results: StudyResults, of: Case, headline: keyof typeof HEADLINES): Row {
  const key = keyOf(of);
  const effects = variations.map(({ name, base }) => {
    const ratio = HEADLINES[headline](results.of(key, base), results.of(key, stealing(base)));
    return { name, effect: ratio - 1 };
  });
  const { effect } = effects[0]!;
  const sorted = effects.slice(1).sort((a, b) => a.effect - b.effect);
  const [least, greatest] = [sorted[0]!, sorted.at(-1)!];
  const turned = sorted.filter((v) => Math.sign(v.effect) !== Math.sign(effect));
  const fragile = turned.map((v) => `${v.name} (${percent(v.effect)} %)`).join(', ');
  return {
    cpus: of.cpus,
    groups: of.groups,
    headline,
    effectPercent: rounded(100 * effect),
    leastPercent: rounded(100 * least.effect),
    leastWith: least.name,
    greatestPercent: rounded(100 * greatest.effect),
    greatestWith: greatest.name,
    fragile: turned.length === 0 ? 'none' : `${turned.length} of ${sorted.length}`,
    miss:
      turned.length === 0 ? null : `${of.cpus} CPUs, ${of.groups} groups, ${headline}: check 8: turned by ${fragile}`,
  };
}
