/**
 * The figures computed the slow way, from definitions: the state of the machine is written down after each instant, and
 * everything is read from that list of states.
 */

import { cpuDistance, DISTANCE_NAMES } from '../../src/machine/topology.ts';
import { Ev } from '../../src/trace/events.ts';
import { maximumMatching } from '../support/brute-force.ts';
import type { TraceBuilder } from '../support/trace-builder.ts';

/** The machine from `fromNs` to `toNs`. */
interface Span {
  readonly fromNs: number;
  readonly toNs: number;
  readonly current: readonly number[];
  readonly balances: readonly boolean[];
  readonly newidle: readonly boolean[];
  /** Fair tasks that wait. */
  readonly waiting: readonly { task: number; cpu: number; allowed: readonly number[] }[];
}

interface Wait {
  readonly task: number;
  readonly cpu: number;
  readonly allowed: readonly number[];
  readonly fromNs: number;
  toNs: number;
}

export function naiveFigures(t: TraceBuilder, fromNs: number): Record<string, number | null> {
  const { topology, tasks, masks, initialCurrent } = t.tables;
  const n = topology.nrCpus;
  const everywhere = Array.from({ length: n }, (_, cpu) => cpu);
  const endNs = Math.max(t.endNs, t.events.at(-1)?.timeNs ?? 0);
  const inWindow = (timeNs: number) => timeNs >= fromNs;
  const ms = (ns: number) => ns / 1e6;

  const current = [...initialCurrent!];
  const lb = new Array<boolean>(n).fill(false);
  const newidle = new Array<boolean>(n).fill(false);
  const queued = new Map<number, number>();
  const rt = new Set<number>();
  const allowed = new Map<number, readonly number[]>();
  tasks.forEach((task, id) => {
    if (task.kthread) allowed.set(id, [1]);
  });
  const woken = new Map<number, number>();
  const born = new Map<number, number>();
  const exited = new Map<number, number>();
  const mentioned = new Set<number>(current.filter((task) => task >= 0));
  const latencies: { kind: string; ns: number }[] = [];
  const counts: Record<string, number> = {};
  const count = (name: string, by = 1) => {
    counts[name] = (counts[name] ?? 0) + by;
  };
  const seen = new Set<number>();
  const spans: Span[] = [];
  const waits: Wait[] = [];
  const open = new Map<number, Wait>();
  const endWait = (task: number, now: number) => {
    const wait = open.get(task);
    if (wait !== undefined) wait.toNs = now;
    open.delete(task);
  };
  const beginWait = (task: number, cpu: number, now: number) => {
    queued.set(task, cpu);
    if (rt.has(task)) return;
    const wait = { task, cpu, allowed: allowed.get(task) ?? everywhere, fromNs: now, toNs: endNs };
    waits.push(wait);
    open.set(task, wait);
  };

  let lastNs = 0;
  const snapshot = (toNs: number) => {
    if (toNs === lastNs) return;
    const waiting = [...queued]
      .filter(([task]) => !rt.has(task))
      .map(([task, cpu]) => ({ task, cpu, allowed: allowed.get(task) ?? everywhere }));
    const balances = lb.map((is, cpu) => is || newidle[cpu]!);
    const whole = { current: [...current], balances, newidle: [...newidle], waiting };
    if (lastNs < fromNs && toNs > fromNs) {
      spans.push({ fromNs: lastNs, toNs: fromNs, ...whole }, { fromNs, toNs, ...whole });
    } else {
      spans.push({ fromNs: lastNs, toNs, ...whole });
    }
    lastNs = toNs;
  };

  for (const { kind, timeNs, cpu, task, args } of t.events) {
    snapshot(timeNs);
    seen.add(kind);
    if (task >= 0) mentioned.add(task);
    const live = inWindow(timeNs);
    switch (kind) {
      case Ev.SCHED_SWITCH: {
        const next = args[0]!;
        lb[cpu] = newidle[cpu] = false;
        if (task >= 0) {
          if (args[1] === 0) beginWait(task, cpu, timeNs);
          if (live) count(args[1] === 0 ? 'switches_involuntary' : 'switches_voluntary');
        }
        if (next >= 0) {
          mentioned.add(next);
          if (args[3]! < 100) rt.add(next);
          endWait(next, timeNs);
          queued.delete(next);
          const since = woken.get(next);
          woken.delete(next);
          const name = tasks[next]!.kind;
          if (since !== undefined && live && name !== '') latencies.push({ kind: name, ns: timeNs - since });
        }
        current[cpu] = next;
        if (live) count('switches');
        break;
      }
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        if (args[1]! < 100) rt.add(task);
        woken.set(task, timeNs);
        beginWait(task, args[0]!, timeNs);
        break;
      case Ev.SCHED_MIGRATE_TASK:
        endWait(task, timeNs);
        beginWait(task, args[1]!, timeNs);
        if (live && tasks[task]!.kind !== '') {
          count('migrations');
          count(`migrations_by_distance.${DISTANCE_NAMES[cpuDistance(topology, args[0]!, args[1]!)]}`);
        }
        break;
      case Ev.SCHED_PROCESS_FORK:
        born.set(args[0]!, timeNs);
        break;
      case Ev.SCHED_PROCESS_EXIT:
        exited.set(task, timeNs);
        break;
      case Ev.AFFINITY: {
        allowed.set(task, masks[args[0]!]!);
        const on = queued.get(task);
        if (on === undefined) break;
        endWait(task, timeNs);
        beginWait(task, on, timeNs);
        break;
      }
      case Ev.LB_ENTER:
        lb[cpu] = true;
        if (live) count('balance_passes');
        break;
      case Ev.LB_LEAVE:
        lb[cpu] = false;
        break;
      case Ev.NEWIDLE:
        newidle[cpu] = true;
        if (live) count('newidle_calls');
        break;
      case Ev.NEWIDLE_RET:
        newidle[cpu] = false;
        if (live) count('newidle_pulled', Math.max(0, args[0]!));
        break;
    }
  }
  snapshot(endNs);

  const window = spans.filter((span) => span.fromNs >= fromNs);
  const length = (span: Span) => span.toNs - span.fromNs;
  const isIdle = (span: Span, cpu: number) => span.current[cpu]! < 0 && !span.balances[cpu];
  const sum = (of: (span: Span) => number) => window.reduce((total, span) => total + of(span) * length(span), 0);
  const countCpus = (is: (span: Span, cpu: number) => boolean) => (span: Span) =>
    everywhere.filter((cpu) => is(span, cpu)).length;

  const out: Record<string, number | null> = { window_ms: ms(endNs - fromNs), ...counts };
  const switches = seen.has(Ev.SCHED_SWITCH);
  const hasWaits = switches && (seen.has(Ev.SCHED_WAKEUP) || seen.has(Ev.SCHED_WAKEUP_NEW));
  if (switches) {
    out.idle_ms = ms(sum(countCpus(isIdle)));
    out.busy_ms = ms(sum(countCpus((span, cpu) => span.current[cpu]! >= 0 && !span.balances[cpu])));
  }
  if (seen.has(Ev.LB_ENTER) || seen.has(Ev.NEWIDLE)) {
    out.balancing_ms = ms(sum(countCpus((span, cpu) => span.balances[cpu]!)));
  }
  if (hasWaits) {
    const within = DISTANCE_NAMES.map((_, d) =>
      sum((span) =>
        maximumMatching(
          span.waiting.map((w) => w.allowed.filter((c) => isIdle(span, c) && cpuDistance(topology, w.cpu, c) <= d)),
        ),
      ),
    );
    out.wasted_cpu_ms = ms(within.at(-1)!);
    DISTANCE_NAMES.forEach((name, d) => {
      out[`wasted_cpu_ms.${name}`] = ms(within[d]! - (within[d - 1] ?? 0));
    });
    const hasEdge = (span: Span, cpu: number) => isIdle(span, cpu) && span.waiting.some((w) => w.allowed.includes(cpu));
    const episodes = everywhere.flatMap((cpu) => runs(window, (span) => hasEdge(span, cpu)));
    out.wasted_episodes = episodes.length;
    const bounds = [0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, Number.POSITIVE_INFINITY];
    ['below_1us', '1us', '10us', '100us', '1ms', '10ms', '100ms', '1s', '10s'].forEach((name, i) => {
      const inClass = ([from, to]: [number, number]) => to - from >= bounds[i]! && to - from < bounds[i + 1]!;
      out[`wasted_episodes.${name}`] = episodes.filter(inClass).length;
    });
    const empty = everywhere.map((cpu) => runs(spans, (span) => span.current[cpu]! < 0));
    [1e6, 1e7, 1e8].forEach((limit, i) => {
      out[`violations.${['1ms', '10ms', '100ms'][i]}`] = waits.filter((wait) =>
        wait.allowed.some((cpu) =>
          empty[cpu]!.some(([from, to]) => Math.min(to, wait.toNs) - Math.max(from, wait.fromNs, fromNs) >= limit),
        ),
      ).length;
    });
  }

  const kinds = [...new Set([...mentioned].map((task) => tasks[task]!.kind))].filter((kind) => kind !== '');
  for (const name of ['all', ...kinds]) {
    const isOf = (kind: string) => (name === 'all' ? kind !== '' : kind === name);
    const members = [...mentioned].filter((task) => isOf(tasks[task]!.kind));
    const sorted = latencies
      .filter((l) => isOf(l.kind))
      .map((l) => l.ns)
      .toSorted((a, b) => a - b);
    if (hasWaits) out[`wake_latency_us.${name}.n`] = sorted.length;
    for (const [rank, p] of [
      ['p50', 0.5],
      ['p95', 0.95],
      ['p99', 0.99],
      ['max', 1],
    ] as const) {
      const i = Math.min(sorted.length - 1, Math.floor(p * sorted.length));
      out[`wake_latency_us.${name}.${rank}`] = sorted.length === 0 ? null : sorted[i]! / 1e3;
    }
    const cpuNs = (task: number) =>
      sum((span) => everywhere.filter((cpu) => span.current[cpu] === task && !span.newidle[cpu]).length);
    if (switches) out[`cpu_ms.${name}`] = ms(members.reduce((total, task) => total + cpuNs(task), 0));
    const shares = members
      .map((task) => ({
        used: cpuNs(task),
        existed: Math.min(exited.get(task) ?? endNs, endNs) - Math.max(born.get(task) ?? 0, fromNs),
      }))
      .filter(({ existed }) => existed > 0)
      .map(({ used, existed }) => Math.min(1, used / existed));
    out[`tasks.${name}`] = shares.length;
    const squares = shares.reduce((total, x) => total + x * x, 0);
    if (switches) {
      out[`jain.${name}`] = squares === 0 ? null : shares.reduce((a, b) => a + b, 0) ** 2 / (shares.length * squares);
    }
    const allGone = members.length > 0 && members.every((task) => exited.has(task));
    const all = [...mentioned].filter((task) => tasks[task]!.kind !== '');
    const first = Math.min(...all.map((task) => born.get(task) ?? 0));
    out[`makespan_ms.${name}`] = allGone ? ms(Math.max(...members.map((task) => exited.get(task)!)) - first) : null;
  }
  return out;
}

/** The longest intervals of spans in which something is so. */
function runs(spans: readonly Span[], is: (span: Span) => boolean): [fromNs: number, toNs: number][] {
  const out: [number, number][] = [];
  for (const span of spans) {
    if (!is(span)) continue;
    const last = out.at(-1);
    if (last !== undefined && last[1] === span.fromNs) last[1] = span.toNs;
    else out.push([span.fromNs, span.toNs]);
  }
  return out;
}
