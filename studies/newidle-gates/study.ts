/** The tug-of-war of newidle balance: each gate on the loads that moved it, with and without stealing. @spec 22 §4, checks 9-10 */
import { type PolicyRuns, percent, type Row, rounded, type Study } from '../study.ts';

interface Gate {
  readonly name: string;
  readonly settings: string;
}

const GATES: readonly Gate[] = [
  { name: 'migration_cost (up to 5.15)', settings: 'newidle.gate=migration_cost,NO_NI_RANDOM' },
  { name: 'domain_cost (5.16)', settings: 'NO_NI_RANDOM' },
  { name: 'cost bump (6.17)', settings: 'NO_NI_RANDOM,newidle.cost_bump=on' },
  { name: 'NI_RANDOM (6.19)', settings: 'NI_RANDOM' },
  { name: 'NI_RANDOM, NI_RATE (7.0)', settings: 'NI_RANDOM,NI_RATE' },
  { name: 'none', settings: 'newidle.gate=none,NO_NI_RANDOM' },
  { name: 'newidle off', settings: 'newidle=off' },
];
const [MIGRATION_COST, DOMAIN_COST, COST_BUMP, NI_RANDOM] = GATES as [Gate, Gate, Gate, Gate];

interface Load {
  readonly name: string;
  readonly scenario: string;
  readonly cpus: number;
  readonly costs: string;
}

const STORM: Load = { name: 'wakeup storm', scenario: 'storm.yaml', cpus: 112, costs: 'spr' };
const SHELL: Load = { name: 'shell scripts', scenario: 'shell.yaml', cpus: 64, costs: 'icx' };
const HACKBENCH: Load = { name: 'hackbench', scenario: 'hackbench.yaml', cpus: 20, costs: 'bdw18' };
const LOADS = [STORM, SHELL, HACKBENCH];

const policyOf = (load: Load, gate: Gate, steal: boolean) =>
  `linux-6.1,${gate.settings},idle_governor=menu,costs=${load.costs}${steal ? ',steal=on' : ''}`;

export const study: Study = {
  columns: [
    { key: 'load', title: 'load' },
    { key: 'gate', title: 'gate' },
    { key: 'perSecond', title: 'done a second' },
    { key: 'toDomainCostPercent', title: 'to domain_cost, %' },
    { key: 'attemptsPerSecond', title: 'newidle passes a second' },
    { key: 'newidlePercent', title: 'balancing, % of CPU time' },
    { key: 'withStealingPercent', title: 'stealing adds, %' },
  ],
  runs: LOADS.map((load) => ({
    name: load.name,
    scenario: load.scenario,
    policies: GATES.flatMap((gate) => [policyOf(load, gate, false), policyOf(load, gate, true)]),
  })),
  rows: (results) =>
    LOADS.flatMap((load) => {
      const of = (gate: Gate, steal = false) => measured(results.of(load.name, policyOf(load, gate, steal)), load.cpus);
      return GATES.map((gate): Row => {
        const { rate, attempts, share } = of(gate);
        return {
          load: load.name,
          gate: gate.name,
          perSecond: rounded(rate, 4),
          toDomainCostPercent: percent(rate / of(DOMAIN_COST).rate - 1),
          attemptsPerSecond: rounded(attempts),
          newidlePercent: rounded(share),
          withStealingPercent: percent(of(gate, true).rate / rate - 1),
          miss: missOf(load, gate, of),
        };
      });
    }),
};

interface Measured {
  readonly rate: number;
  /** Newidle passes a second. */
  readonly attempts: number;
  /** Of CPU time, %. */
  readonly share: number;
}

function measured(runs: PolicyRuns, cpus: number): Measured {
  const windowMs = runs.mean('window_ms');
  const names = new Set(runs.results.flatMap(({ figures }) => figures.map(({ name }) => name)));
  const passes = [...names].filter((name) => /^load_balance\..*\/newidle\.calls$/.test(name));
  // A run without passes at a level has no figure for it: none.
  const calls = runs.results.map(({ figures }) =>
    figures.reduce((sum, { name, value }) => sum + (passes.includes(name) ? (value ?? 0) : 0), 0),
  );
  return {
    rate: runs.mean('throughput.all'),
    attempts: calls.reduce((a, b) => a + b, 0) / calls.length / (windowMs / 1000),
    share: (100 * runs.mean('balancing_ms')) / (windowMs * cpus),
  };
}

function missOf(load: Load, gate: Gate, of: (gate: Gate) => Measured): string | null {
  const misses: string[] = [];
  if (load === STORM && gate === DOMAIN_COST) {
    const ratio = of(MIGRATION_COST).rate / of(DOMAIN_COST).rate;
    if (Math.abs(ratio - 1.6) > 0.3) {
      misses.push(
        `check 9: migration_cost does ${ratio.toFixed(2)}x as much as domain_cost, not 1.6x: our message threads are the ` +
          'bottleneck (1 us and a wakeup for each worker), so that what workers lose in newidle balance hardly shows',
      );
    }
    const attempts = of(DOMAIN_COST).attempts / of(MIGRATION_COST).attempts;
    if (attempts < 50) misses.push(`check 9: ${attempts.toFixed(0)}x the attempts, not 50x or more`);
    const { share } = of(DOMAIN_COST);
    if (share < 10 || share > 30)
      misses.push(`check 9: newidle takes ${share.toFixed(0)} % of CPU time, not about 20 %`);
  }
  if (load === STORM && gate === NI_RANDOM) {
    const recovered = (of(NI_RANDOM).rate - of(DOMAIN_COST).rate) / (of(MIGRATION_COST).rate - of(DOMAIN_COST).rate);
    if (recovered < 0.6)
      misses.push(`check 9: NI_RANDOM recovers ${(100 * recovered).toFixed(0)} % of the loss, not 60 %`);
  }
  if (load === SHELL && gate === COST_BUMP) {
    const lost = 100 * (1 - of(COST_BUMP).rate / of(DOMAIN_COST).rate);
    if (lost < 15 || lost > 25) {
      misses.push(
        `check 10: the cost bump loses ${lost.toFixed(1)} %, not 15 to 25 %: scripts that keep all CPUs busy have their ` +
          'children placed at fork and exec, and nothing is left for newidle balance to do; lengths of the real commands ' +
          'are not published',
      );
    }
  }
  if (load === SHELL && gate === NI_RANDOM) {
    const lost = 100 * Math.abs(1 - of(NI_RANDOM).rate / of(DOMAIN_COST).rate);
    if (lost > 3) misses.push(`check 10: NI_RANDOM is ${lost.toFixed(1)} % from domain_cost, not within 3 %`);
  }
  return misses.length === 0 ? null : `${load.name}, ${gate.name}: ${misses.join('; ')}`;
}
