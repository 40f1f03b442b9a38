/**
 * The simulator's own tables, used as the scratch state of exact comparisons: a row for each task of a trace, the root
 * runqueue of each CPU. So what is compared is the code that simulates, on the state it works on, and not a copy of it.
 * The price is that of the tables: a simulation that was going on in the thread can not go on after this.
 */
import { kernelConfig, parsePolicy } from '../../balance/policy.ts';
import type { Topology } from '../../machine/topology.ts';
import * as avg from '../../sched/averages.ts';
import {
  AVG_SE,
  LAST_UPDATE,
  LOAD_SUM,
  PERIOD_CONTRIB,
  RUNNABLE_SUM,
  SUM_ROW,
  UTIL_SUM,
} from '../../sched/averages.ts';
import { buildDomains } from '../../sched/build-domains.ts';
import * as se from '../../sched/entity.ts';
import { initKernel, k } from '../../sched/kernel.ts';
import { TaskGroups } from '../../sched/task-groups.ts';
import * as tasks from '../../sched/tasks.ts';
import { Class } from '../../sched/tasks.ts';
import {
  INVERSE_IDLEPRIO,
  inverseOf,
  inverseOfNice,
  WEIGHT_SCALED_IDLEPRIO,
  weightOfNice,
} from '../../sched/weight.ts';
import { Recorder } from '../../trace/recorder.ts';

/** The row of a trace's task; the rows before are those of idle tasks and stoppers. */
export function entityOf(task: number): number {
  return 2 * k.nrCpus + task;
}

/** Tables as they are before a machine boots. */
export function resetKernel(topology: Topology, preset = 'linux-6.1'): void {
  const config = kernelConfig(parsePolicy(preset), 1);
  const recorder = new Recorder(topology, preset, config.tunables.hz, null, []);
  initKernel(topology, buildDomains(topology), config, recorder, new TaskGroups([]));
}

/** A task of the trace is mentioned for the first time: its row, and those of the tasks before it. */
export function useEntity(e: number): void {
  for (let i = k.nrTasks; i <= e; i++) {
    tasks.use(i + 1);
    se.use(i + 1);
    avg.clearRows(AVG_SE + i, 1);
    tasks.schedClass[i] = Class.FAIR;
  }
  if (e >= k.nrTasks) k.nrTasks = e + 1;
}

/** Scaled weights of tasks, and their inverses; one that is not in the table is computed. @spec 02 §2 */
const INVERSES = new Map<number, number>([[WEIGHT_SCALED_IDLEPRIO, INVERSE_IDLEPRIO]]);
for (let nice = -20; nice < 20; nice++) INVERSES.set(weightOfNice(nice), inverseOfNice(nice));

export function inverseOfWeight(weight: number): number {
  return INVERSES.get(weight) ?? inverseOf(weight);
}

/** The weight by a priority as traces show it: 120 + nice. 0 for a priority that is not of CFS. @spec 08 §1 */
export function weightOfPrio(prio: number): number {
  return prio >= 100 && prio < 140 ? weightOfNice(prio - 120) : 0;
}

export function setWeight(e: number, weight: number): void {
  se.weight[e] = weight;
  se.inverse[e] = inverseOfWeight(weight);
}

/** Fields of an average in the order in which probes tell them. */
export const AVERAGE_FIELDS = ['lut', 'ls', 'rs', 'us', 'pc', 'la', 'ra', 'ua'] as const;
const SUM_FIELDS = [LAST_UPDATE, LOAD_SUM, RUNNABLE_SUM, UTIL_SUM, PERIOD_CONTRIB] as const;
const AVERAGES = [avg.loadAvg, avg.runnableAvg, avg.utilAvg] as const;
const NR_SUMS = SUM_FIELDS.length;

/** Field `f` of average `i`. */
export function averageField(i: number, f: number): number {
  return f < NR_SUMS ? avg.sums[i * SUM_ROW + SUM_FIELDS[f]!]! : AVERAGES[f - NR_SUMS]![i]!;
}

/** Puts what an event tells, from its argument `first` on, into average `i`. */
export function putAverage(i: number, args: Float64Array, first: number): void {
  SUM_FIELDS.forEach((field, f) => {
    avg.sums[i * SUM_ROW + field] = args[first + f]!;
  });
  AVERAGES.forEach((column, f) => {
    column[i] = args[first + NR_SUMS + f]!;
  });
}

/**
 * `on_rq` of `pelt_se`: the probe reads a word, in which EEVDF's kernel has three marks, a byte each: it is queued, it sleeps
 * there, its deadline is relative.
 */
export function queueMarks(onRq: number): { queued: boolean; delayed: boolean; relativeDeadline: boolean } {
  const byte = (n: number) => Math.floor(onRq / 2 ** (8 * n)) % 256 !== 0;
  return { queued: byte(0), delayed: byte(1), relativeDeadline: byte(2) };
}
