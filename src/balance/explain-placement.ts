/**
 * The decision record of a placement: the CPUs that were looked at, the rule that chose, and the idle CPUs that were not
 * looked at when a busy one was chosen. @spec 23 §5.2
 */
import { decide, fact, lookedAt } from '../sched/decide.ts';
import { Wake } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { allowed, freeCpu } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { DecisionKind, Reason } from '../trace/decisions.ts';

/** The rule that has chosen, so far. */
let why = '';
/** CPUs looked at, so far. */
const cpus = new Set<number>();

/** The CPU, chosen by this rule. */
export function because(cpu: number, rule: string): number {
  why = rule;
  return cpu;
}

/** The search for an idle CPU looks at this one. */
export function scanned(cpu: number): void {
  cpus.add(cpu);
}

/** The task goes to `chosen`. It is about to be enqueued, and is not yet. */
export function decidePlacement(task: number, prev: number, chosen: number, flags: number): void {
  if (cpus.size > 0) lookedAt('scanned', cpus);
  if (k.inInterrupt) fact('in_interrupt', 1);
  let reason: Reason = Reason.NONE;
  if (!freeCpu(chosen)) {
    fact('nr_running', rq.nrRunning[chosen]!);
    if (noteIdleElsewhere(task, chosen)) reason = Reason.OUT_OF_SCOPE;
  }
  cpus.clear();
  const kind =
    (flags & Wake.TTWU) !== 0 ? DecisionKind.WAKEUP : (flags & Wake.FORK) !== 0 ? DecisionKind.FORK : DecisionKind.EXEC;
  decide(kind, prev, task, chosen, reason, why);
}

/** Idle CPUs that the task may use, in the LLC of the chosen one and elsewhere. False if there are none. */
function noteIdleElsewhere(task: number, chosen: number): boolean {
  const { llcId } = k.sd.tree;
  const near: number[] = [];
  const far: number[] = [];
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    if (k.cpuActive[cpu] === 0 || !allowed(task, cpu) || !freeCpu(cpu) || cpus.has(cpu)) continue;
    (llcId[cpu] === llcId[chosen] ? near : far).push(cpu);
  }
  if (near.length > 0) lookedAt('idle in the same LLC, not looked at', near);
  if (far.length > 0) lookedAt('idle in another LLC, not looked at', far);
  return near.length + far.length > 0;
}
