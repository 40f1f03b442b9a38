/** Does SHARED_RUNQ collapse with one group in one LLC, and if so, which rule does it? @spec 20 §9, check 21 */
import { type PolicyRuns, percent, type Row, rounded, type Study } from '../study.ts';

const BASE = 'linux-6.1,idle_governor=menu,costs=milan';
const SHARED = `${BASE},shared_runq=on`;

interface Variant {
  readonly name: string;
  readonly policy: string;
}

const VARIANTS: readonly Variant[] = [
  { name: 'without', policy: BASE },
  { name: 'as posted (v4)', policy: SHARED },
  { name: 'one shard', policy: `${SHARED},shared_runq.shard_size=16` },
  { name: 'a shard for each core', policy: `${SHARED},shared_runq.shard_size=2` },
  { name: 'beyond the head', policy: `${SHARED},shared_runq.head_only=off` },
  { name: 'listed on enqueue only (v1)', policy: `${SHARED},shared_runq.index=enqueue` },
  { name: 'LLC searched after it', policy: `${SHARED},shared_runq.skip_llc=off` },
  { name: 'gated by avg_idle', policy: `${SHARED},shared_runq.gated=on` },
  { name: 'without periodic balance', policy: `${SHARED},periodic=off,nohz=off` },
];

export const study: Study = {
  columns: [
    { key: 'load', title: 'load' },
    { key: 'variant', title: 'SHARED_RUNQ' },
    { key: 'messagesPerSecond', title: 'messages a second' },
    { key: 'toBasePercent', title: 'to without, %' },
    { key: 'busyPercent', title: 'busy, %' },
    { key: 'pulls', title: 'pulls a second' },
    { key: 'lost', title: 'lost a second' },
    { key: 'lockWaitUs', title: 'lock wait, us' },
  ],
  runs: ['collapse', 'lock'].map((name) => ({
    name,
    scenario: `${name}.yaml`,
    policies: VARIANTS.map(({ policy }) => policy),
  })),
  rows: (results) =>
    [
      { load: 'messaging, 1 group', name: 'collapse', cpus: 16 },
      { load: 'schbench -L -m 52 -p 512', name: 'lock', cpus: 36 },
    ].flatMap(({ load, name, cpus }) => {
      const base = results.of(name, BASE).mean('throughput.all');
      return VARIANTS.map(({ name: variant, policy }) => {
        const runs = results.of(name, policy);
        return rowOf(load, variant, runs, base, cpus);
      });
    }),
};

function rowOf(load: string, variant: string, runs: PolicyRuns, base: number, cpus: number): Row {
  const windowMs = runs.mean('window_ms');
  const rate = runs.mean('throughput.all');
  const on = variant !== 'without';
  const perSecond = (figure: string) => (on ? rounded(runs.mean(figure) / (windowMs / 1000)) : null);
  return {
    load,
    variant,
    messagesPerSecond: rounded(rate, 4),
    toBasePercent: percent(rate / base - 1),
    busyPercent: rounded(100 - (100 * runs.mean('idle_ms')) / (windowMs * cpus)),
    pulls: perSecond('shared_runq.pulls'),
    lost: perSecond('shared_runq.lost'),
    lockWaitUs: on
      ? rounded((1000 * runs.mean('shared_runq.lock_wait_ms')) / runs.mean('shared_runq.lock_acquisitions'))
      : null,
  };
}
