/**
 * Pushing as a policy sees it: the pushable lists, the masks of idle CPUs, the push itself and the pull that goes with it
 * hear of what happens in the scheduler, in this order. @spec 21
 */
import { UserError } from '../base/errors.ts';
import type { Counter } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import * as rq from '../sched/rq.ts';
import type { EnergyPlacement } from './energy.ts';
import { IdleCores } from './idle-cores.ts';
import { IdleTracking } from './idle-tracking.ts';
import { LlcMap } from './llc-map.ts';
import type { Mechanisms, PushTunables } from './mechanisms.ts';
import type { NohzLlcs } from './nohz-llcs.ts';
import type { Parts } from './parts.ts';
import { PullOne } from './pull-one.ts';
import { Push } from './push.ts';
import { pushable, yielded } from './push-task.ts';
import { PushableLists } from './pushable-list.ts';

export class PushBalance {
  readonly lists: PushableLists;
  /** For newidle=pull_one, which needs the lists too. */
  readonly pull: PullOne | null;
  readonly #tunables: PushTunables;
  readonly #idle: IdleTracking | null;
  readonly #push: Push | null;
  /** idle.cores=mask */
  readonly #cores: IdleCores | null;

  constructor(
    nrCpus: number,
    { push, idle, newidle }: Mechanisms,
    parts: Parts,
    nohz: NohzLlcs | null,
    energy: EnergyPlacement | null,
  ) {
    checkSearch(push, energy);
    this.#tunables = push;
    this.lists = new PushableLists(nrCpus);
    this.pull = parts.newidle === 'pull_one' ? new PullOne(nrCpus, newidle.pull, this.lists) : null;
    this.#idle = parts.push === 'on' ? new IdleTracking(nrCpus, idle, nohz) : null;
    this.#cores = this.#idle !== null && idle.cores === 'mask' ? new IdleCores(nrCpus) : null;
    this.#push = this.#idle === null ? null : new Push(nrCpus, push, this.lists, this.#idle, this.#cores, energy);
  }

  started(): void {
    const llcs = new LlcMap(k.topology, k.sd.tree.llcId, 'machine');
    this.lists.started(llcs);
    this.pull?.started(llcs);
    this.#idle?.started(llcs);
    this.#cores?.started(llcs);
    this.#push?.started(llcs);
  }

  counters(): readonly Counter[] {
    return [this.#push, this.pull].flatMap((mechanism) => mechanism?.counters() ?? []);
  }

  checkBooks(): string | null {
    return this.lists.checkBooks() ?? this.#cores?.checkBooks() ?? this.#push?.checkBooks() ?? null;
  }

  // ---- the hooks

  taskQueued(cpu: number, task: number): void {
    if (this.#tunables.trigger !== 'enqueue' || rq.curr[cpu] === task || rq.nrRunning[cpu]! < 2) return;
    if (!pushable(task, this.#tunables.predicate)) return;
    this.lists.insert(cpu, task);
    this.#push?.taskQueued(cpu);
  }

  taskDequeued(task: number): void {
    this.lists.remove(task);
    this.#push?.taskDequeued(task);
  }

  taskPut(cpu: number, task: number): void {
    if (this.#tunables.trigger === 'preempt' && yielded(task)) return;
    if (pushable(task, this.#tunables.predicate)) this.lists.insert(cpu, task);
  }

  taskSet(cpu: number, task: number): void {
    this.lists.remove(task);
    this.#push?.taskSet(cpu, task);
  }

  idleEntered(cpu: number): void {
    this.#idle?.idleEntered(cpu);
    this.#cores?.entered(cpu);
    this.#push?.idleEntered(cpu);
  }

  idleLeft(cpu: number): void {
    this.#idle?.idleLeft(cpu);
    this.#cores?.left(cpu);
  }

  tickStopped(cpu: number): void {
    this.#idle?.tickStopped(cpu);
  }

  ticked(cpu: number): void {
    this.#idle?.ticked(cpu);
    this.#push?.ticked(cpu);
  }

  callback(cpu: number): number {
    return this.#push === null ? 0 : this.#push.callback(cpu);
  }

  called(cpu: number): void {
    this.#push?.called(cpu);
  }

  stopped(cpu: number, task: number, target: number): void {
    this.#push?.stopped(cpu, task, target);
  }
}

/** The energy model chooses CPUs that run something, too: a claim on an idle one means nothing then. */
function checkSearch({ search, claim }: PushTunables, energy: EnergyPlacement | null): void {
  if (search !== 'energy') return;
  if (energy === null) {
    throw new UserError('policy', 'push.search=energy asks the energy model', {}, 'say energy_aware=on as well');
  }
  if (claim !== 'none') {
    throw new UserError('policy', `push.search=energy makes no claims on CPUs, so not push.claim=${claim} either`);
  }
}
