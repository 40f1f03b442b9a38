/** The four bugs of "a decade of wasted cores", each with its switch on and off, and none. @spec 23 §2, checks 5-10 */
import { percent, type Row, rounded, type Study, type StudyResults } from '../study.ts';

const MAINLINE = 'linux-6.1';
const with_ = (...changes: readonly string[]) => [MAINLINE, ...changes].join(',');
/** The R processes of `sessions` have run so long when its load begins, ms. */
const LEAD_MS = 500;

interface Case {
  readonly bug: string;
  readonly load: string;
  /** Name of the entry of `runs`. */
  readonly run: string;
  readonly figure: string;
  readonly leadMs?: number;
  readonly buggy: string;
  readonly fixed: string;
  readonly published: string;
  /** `ratio`: time with the bug over time without; `percent`: time saved by the fix. */
  readonly effect: 'ratio' | 'percent';
  readonly check?: { readonly nr: number; readonly min: number; readonly max: number };
  /** What is known of the cause, should the effect be outside. */
  readonly cause?: string;
}

const AVERAGE = with_('fault.group_metric=average');
const MIN = with_('fault.group_metric=min');
const FROM_CPU0 = with_('fault.groups_from_cpu0=on');
const NODE = with_('fault.wakeup_scope=node');
const MACHINE = with_('fault.wakeup_scope=machine_longest_idle');
const NO_NEWIDLE = [
  with_('newidle=off', 'fault.wakeup_scope=node'),
  with_('newidle=off', 'fault.wakeup_scope=machine_longest_idle'),
];
const DROPPED = with_('fault.drop_numa_domains_on_hotplug=on');
const INFINITE = Number.POSITIVE_INFINITY;

const CASES: readonly Case[] = [
  {
    bug: 'group imbalance',
    load: 'make -j64 + 2 R',
    run: 'make',
    figure: 'makespan_ms.make',
    leadMs: LEAD_MS,
    buggy: AVERAGE,
    fixed: MIN,
    published: '13 %',
    effect: 'percent',
    check: { nr: 5, min: 8, max: 18 },
  },
  {
    bug: 'group imbalance',
    load: 'lu, 60 threads + 4 R',
    run: 'lu + R',
    figure: 'makespan_ms.lu',
    leadMs: LEAD_MS,
    buggy: AVERAGE,
    fixed: MIN,
    published: '13x',
    effect: 'ratio',
    check: { nr: 6, min: 5, max: INFINITE },
  },
  {
    bug: 'group construction',
    load: 'ep, 16 threads on nodes 1 and 2',
    run: 'ep 16',
    figure: 'makespan_ms.ep',
    buggy: FROM_CPU0,
    fixed: MAINLINE,
    published: '2.0x',
    effect: 'ratio',
    check: { nr: 7, min: 1.9, max: 2.1 },
  },
  {
    bug: 'group construction',
    load: 'lu, 16 threads on nodes 1 and 2',
    run: 'lu 16',
    figure: 'makespan_ms.lu',
    buggy: FROM_CPU0,
    fixed: MAINLINE,
    published: '27x',
    effect: 'ratio',
    check: { nr: 7, min: 10, max: INFINITE },
  },
  {
    bug: 'overload on wakeup',
    load: 'query of 64 workers',
    run: 'query',
    figure: 'makespan_ms.worker',
    buggy: NODE,
    fixed: MACHINE,
    published: '22.2 %',
    effect: 'percent',
    check: { nr: 8, min: 10, max: 25 },
    cause:
      'newly idle balancing of 6.1 takes the waiting worker across nodes before long, so that little is left to ' +
      'gain; without it (next row) the gain is larger. Lengths of work and sleep of the real workers are not published.',
  },
  {
    bug: 'overload on wakeup',
    load: 'the same without newidle balance',
    run: 'query',
    figure: 'makespan_ms.worker',
    buggy: NO_NEWIDLE[0]!,
    fixed: NO_NEWIDLE[1]!,
    published: '',
    effect: 'percent',
  },
  {
    bug: 'missing domains',
    load: 'ep, 64 threads',
    run: 'ep 64',
    figure: 'makespan_ms.ep',
    buggy: DROPPED,
    fixed: MAINLINE,
    published: '4.0x',
    effect: 'ratio',
    check: { nr: 9, min: 4, max: 8 },
    cause:
      '8x is what 8 cores instead of 64 cost. Threads that are done spin at the barrier and take CPU time from those that ' +
      'are not: the first is done after 36 s, the last after 44.',
  },
  {
    bug: 'missing domains',
    load: 'lu, 64 threads',
    run: 'lu 64',
    figure: 'makespan_ms.lu',
    buggy: DROPPED,
    fixed: MAINLINE,
    published: '138x',
    effect: 'ratio',
    check: { nr: 9, min: 30, max: INFINITE },
  },
];

/** Of `steelyard machine list`; check 10. */
const PRESETS = [
  ...['smp4', 'smp8', 'smp16', 'smt8', 'llc16', 'numa16', 'e5-2630v4', 'epyc-7763', 'biglittle', 'hybrid'],
  'bulldozer64',
];
/** Idle CPUs for 100 ms and more while a task waited, and single waits so long. */
const CONFIRMED = ['wasted_episodes.100ms', 'wasted_episodes.1s', 'wasted_episodes.10s', 'violations.100ms'];

export const study: Study = {
  columns: [
    { key: 'bug', title: 'bug' },
    { key: 'load', title: 'load' },
    { key: 'buggyMs', title: 'with it, ms' },
    { key: 'fixedMs', title: 'without, ms' },
    { key: 'effect', title: 'effect' },
    { key: 'published', title: 'published' },
    { key: 'buggyWastedRatio', title: 'wasted with' },
    { key: 'fixedWastedRatio', title: 'wasted without' },
    { key: 'check', title: 'expected' },
  ],
  runs: [
    { name: 'make', scenario: 'group-imbalance-make.yaml' },
    { name: 'lu + R', scenario: 'group-imbalance-lu.yaml' },
    { name: 'lu 16', scenario: 'group-construction.yaml' },
    { name: 'ep 16', scenario: 'group-construction.yaml', workload: 'ep:threads=16,cpus=8-23' },
    { name: 'query', scenario: 'overload-on-wakeup.yaml', policies: [NODE, MACHINE, ...NO_NEWIDLE] },
    { name: 'lu 64', scenario: 'missing-domains.yaml' },
    { name: 'ep 64', scenario: 'missing-domains.yaml', workload: 'ep:threads=64' },
    ...PRESETS.map((machine) => ({ name: machine, scenario: 'no-fault.yaml', machine })),
  ],
  rows: (results) => [...CASES.map((one) => caseRow(one, results)), mainlineRow(results)],
};

function mainlineRow(results: StudyResults): Row {
  const runs = PRESETS.map((machine) => results.of(machine, MAINLINE));
  const counts = runs.map((run) => CONFIRMED.reduce((n, figure) => n + run.mean(figure), 0));
  const total = counts.reduce((a, b) => a + b, 0);
  const row = {
    bug: 'none',
    load: `runsleep on ${PRESETS.length} machines, 60 s each`,
    buggyMs: '',
    fixedMs: '',
    effect: `${total} violations`,
    published: '',
    buggyWastedRatio: '',
    fixedWastedRatio: rounded(Math.max(...runs.map((run) => run.mean('wasted_ratio')))),
    check: 'spec 23 check 10: none of 100 ms',
  };
  const where = PRESETS.filter((_, i) => counts[i]! > 0).join(', ');
  return total === 0 ? row : { ...row, miss: `mainline has violations of 100 ms on ${where}: the cause is not known.` };
}

function caseRow(one: Case, results: StudyResults): Row {
  const buggy = results.of(one.run, one.buggy);
  const fixed = results.of(one.run, one.fixed);
  const buggyMs = buggy.mean(one.figure) - (one.leadMs ?? 0);
  const fixedMs = fixed.mean(one.figure) - (one.leadMs ?? 0);
  const value = one.effect === 'ratio' ? buggyMs / fixedMs : 100 * (1 - fixedMs / buggyMs);
  const { check } = one;
  const isMissed = check !== undefined && !(value >= check.min && value <= check.max);
  const unit = one.effect === 'ratio' ? 'x' : ' %';
  const row = {
    bug: one.bug,
    load: one.load,
    buggyMs: rounded(buggyMs, 4),
    fixedMs: rounded(fixedMs, 4),
    effect: one.effect === 'ratio' ? `${rounded(value)}x` : `${percent(value / 100)} %`,
    published: one.published,
    buggyWastedRatio: rounded(buggy.mean('wasted_ratio')),
    fixedWastedRatio: rounded(fixed.mean('wasted_ratio')),
    check: check === undefined ? '' : `spec 23 check ${check.nr}: ${rangeText(check.min, check.max)}${unit}`,
  };
  return isMissed ? { ...row, miss: `${one.bug}, ${one.load}: ${one.cause ?? 'the cause is not known.'}` } : row;
}

function rangeText(min: number, max: number): string {
  return max === INFINITE ? `at least ${min}` : `${min} to ${max}`;
}
