/**
 * The figures: their names, units and directions, what exactly they are, and when they are null. `docs/figures.md` is made
 * of this table, and `figures.ts` takes units and directions from it, so the three agree.
 *
 * Names are lower case with the unit last (`makespan_ms`); what a figure is about follows after a dot. Parameters are in
 * braces: {kind} is `all` or the name of a kind of task.
 */
import { MECHANISM_FIGURES } from './mechanism-figures.ts';

/** Whether more of a figure is better; null: it only describes. */
export type Better = 'more' | 'less' | null;

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
  /** Null: not observed. */
  readonly value: number | null;
}

export interface FigureSpec {
  readonly pattern: string;
  readonly unit: string;
  readonly better: Better;
  readonly meaning: string;
  readonly nullWhen: string;
  /** There is one only for what occurred: absent, it is 0 in a run in which this figure is not null. */
  readonly zeroWith?: string;
}

const NO_SWITCHES = 'no switches in the trace';
const NO_WAITS = 'no switches or no wakeups in the trace';
const NO_MIGRATIONS = 'migrations were not recorded';
const NO_PASSES = 'balance passes were not recorded';
const NONE_OBSERVED = 'there is none';

export const FIGURES: readonly FigureSpec[] = [
  {
    pattern: 'window_ms',
    unit: 'ms',
    better: null,
    meaning: 'Time that the figures are about: from the start given (or that of the trace) to the end of the trace.',
    nullWhen: 'never',
  },
  {
    pattern: 'makespan_ms.{kind}',
    unit: 'ms',
    better: 'less',
    meaning:
      'From the birth of the first task of the workload (the start of the trace for tasks older than it) to the exit of the last task of the kind. Not cut by the window.',
    nullWhen: 'a task of the kind has not exited',
  },
  {
    pattern: 'throughput.{kind}',
    unit: 'units/s',
    better: 'more',
    meaning: 'Units of work that the tasks report as done in the window, per second of it.',
    nullWhen: 'no task of the kind reports work',
  },
  {
    pattern: 'request_latency_us.{kind}.{quantile}',
    unit: 'us',
    better: 'less',
    meaning: 'Time of a unit of work from its begin to its end, of those that ended in the window and were timed.',
    nullWhen: NONE_OBSERVED,
  },
  {
    pattern: 'wake_latency_us.{kind}.n',
    unit: 'count',
    better: null,
    meaning: 'Wakeups whose task was switched in during the window: how many values the quantiles are of.',
    nullWhen: NO_WAITS,
  },
  {
    pattern: 'wake_latency_us.{kind}.{quantile}',
    unit: 'us',
    better: 'less',
    meaning:
      'From the wakeup (`sched_wakeup`, `sched_wakeup_new`) of a task that was not on a queue to its being switched in, of those switched in during the window. Moves in between do not interrupt it.',
    nullWhen: NONE_OBSERVED,
  },
  {
    pattern: 'tasks.{kind}',
    unit: 'count',
    better: null,
    meaning: 'Tasks that existed in the window.',
    nullWhen: 'never',
  },
  {
    pattern: 'cpu_ms.{kind}',
    unit: 'ms',
    better: null,
    meaning:
      'CPU time: from being switched in to being switched out, without the newidle balancing done under the name of a task that has gone to sleep.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'cpu_share.{kind}',
    unit: 'ratio',
    better: null,
    meaning: '`cpu_ms` as a share of the time of all CPUs in the window.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'share.{kind}.{rank}',
    unit: 'ratio',
    better: null,
    meaning:
      'Least, middle (the upper one of two) and greatest of the shares of the tasks: CPU time over the time the task existed in the window.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'share_spread.{kind}',
    unit: 'ratio',
    better: 'less',
    meaning: 'Greatest minus least share of a task.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'jain.{kind}',
    unit: 'ratio',
    better: 'more',
    meaning: "Jain's index of the shares, (Σx)² / (n Σx²): 1 if all are equal, 1/n if one has everything.",
    nullWhen: 'no task of the kind ran',
  },
  {
    pattern: 'switches',
    unit: 'count',
    better: null,
    meaning: 'Context switches, to and from the idle task included.',
    nullWhen: NO_SWITCHES,
  },
  { pattern: 'switches_per_s', unit: '/s', better: null, meaning: 'The same per second.', nullWhen: NO_SWITCHES },
  {
    pattern: 'switches_voluntary',
    unit: 'count',
    better: null,
    meaning: 'Switches away from a task that went to sleep or ended.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'switches_involuntary',
    unit: 'count',
    better: null,
    meaning: 'Switches away from a task that could go on: preempted, or it yielded.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'migrations',
    unit: 'count',
    better: null,
    meaning: 'Changes of CPU (`sched_migrate_task`) of tasks of the workload.',
    nullWhen: NO_MIGRATIONS,
  },
  { pattern: 'migrations_per_s', unit: '/s', better: null, meaning: 'The same per second.', nullWhen: NO_MIGRATIONS },
  {
    pattern: 'migrations_by_kind.{task kind}',
    unit: 'count',
    better: null,
    meaning: 'The same by kind of task.',
    nullWhen: NO_MIGRATIONS,
    zeroWith: 'migrations',
  },
  {
    pattern: 'migrations_by_distance.{distance}',
    unit: 'count',
    better: null,
    meaning:
      'The same by the nearest thing that both CPUs share: core (`smt`), last-level cache, node, nothing (`numa`).',
    nullWhen: NO_MIGRATIONS,
    zeroWith: 'migrations',
  },
  {
    pattern: 'migrations_by_cause.{cause}',
    unit: 'count',
    better: null,
    meaning: 'The same by cause; a pull of a balance pass has the level of its domain before it: `MC/newidle`.',
    nullWhen: NO_MIGRATIONS,
    zeroWith: 'migrations',
  },
  {
    pattern: 'wasted_cpu_ms',
    unit: 'ms',
    better: 'less',
    meaning:
      'Integral of V over the window. V is the size of a maximum matching between idle CPUs (online, no task current, no balance pass) and waiting tasks of the fair class, where a task may have the CPUs of its affinity.',
    nullWhen: NO_WAITS,
  },
  {
    pattern: 'wasted_cpu_ms.{distance}',
    unit: 'ms',
    better: 'less',
    meaning:
      'The part of it for which CPUs at this distance from where the tasks wait are needed, and no nearer: the matching with CPUs at most so far away less the one with CPUs nearer. `same` is the CPU a task waits on: it has not been switched in yet.',
    nullWhen: NO_WAITS,
  },
  {
    pattern: 'wasted_ratio',
    unit: 'ratio',
    better: 'less',
    meaning: '`wasted_cpu_ms` / (`wasted_cpu_ms` + `busy_ms`).',
    nullWhen: `${NO_WAITS}, or nothing ran or was wasted`,
  },
  {
    pattern: 'wasted_episodes',
    unit: 'count',
    better: 'less',
    meaning: 'Longest intervals in which a CPU was idle while some waiting task could have run on it; one a CPU.',
    nullWhen: NO_WAITS,
  },
  {
    pattern: 'wasted_episodes.{length}',
    unit: 'count',
    better: 'less',
    meaning: 'The same by length: of this length or more, up to the next. `below_1us` is shorter than all.',
    nullWhen: NO_WAITS,
  },
  {
    pattern: 'violations.{limit}',
    unit: 'count',
    better: 'less',
    meaning:
      'Waits of a task on one queue during which a CPU it may use ran nothing, without a break, for the limit or longer. A balance pass is no break.',
    nullWhen: NO_WAITS,
  },
  {
    pattern: 'busy_ms',
    unit: 'ms',
    better: null,
    meaning: 'CPU time in which a task was current and no balance pass ran; summed over CPUs.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'idle_ms',
    unit: 'ms',
    better: null,
    meaning: 'CPU time in which no task was current and no balance pass ran; summed over CPUs.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'energy',
    unit: 'power s',
    better: 'less',
    meaning:
      'Time in which CPUs were not idle, each weighted with the power of the highest state that the energy model of the machine has for it: frequencies are not simulated. Idle CPUs take nothing. Only where there is a model.',
    nullWhen: NO_SWITCHES,
  },
  {
    pattern: 'balancing_ms',
    unit: 'ms',
    better: 'less',
    meaning:
      'CPU time in which a balance pass ran (from `newidle` to `newidle_ret`, from `lb_enter` to `lb_leave`, on the CPU that executes it); summed over CPUs.',
    nullWhen: NO_PASSES,
  },
  {
    pattern: 'balance_passes',
    unit: 'count',
    better: null,
    meaning: 'Calls of load_balance, of all domains and idle types.',
    nullWhen: NO_PASSES,
  },
  {
    pattern: 'load_balance.{pass}.calls',
    unit: 'count',
    better: null,
    meaning: 'The same by level of the domain and idle type: `MC/newidle`.',
    nullWhen: NO_PASSES,
    zeroWith: 'balance_passes',
  },
  {
    pattern: 'load_balance.{pass}.pulls',
    unit: 'count',
    better: null,
    meaning: 'Those that moved a task.',
    nullWhen: NO_PASSES,
    zeroWith: 'balance_passes',
  },
  {
    pattern: 'load_balance.{pass}.moved',
    unit: 'count',
    better: null,
    meaning: 'Tasks they moved.',
    nullWhen: NO_PASSES,
    zeroWith: 'balance_passes',
  },
  {
    pattern: 'newidle_calls',
    unit: 'count',
    better: null,
    meaning: 'Times that a CPU about to go idle looked for work (the gates included).',
    nullWhen: 'they were not recorded',
  },
  {
    pattern: 'newidle_pulled',
    unit: 'count',
    better: null,
    meaning: 'Tasks it then had: the sum of what newidle balance returned, where positive.',
    nullWhen: 'they were not recorded',
  },
  {
    pattern: 'nohz_kicks',
    unit: 'count',
    better: null,
    meaning: 'Kicks of an idle CPU to balance for others.',
    nullWhen: 'they were not recorded',
  },
  {
    pattern: 'nohz_balances',
    unit: 'count',
    better: null,
    meaning: 'Times that an idle CPU balanced for others, or brought their averages up to date.',
    nullWhen: 'they were not recorded',
  },
  {
    pattern: 'active_balances',
    unit: 'count',
    better: null,
    meaning: 'Times that a stopper ran to push a running task away.',
    nullWhen: 'they were not recorded',
  },
  ...MECHANISM_FIGURES,
  {
    pattern: 'lost_events',
    unit: 'count',
    better: null,
    meaning:
      'Events that the recorder lost in the window (a loss of unknown size counts as one), and switches from a task that was not current. Other figures are only as good as this one is small.',
    nullWhen: 'never',
  },
];

/** What the parameters of the patterns stand for. */
export const PARAMETERS: Readonly<Record<string, string>> = {
  kind: '`all`, or the name of a kind of task; tasks without a kind are not of the workload and in none',
  'task kind': 'the name of a kind of task',
  quantile: '`p50`, `p95`, `p99` or `max`',
  rank: '`min`, `median` or `max`',
  distance: '`same`, `smt`, `llc`, `node` or `numa`',
  cause: 'a cause, or a level of domains, `/` and a cause',
  pass: 'a level of domains, `/` and an idle type (`idle`, `busy`, `newidle`)',
  length: '`below_1us`, `1us`, `10us`, `100us`, `1ms`, `10ms`, `100ms`, `1s` or `10s`',
  limit: '`1ms`, `10ms` or `100ms`',
  level: 'a level of domains: `SMT`, `MC`, ...',
  statistic: '`min`, `median`, `max`, `mean` or `sum`, of tasks',
  counter: 'idle type, `_` and the counter; or a counter of the domain',
  name: 'what a policy file calls it',
};

const VALUES: Readonly<Record<string, string>> = {
  quantile: 'p50|p95|p99|max',
  rank: 'min|median|max',
  distance: 'same|smt|llc|node|numa',
  length: 'below_1us|1us|10us|100us|1ms|10ms|100ms|1s|10s',
  limit: '1ms|10ms|100ms',
};

/** Matches the names that a pattern stands for. */
export function patternMatcher(pattern: string): RegExp {
  const source = pattern
    .split(/\{([^}]*)\}/)
    .map((part, i) => (i % 2 === 0 ? part.replaceAll('.', '\\.') : `(?:${VALUES[part] ?? '.+'})`))
    .join('');
  return new RegExp(`^${source}$`);
}

const MATCHERS = FIGURES.map(({ pattern }) => patternMatcher(pattern));

/** Place of a figure in the table; one past the end for a name that is not in it. */
export function figureIndex(name: string): number {
  const i = MATCHERS.findIndex((matcher) => matcher.test(name));
  return i < 0 ? FIGURES.length : i;
}

/** What the table says of a figure. */
export function figureSpec(name: string): FigureSpec | undefined {
  return FIGURES[figureIndex(name)];
}

/** A list of figures in the making; units and directions come from the table. */
export class FigureList {
  readonly figures: Figure[] = [];

  /** `name` is a pattern, filled in with `parameters` in order. Values that are no number become null. */
  add(pattern: string, value: number | null, ...parameters: string[]): void {
    const spec = SPECS.get(pattern);
    if (spec === undefined) throw new Error(`no figure is called ${pattern}`);
    let i = 0;
    const name = pattern.replace(/\{[^}]*\}/g, () => parameters[i++]!);
    const known = value !== null && Number.isFinite(value) ? value : null;
    this.figures.push({ name, unit: spec.unit, better: spec.better, value: known });
  }
}
const SPECS = new Map(FIGURES.map((spec) => [spec.pattern, spec]));
