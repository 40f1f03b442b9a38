/** The hackbench tables of the task stealing series, and what each change of the base costs it. @spec 20 §7, checks 10-15 */
import { type PolicyRuns, percent, type Row, rounded, type Study, type StudyResults } from '../study.ts';
import { LINUX_4_20 } from './base.ts';

/** With the author's wakeup granularity of 15 ms: 3750 us before scaling by CPUs. */
const BASE = [
  LINUX_4_20,
  'wakeup_granularity=3750us',
  'idle_governor=menu',
  // Seeds differ in the phases of ticks and domains; hackbench itself draws no random numbers.
  'start_state=random',
  'costs=bdw18',
  // Fitted to CPU time a message of the base with one group, 3.03 us, and to nothing else.
  'cost.smt_factor=1',
  'cost.working_set=128kb',
].join(',');
const NEW = `${BASE},steal=on`;
const DENSE = `${BASE},steal=on,steal.density=6`;

interface Published {
  readonly groups: number;
  readonly speedupPercent: number;
  readonly basePercentBusy?: number;
  readonly newPercentBusy?: number;
}

interface Machine {
  readonly name: string;
  readonly cpus: number;
  readonly machine: string;
  readonly published: readonly Published[];
  readonly runs: number;
}

const ONE_SOCKET: Machine = {
  name: '20 CPUs',
  cpus: 20,
  machine: 'e5-2630v4',
  runs: 2,
  published: [
    { groups: 1, speedupPercent: 36.1, basePercentBusy: 75.02, newPercentBusy: 96.8 },
    { groups: 2, speedupPercent: 20.9, basePercentBusy: 85.33, newPercentBusy: 99.23 },
    { groups: 3, speedupPercent: 15.8, basePercentBusy: 89.04, newPercentBusy: 99.66 },
    { groups: 4, speedupPercent: 12.3, basePercentBusy: 91.28, newPercentBusy: 99.8 },
    { groups: 8, speedupPercent: 7.6, basePercentBusy: 94.86, newPercentBusy: 99.86 },
  ],
};

const speedups = (groups: readonly number[], percents: readonly number[]): Published[] =>
  groups.map((g, i) => ({ groups: g, speedupPercent: percents[i]! }));

const OTHERS: readonly Machine[] = [
  {
    name: '44 CPUs',
    cpus: 44,
    machine: 'pack:1 numa:1 l3:1 core:22 pu:2(indexes=core)',
    runs: 1,
    published: speedups([1, 2, 3, 4, 8], [-0.3, 33.2, 25.9, 18.3, 9.3]),
  },
  {
    name: '40 CPUs, 2 nodes',
    cpus: 40,
    machine: 'pack:2 numa:1 l3:1 core:10 pu:2(indexes=core:pack)',
    runs: 1,
    published: speedups([1, 2, 3, 4, 8], [10.0, 26.2, 21.4, 14.4, 7.0]),
  },
  {
    name: '88 CPUs, 2 nodes',
    cpus: 88,
    machine: 'pack:2 numa:1 l3:1 core:22 pu:2(indexes=core:pack)',
    runs: 1,
    published: speedups([1, 2, 3, 4, 8], [-0.3, -18.4, 8.1, 11.7, 3.3]),
  },
];

const MACHINES = [ONE_SOCKET, ...OTHERS];
const keyOf = (machine: Machine, groups: number) => `${machine.name}/${groups}`;

export const study: Study = {
  columns: [
    { key: 'machine', title: 'machine' },
    { key: 'groups', title: 'groups' },
    { key: 'basePercentBusy', title: 'base busy, %' },
    { key: 'newPercentBusy', title: 'stealing busy, %' },
    { key: 'publishedBusy', title: 'published busy, %' },
    { key: 'speedupPercent', title: 'speedup, %' },
    { key: 'published', title: 'published, %' },
    { key: 'busyRatio', title: 'busy ratio' },
    { key: 'workRatio', title: 'work ratio' },
    { key: 'idleEntriesRatio', title: 'idle entries base/stealing' },
    { key: 'stealsPerIdleAttempt', title: 'steals of idle attempts' },
    { key: 'baseFindPercent', title: 'base find, %' },
    { key: 'newFindPercent', title: 'stealing find, %' },
    { key: 'denseSpeedupPercent', title: 'dense mask speedup, %' },
  ],
  runs: MACHINES.flatMap((machine) =>
    machine.published.map(({ groups }) => ({
      name: keyOf(machine, groups),
      scenario: 'hackbench.yaml',
      machine: machine.machine,
      workload: `hackbench:groups=${groups},loops=0`,
      runs: machine.runs,
      ...(machine === ONE_SOCKET ? {} : { duration: '400ms' }),
      policies: machine === ONE_SOCKET ? [BASE, NEW, DENSE] : [BASE, NEW],
    })),
  ),
  rows: (results) => {
    const rows = MACHINES.flatMap((machine) => machine.published.map((of) => rowOf(results, machine, of)));
    return strictlyFalling(rows);
  },
};

interface Measured {
  readonly rate: number;
  readonly busy: number;
  readonly idleEntries: number;
  readonly steals: number;
  readonly findPercent: number;
}

function measured(runs: PolicyRuns, cpus: number, steals: boolean): Measured {
  const capacityMs = runs.mean('window_ms') * cpus;
  const entries = runs.mean('switches') - runs.mean('switches_voluntary') - runs.mean('switches_involuntary');
  const find = runs.mean('wakeup_search_ms') + (steals ? runs.mean('steal.find_ms') : 0);
  return {
    rate: runs.mean('throughput.all'),
    busy: 1 - runs.mean('idle_ms') / capacityMs,
    idleEntries: entries,
    steals: steals ? runs.mean('steal.steals') : 0,
    findPercent: (100 * find) / capacityMs,
  };
}

function rowOf(results: StudyResults, machine: Machine, published: Published): Row {
  const { groups } = published;
  const key = keyOf(machine, groups);
  const base = measured(results.of(key, BASE), machine.cpus, false);
  const stealing = measured(results.of(key, NEW), machine.cpus, true);
  const speedup = stealing.rate / base.rate;
  const busyRatio = stealing.busy / base.busy;
  const row: Row = {
    machine: machine.name,
    groups,
    basePercentBusy: rounded(100 * base.busy),
    newPercentBusy: rounded(100 * stealing.busy),
    publishedBusy:
      published.basePercentBusy === undefined ? '' : `${published.basePercentBusy} / ${published.newPercentBusy}`,
    speedupPercent: percent(speedup - 1),
    published: published.speedupPercent,
    busyRatio: rounded(busyRatio),
    // Work is CPU time a message, so that speedup = busy ratio / work ratio is bookkeeping (check 11).
    workRatio: rounded(busyRatio / speedup),
    idleEntriesRatio: rounded(base.idleEntries / base.rate / (stealing.idleEntries / stealing.rate)),
    stealsPerIdleAttempt: rounded(stealing.steals / (stealing.steals + stealing.idleEntries)),
    baseFindPercent: rounded(base.findPercent, 2),
    newFindPercent: rounded(stealing.findPercent, 2),
    denseSpeedupPercent:
      machine === ONE_SOCKET ? percent(results.of(key, DENSE).mean('throughput.all') / base.rate - 1) : '',
  };
  return { ...row, miss: missOf(machine, published, base, stealing, 100 * (speedup - 1), busyRatio / speedup) };
}

/** What the checks of spec 20 want, and where a row falls short of it. */
function missOf(
  machine: Machine,
  published: Published,
  base: Measured,
  stealing: Measured,
  speedupPercent: number,
  workRatio: number,
): string | null {
  const misses: string[] = [];
  const { basePercentBusy, newPercentBusy, groups } = published;
  if (basePercentBusy !== undefined && newPercentBusy !== undefined) {
    const distance = 100 * base.busy - basePercentBusy;
    if (Math.abs(distance) > 5) misses.push(`check 10: base busy is ${distance.toFixed(1)} points from published`);
    if (100 * stealing.busy < Math.min(99, newPercentBusy - 2)) misses.push('check 10: stealing leaves CPUs idle');
    if (!within(speedupPercent, published.speedupPercent, 1.5))
      misses.push('check 10: speedup by a factor of more than 1.5');
    if (workRatio >= 1) misses.push('check 11: a message costs no less CPU time with stealing');
    else if (workRatio < 0.95 || workRatio > 0.98) {
      misses.push(
        'check 11: work a message outside 0.95 to 0.98: a switch of the base displaces more from caches than ours does',
      );
    }
    const falls = base.idleEntries / base.rate / (stealing.idleEntries / stealing.rate);
    const wanted = groups === 1 ? 6 : 15;
    if (falls < wanted) misses.push(`check 12: idle entries fall by less than ${wanted}x`);
    if (stealing.steals / (stealing.steals + stealing.idleEntries) < (groups === 1 ? 0.5 : 0.8)) {
      misses.push('check 12: fewer steals of idle attempts than published');
    }
    if (stealing.findPercent > 1) misses.push('check 13: more than 1 % of the time goes into finding');
    if (groups <= 2 && stealing.findPercent - base.findPercent > 0.4) {
      misses.push('check 13: finding takes 0.4 points more than in the base');
    }
  } else if (machine.name === '44 CPUs' && groups === 1) {
    if (Math.abs(speedupPercent) > 2) misses.push('check 14: an effect of more than 2 % where none was published');
  } else if (published.speedupPercent > 2) {
    if (!within(speedupPercent, published.speedupPercent, 2))
      misses.push('checks 14-15: speedup by a factor of more than 2');
  }
  return misses.length === 0 ? null : `${machine.name}, ${groups} groups: ${misses.join('; ')}`;
}

function within(value: number, of: number, factor: number): boolean {
  return value >= of / factor && value <= of * factor;
}

/** Check 10: on the 20 CPUs the speedup falls from row to row. */
function strictlyFalling(rows: readonly Row[]): Row[] {
  return rows.map((row, i) => {
    const before = rows[i - 1];
    if (row['machine'] !== ONE_SOCKET.name || before === undefined) return row;
    if (Number(row['speedupPercent']) < Number(before['speedupPercent'])) return row;
    const miss = `20 CPUs, ${row['groups']} groups: check 10: the speedup does not fall`;
    return { ...row, miss: row.miss === null ? miss : `${row.miss}; ${miss}` };
  });
}
