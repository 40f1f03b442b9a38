/**
 * What Nayak's series puts in the place of newidle balance below NUMA: a CPU about to idle takes one task of the first CPU
 * that is marked as having a pushable one, own LLC first, then LLC by LLC up to the first NUMA domain. @spec 21 §3.2
 *
 * Before each candidate it asks whether work has arrived meanwhile. As posted, the answer is taken for its opposite: the
 * pull gives up at once on every CPU that really idles, and the search of NUMA domains does not follow. `fixed` means what
 * was meant.
 */
import { activateTask, checkPreemptCurr, deactivateTask, setTaskCpu } from '../sched/activate.ts';
import { updateRqClock } from '../sched/clock.ts';
import { SD } from '../sched/domains.ts';
import { type Counter, UNFINISHED } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { lockRq } from '../sched/line-access.ts';
import * as rq from '../sched/rq.ts';
import { charge, owes } from '../sched/signals.ts';
import { Reason } from '../trace/decisions.ts';
import { MigrateCause } from '../trace/events.ts';
import { decideSteal } from './explain-pass.ts';
import type { LlcMap } from './llc-map.ts';
import type { NewidleTunables } from './mechanisms.ts';
import { type FirstSearch, firstNumaDomain } from './newidle.ts';
import type { PushableLists } from './pushable-list.ts';
import { movableTask } from './steal.ts';

/** Of a pull: look for a marked CPU, lock it and take a task, over. */
const Stage = { LOOK: 0, TAKE: 1, DONE: 2 } as const;

export class PullOne implements FirstSearch {
  readonly gated = false;
  readonly #asPosted: boolean;
  readonly #lists: PushableLists;
  #llcs!: LlcMap;
  /** LLCs in the order a CPU visits them, made when it first does. */
  readonly #orders: Int32Array[] = [];
  // Of the pull that each CPU is making: LLCs done with, how far in the one at hand, the CPU found.
  readonly #stage: Uint8Array;
  readonly #nth: Int32Array;
  readonly #offset: Int32Array;
  readonly #source: Int32Array;
  readonly #got: Uint8Array;
  #attempts = 0;
  #pulls = 0;

  constructor(nrCpus: number, variant: NewidleTunables['pull'], lists: PushableLists) {
    this.#asPosted = variant === 'as_posted';
    this.#lists = lists;
    this.#stage = new Uint8Array(nrCpus);
    this.#nth = new Int32Array(nrCpus);
    this.#offset = new Int32Array(nrCpus);
    this.#source = new Int32Array(nrCpus);
    this.#got = new Uint8Array(nrCpus);
  }

  started(llcs: LlcMap): void {
    this.#llcs = llcs;
  }

  counters(): readonly Counter[] {
    return [
      ['pull_one.attempts', this.#attempts],
      ['pull_one.pulls', this.#pulls],
    ];
  }

  /** Searches below NUMA have been replaced; as posted, the ones above never come about. */
  goesOnAt(cpu: number): number {
    return this.#asPosted ? -1 : firstNumaDomain(cpu);
  }

  begin(cpu: number): void {
    this.#attempts++;
    this.#stage[cpu] = Stage.LOOK;
    this.#nth[cpu] = 0;
    this.#offset[cpu] = -1;
    this.#got[cpu] = 0;
  }

  step(cpu: number): number {
    for (;;) {
      if (owes(cpu)) return UNFINISHED;
      if (this.#stage[cpu] === Stage.LOOK) this.#look(cpu);
      else if (this.#stage[cpu] === Stage.TAKE) this.#take(cpu, this.#source[cpu]!);
      else return this.#got[cpu]!;
    }
  }

  /** On to the next marked CPU. */
  #look(cpu: number): void {
    const order = this.#order(cpu);
    const origin = cpu + 1 < k.nrCpus ? cpu + 1 : 0;
    const { overloaded } = this.#lists;
    while (this.#nth[cpu]! < order.length) {
      const llc = order[this.#nth[cpu]!]!;
      if (this.#offset[cpu]! < 0) overloaded.read(this.#llcs.cpus[llc]![0]!);
      const offset = overloaded.next(llc, origin, this.#offset[cpu]! + 1);
      if (offset < 0) {
        this.#nth[cpu]!++;
        this.#offset[cpu] = -1;
        continue;
      }
      this.#offset[cpu] = offset;
      const arrived = rq.nrRunning[cpu] !== 0 || rq.ttwuPending[cpu] !== 0;
      if (arrived !== this.#asPosted) {
        if (k.deciding) {
          if (arrived) decideSteal(cpu, -1, -1, Reason.LOST_RACE, 'work has arrived meanwhile');
          else decideSteal(cpu, -1, -1, Reason.OUT_OF_SCOPE, 'as posted, the pull gives up where no work has arrived');
        }
        this.#stage[cpu] = Stage.DONE;
        return;
      }
      const source = (origin + offset) % k.nrCpus;
      charge(cpu, this.#llcs.of[source] === this.#llcs.of[cpu] ? k.costs.scanLlcNs : k.costs.scanFarNs);
      if (this.#lists.head(source) < 0) continue;
      this.#source[cpu] = source;
      this.#stage[cpu] = Stage.TAKE;
      return;
    }
    if (k.deciding) decideSteal(cpu, -1, -1, Reason.NO_BUSIEST_QUEUE, 'no CPU is marked that has a pushable task');
    this.#stage[cpu] = Stage.DONE;
  }

  /** Takes one task that may move, hot or not. */
  #take(cpu: number, source: number): void {
    this.#stage[cpu] = Stage.LOOK;
    lockRq(source, k.costs.detachNs);
    if (this.#lists.head(source) < 0 || k.cpuActive[source] === 0) {
      if (k.deciding) decideSteal(cpu, -1, source, Reason.LOST_RACE, 'locked, the queue has no pushable task');
      return;
    }
    updateRqClock(source);
    const task = movableTask(source, cpu);
    if (task < 0) {
      if (k.deciding) decideSteal(cpu, -1, source, Reason.ALL_PINNED, 'no waiting task of the queue may run here');
      return;
    }
    if (k.deciding) decideSteal(cpu, task, source, Reason.PULLED, 'pull_one');
    deactivateTask(source, task, 0);
    setTaskCpu(task, cpu, MigrateCause.NEWIDLE, -1);
    charge(cpu, k.costs.detachNs + k.costs.attachNs);
    updateRqClock(cpu);
    activateTask(cpu, task, 0);
    checkPreemptCurr(cpu, task, 0);
    this.#pulls++;
    this.#got[cpu] = 1;
    this.#stage[cpu] = Stage.DONE;
  }

  /** The own LLC, then those in the rest of each domain below NUMA; of each domain upward from the CPU, with wrap. */
  #order(cpu: number): Int32Array {
    let order = this.#orders[cpu];
    if (order === undefined) {
      const llcs = new Set([this.#llcs.of[cpu]!]);
      const { sd } = k;
      for (let d = sd.lowest[cpu]!; d >= 0 && (sd.flags[d]! & SD.NUMA) === 0; d = sd.parent[d]!) {
        const span = [...sd.lists.subarray(sd.spanBase[d]!, sd.spanBase[d]! + sd.spanWeight[d]!)];
        for (const other of [...span.filter((c) => c >= cpu), ...span.filter((c) => c < cpu)]) {
          llcs.add(this.#llcs.of[other]!);
        }
      }
      order = Int32Array.from(llcs);
      this.#orders[cpu] = order;
    }
    return order;
  }
}
