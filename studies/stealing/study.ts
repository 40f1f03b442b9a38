/** The hackbench tables of the task stealing series, and what each change of the base costs it. @spec 20 §7, checks 10-15 */
import { type PolicyRuns, percent, type Row, rounded, type Study, type StudyResults } from '../study.ts';
import { HACKBENCH_BASE as BASE } from './base.ts';

const NEW = `${BASE},steal=on`;
const DENSE = `${BASE},steal=on,steal.density=6`;

interface Published {
  readonly groups: number;
  readonly speedupPercent: number;
  readonly basePercentBusy?: number;
  readonly newPercentBusy?: number;
  /** What the check wants of `newPercentBusy` at least. */
  readonly minNewPercentBusy?: number;
  /** `newPercentBusy` / `basePercentBusy` as the check has it. */
  readonly busyRatio?: number;
}

interface Machine {
  readonly name: string;
  readonly cpus: number;
  readonly machine: string;
  /** Checks of the specification that its rows answer. */
  readonly checks: string;
  readonly published: readonly Published[];
  readonly runs: number;
}

function busy(basePercentBusy: number, newPercentBusy: number, minNewPercentBusy: number, busyRatio: number) {
  return { basePercentBusy, newPercentBusy, minNewPercentBusy, busyRatio };
}

const ONE_SOCKET: Machine = {
  name: '20 CPUs',
  cpus: 20,
  machine: 'e5-2630v4',
  checks: 'spec 20 check 10, 11, 12, 13',
  runs: 2,
  published: [
    { groups: 1, speedupPercent: 36.1, ...busy(75.02, 96.8, 94, 1.29) },
    { groups: 2, speedupPercent: 20.9, ...busy(85.33, 99.23, 98, 1.16) },
    { groups: 3, speedupPercent: 15.8, ...busy(89.04, 99.66, 99, 1.12) },
    { groups: 4, speedupPercent: 12.3, ...busy(91.28, 99.8, 99, 1.09) },
    { groups: 8, speedupPercent: 7.6, ...busy(94.86, 99.86, 99, 1.05) },
  ],
};

const speedups = (groups: readonly number[], percents: readonly number[]): Published[] =>
  groups.map((g, i) => ({ groups: g, speedupPercent: percents[i]! }));

const PACKED: Machine = {
  name: '44 CPUs',
  cpus: 44,
  machine: 'pack:1 numa:1 l3:1 core:22 pu:2(indexes=core)',
  checks: 'spec 20 check 13, 14',
  runs: 1,
  published: speedups([1, 2, 3, 4, 8, 16], [-0.3, 33.2, 25.9, 18.3, 9.3, 4.8]),
};

const OTHERS: readonly Machine[] = [
  PACKED,
  {
    name: '40 CPUs, 2 nodes',
    cpus: 40,
    machine: 'pack:2 numa:1 l3:1 core:10 pu:2(indexes=core:pack)',
    checks: 'spec 20 check 13, 15',
    runs: 1,
    published: speedups([1, 2, 3, 4, 8], [10.0, 26.2, 21.4, 14.4, 7.0]),
  },
  {
    name: '88 CPUs, 2 nodes',
    cpus: 88,
    machine: 'pack:2 numa:1 l3:1 core:22 pu:2(indexes=core:pack)',
    checks: 'spec 20 check 13, 15',
    runs: 1,
    published: speedups([1, 2, 3, 4, 8, 16], [-0.3, -18.4, 8.1, 11.7, 3.3, 4.9]),
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
    { key: 'checks', title: 'checks' },
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
    return shaped(rows);
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
    checks: machine.checks,
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
  const miss = (check: string, text: string) => misses.push(`spec 20 check ${check}: ${text}`);
  const { basePercentBusy, minNewPercentBusy, busyRatio, groups } = published;
  if (basePercentBusy !== undefined && minNewPercentBusy !== undefined && busyRatio !== undefined) {
    const distance = 100 * base.busy - basePercentBusy;
    if (Math.abs(distance) > 5) miss('10', `base busy is ${distance.toFixed(1)} points from published`);
    if (100 * stealing.busy < minNewPercentBusy)
      miss('10', `stealing leaves CPUs idle, busy less than ${minNewPercentBusy} %`);
    if (!within(speedupPercent, published.speedupPercent, 1.5)) miss('10', 'speedup by a factor of more than 1.5');
    const excess = stealing.busy / base.busy - busyRatio;
    if (Math.abs(excess) > (busyRatio - 1) / 3) {
      miss(
        '11',
        `busy ratio not ${busyRatio} by more than a third of its excess: the base idles ${distance > 0 ? 'less' : 'more'} than published`,
      );
    }
    if (workRatio >= 1) miss('11', 'a message costs no less CPU time with stealing');
    else if (workRatio < 0.95 || workRatio > 0.98) {
      miss('11', 'work a message outside 0.95 to 0.98: a switch of the base displaces more from caches than ours does');
    }
    const falls = base.idleEntries / base.rate / (stealing.idleEntries / stealing.rate);
    const wanted = groups === 1 ? 6 : 15;
    if (falls < wanted) miss('12', `idle entries fall by less than ${wanted}x`);
    if (stealing.steals / (stealing.steals + stealing.idleEntries) < (groups === 1 ? 0.5 : 0.8)) {
      miss('12', 'fewer steals of idle attempts than published');
    }
    if (groups <= 2 && stealing.findPercent - base.findPercent > 0.4) {
      miss('13', 'finding takes 0.4 points more than in the base');
    }
  } else if (machine === PACKED && groups === 1) {
    if (Math.abs(speedupPercent) > 2) miss('14', 'an effect of more than 2 % where none was published');
  } else if (published.speedupPercent > 2) {
    const check = machine === PACKED ? '14' : '15';
    if (!within(speedupPercent, published.speedupPercent, 2)) miss(check, 'speedup by a factor of more than 2');
  }
  if (Math.max(base.findPercent, stealing.findPercent) > 1) miss('13', 'more than 1 % of the time goes into finding');
  return misses.length === 0 ? null : `${machine.name}, ${groups} groups: ${misses.join('; ')}`;
}

function within(value: number, of: number, factor: number): boolean {
  return value >= of / factor && value <= of * factor;
}

/** Check 10: on the 20 CPUs the speedup falls from row to row. Check 14: on the 44 it is greatest with two groups. */
function shaped(rows: readonly Row[]): Row[] {
  const speedup = (row: Row) => Number(row['speedupPercent']);
  const packed = rows.filter((row) => row['machine'] === PACKED.name);
  const greatest = packed.reduce((best, row) => (speedup(row) > speedup(best) ? row : best));
  return rows.map((row, i) => {
    const before = rows[i - 1];
    const rises =
      row['machine'] === ONE_SOCKET.name && before !== undefined && speedup(row) >= speedup(before)
        ? 'spec 20 check 10: the speedup does not fall'
        : null;
    const misplaced =
      row === greatest && row['groups'] !== 2 ? 'spec 20 check 14: the greatest speedup is not that of 2 groups' : null;
    const text = rises ?? misplaced;
    if (text === null) return row;
    return {
      ...row,
      miss: row.miss == null ? `${row['machine']}, ${row['groups']} groups: ${text}` : `${row.miss}; ${text}`,
    };
  });
}
