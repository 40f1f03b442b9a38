/**
 * Active balance without the stopper: the CPU that wants a running task leaves a note on the busiest queue, and the balance
 * callback of that CPU hands the task over once it has been switched out. Two switches are saved, and no real-time task that
 * came between is preempted. @spec 21 §7
 *
 *   needs active balance ─► note: the current task, where to ─► schedule() ─► callback: may it still go? ─► moved
 *
 * Nothing happens before the CPU schedules, and if that chooses the same task again, the handover has failed: a task alone
 * on its CPU is never helped. @spec 08 §6
 */
import { moveQueuedTask } from '../sched/activate.ts';
import { Alb, DOMAIN_COUNTERS } from '../sched/domain-state.ts';
import type { Counter } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { lockRq } from '../sched/line-access.ts';
import * as loop from '../sched/loop.ts';
import { allowed } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { charge } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import { Class, OnRq } from '../sched/tasks.ts';
import { Reason } from '../trace/decisions.ts';
import { MigrateCause } from '../trace/events.ts';
import { throttledPair } from './detach.ts';
import { decideHandover } from './explain-pass.ts';

/** Why a note came to nothing, and what its decision record says of that. */
const FAILURES = ['running', 'not_fair', 'slept', 'moved', 'pinned', 'throttled'] as const;
type Failure = (typeof FAILURES)[number];
const REFUSALS: Readonly<Record<Failure, readonly [Reason, string]>> = {
  running: [Reason.RUNNING, 'the CPU goes on with the task noted'],
  not_fair: [Reason.OUT_OF_SCOPE, 'the task noted is not of the fair class any more'],
  slept: [Reason.LOST_RACE, 'the task noted sleeps or has ended'],
  moved: [Reason.LOST_RACE, 'the task noted is on another CPU already'],
  pinned: [Reason.ALL_PINNED, 'the task noted may not run there any more'],
  throttled: [Reason.OUT_OF_SCOPE, 'the task’s control group is throttled'],
};

const BY_CALLBACK = 'by the balance callback, once it was switched out';

export class ActiveCallback {
  /** The task noted on each CPU, -1 none, and its id in the trace: slots are used again. */
  readonly #task: Int32Array;
  readonly #id: Int32Array;
  #notes = 0;
  #moves = 0;
  readonly #failed = new Map<Failure, number>(FAILURES.map((why) => [why, 0]));

  constructor(nrCpus: number) {
    this.#task = new Int32Array(nrCpus).fill(-1);
    this.#id = new Int32Array(nrCpus);
  }

  counters(): readonly Counter[] {
    return [
      ['active.notes', this.#notes],
      ['active.handovers', this.#moves],
      ...FAILURES.map((why) => [`active.failed_${why}`, this.#failed.get(why)!] as const),
    ];
  }

  /** The current task of `src` is wanted on `rq.pushCpu[src]`; the executing CPU holds the lock of `src`. */
  note(src: number): void {
    const task = rq.curr[src]!;
    this.#notes++;
    this.#task[src] = task;
    this.#id[src] = tasks.traceId[task]!;
    loop.callback[src] = 1;
  }

  /** The end of a switch of the CPU. */
  callback(src: number): void {
    const task = this.#task[src]!;
    if (task < 0) return;
    if (rq.curr[src] === task && loop.previous[src] !== task) {
      // The CPU was just switching to it when it was noted: the callback belongs to its next schedule().
      loop.callback[src] = 1;
      return;
    }
    const target = rq.pushCpu[src]!;
    const failure = this.#failure(task, src, target);
    const domain = commonDomain(src, target);
    this.#task[src] = -1;
    rq.activeBalance[src] = 0;
    if (domain >= 0) this.#count(domain, Alb.COUNT);
    if (failure !== null) {
      this.#failed.set(failure, this.#failed.get(failure)! + 1);
      if (domain >= 0) this.#count(domain, Alb.FAILED);
      if (k.deciding) decideHandover(src, this.#alive(task, src) ? task : -1, target, domain, ...REFUSALS[failure]);
      return;
    }
    if (k.deciding) decideHandover(src, task, target, domain, Reason.PULLED, BY_CALLBACK);
    charge(src, k.costs.detachNs);
    lockRq(target, k.costs.attachNs);
    moveQueuedTask(task, target, MigrateCause.ACTIVE);
    charge(src, k.costs.attachNs);
    this.#moves++;
    if (domain < 0) return;
    this.#count(domain, Alb.PUSHED);
    k.sd.nrBalanceFailed[domain] = 0;
  }

  #count(domain: number, what: number): void {
    k.sd.counters[domain * DOMAIN_COUNTERS + what]! += 1;
  }

  #alive(task: number, src: number): boolean {
    return tasks.alive[task] !== 0 && tasks.traceId[task] === this.#id[src];
  }

  #failure(task: number, src: number, target: number): Failure | null {
    if (rq.curr[src] === task) return 'running';
    if (!this.#alive(task, src)) return 'slept';
    if (tasks.schedClass[task] !== Class.FAIR) return 'not_fair';
    if (tasks.cpu[task] !== src) return 'moved';
    if (tasks.onRq[task] !== OnRq.QUEUED || tasks.state[task] !== 0) return 'slept';
    if (!allowed(task, target) || k.cpuActive[target] === 0) return 'pinned';
    return throttledPair(task, src, target) ? 'throttled' : null;
  }

  /** A note stands exactly where an active balance is under way. */
  checkBooks(): string | null {
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      if (this.#task[cpu]! >= 0 !== (rq.activeBalance[cpu] !== 0))
        return `active_balance of CPU ${cpu} and its note disagree`;
    }
    return null;
  }
}

/** The lowest domain of the target that has the source too, or -1. */
function commonDomain(src: number, target: number): number {
  let domain = k.sd.lowest[target]!;
  while (domain >= 0 && !k.sd.spans(domain, src)) domain = k.sd.parent[domain]!;
  return domain;
}
