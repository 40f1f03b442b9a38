/**
 * Leaving a decision record: what a mechanism saw, chose, refused and why. @spec 23 §5.2
 *
 *   if (k.deciding) {
 *     fact('avg_idle', rq.avgIdle[cpu]!);                                          // any number of these, before
 *     decide(DecisionKind.STEAL, cpu, task, src, Reason.PULLED, 'first CPU of the mask');
 *   }
 *
 * `k.deciding` is the whole cost when nobody records decisions: test it first. What is noted belongs to the next decision;
 * a mechanism that starts over calls `forget`. `why` is the rule that decided, in the kernel's words: a constant, for the
 * numbers are facts.
 */
import { type DecisionKind, GroupRole, type Reason } from '../trace/decisions.ts';
import { EVENT_ARITY } from '../trace/event-specs.ts';
import { Ev, type EventKind } from '../trace/events.ts';
import { k } from './kernel.ts';
import { traceId } from './record.ts';
import * as rq from './rq.ts';

/** Rows of the decision to come: kind, task, arguments, one after another. Those below `first` are of one set aside. */
const notes: number[] = [];
let first = 0;

/**
 * From now on decisions are those of something called in the middle of another, whose notes wait; `resume` with what this
 * returns goes on with them.
 */
export function setAside(): number {
  const before = first;
  first = notes.length;
  return before;
}

export function resume(before: number): void {
  notes.length = first;
  first = before;
}

/** A number that is looked at. Names are the kernel's; a unit, if there is one, comes last: `cost_ns`. */
export function fact(name: string, value: number): void {
  notes.push(Ev.DECISION_FACT, -1, k.recorder.string(name), value);
}

/** CPUs that are looked at, ascending or not. */
export function lookedAt(what: string, cpus: Iterable<number>): void {
  const list = [...cpus].sort((a, b) => a - b);
  notes.push(Ev.DECISION_CPUS, -1, k.recorder.mask(list), k.recorder.string(what));
}

/** A task (its slot) that is looked at, and what becomes of it. */
export function considered(task: number, reason: Reason, why = ''): void {
  notes.push(Ev.DECISION_TASK, traceId(task), reason, k.recorder.string(why));
}

/** What is known of a group: the fields of `GroupStats` that a record has. */
export interface NotedGroup {
  readonly group: number;
  readonly type: number;
  readonly sumNrRunning: number;
  readonly sumHNrRunning: number;
  readonly idleCpus: number;
  readonly weight: number;
  readonly load: number;
  readonly util: number;
  readonly runnable: number;
  readonly capacity: number;
  readonly avgLoad: number;
}

/** Statistics of a group, at a level of domains. */
export function saw(s: NotedGroup, level: number, role: (typeof GroupRole)[keyof typeof GroupRole]): void {
  const { sumNrRunning, sumHNrRunning, idleCpus, weight, load, util, runnable, capacity, avgLoad } = s;
  notes.push(Ev.DECISION_GROUP, -1, maskOf(s.group), level, role, s.type, sumNrRunning, sumHNrRunning, idleCpus);
  notes.push(weight, load, util, runnable, capacity, avgLoad);
}

/** Of the groups noted, this is the one. */
export function singledOut(group: number): void {
  const mask = maskOf(group);
  for (let i = first; i < notes.length; i += 2 + EVENT_ARITY[notes[i]!]!) {
    if (notes[i] === Ev.DECISION_GROUP && notes[i + 2] === mask) notes[i + 4] = GroupRole.CHOSEN;
  }
}

function maskOf(group: number): number {
  const { lists, groupBase, groupWeight } = k.sd;
  const base = groupBase[group]!;
  return k.recorder.mask([...lists.subarray(base, base + groupWeight[group]!)]);
}

/** Notes of a kind (default: all) are not of the decision after all. */
export function forget(kind?: EventKind): void {
  if (kind === undefined) {
    notes.length = first;
    return;
  }
  let kept = first;
  for (let i = first; i < notes.length; ) {
    const width = 2 + EVENT_ARITY[notes[i]!]!;
    if (notes[i] !== kind) {
      notes.copyWithin(kept, i, i + width);
      kept += width;
    }
    i += width;
  }
  notes.length = kept;
}

/**
 * Records a decision of the executing CPU. `cpu`: the CPU it is about; `task`: the slot of the task it is about, or -1;
 * `chosen`: the CPU chosen, or -1.
 */
export function decide(
  kind: DecisionKind,
  cpu: number,
  task: number,
  chosen: number,
  reason: Reason,
  why = '',
  moved = 0,
  level = -1,
  idle = -1,
): void {
  if (!k.deciding) return;
  const { recorder, thisCpu } = k;
  const { args } = recorder;
  args[0] = kind;
  args[1] = cpu;
  args[2] = traceId(rq.curr[thisCpu]!);
  args[3] = level;
  args[4] = idle;
  args[5] = chosen;
  args[6] = moved;
  args[7] = reason;
  args[8] = recorder.string(why);
  recorder.emit(Ev.DECISION, k.now, thisCpu, task < 0 ? -1 : traceId(task));
  for (let i = first; i < notes.length; ) {
    const noted = notes[i]! as EventKind;
    const about = notes[i + 1]!;
    const arity = EVENT_ARITY[noted]!;
    for (let j = 0; j < arity; j++) args[j] = notes[i + 2 + j]!;
    recorder.emit(noted, k.now, thisCpu, about);
    i += 2 + arity;
  }
  notes.length = first;
}
