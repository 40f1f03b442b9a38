/**
 * Where a waiting task could run at once. @spec 21 §3.3, §6
 *
 *   near   own LLC, other LLCs of the node that have idle CPUs, other nodes for a task that has waited long enough; in an
 *          LLC said to have an idle core, a whole idle core before an idle thread (`idle.cores`: looked for among the idle
 *          threads, or found in a mask); at most `scan_max` CPUs an LLC
 *   flat   the first idle CPU upward from the own, whatever is between
 *   energy where the energy model says, idle or not; -1 if that is where the task is. @spec 21 §2
 *
 * With capacities that differ the task must fit an idle target, and the target not be smaller than where the task waits
 * unless the task's `util_max` is content with it.
 */
import { k } from '../sched/kernel.ts';
import { allowed, idleCpu } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { charge } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import type { EnergyPlacement } from './energy.ts';
import type { IdleCores } from './idle-cores.ts';
import type { IdleTracking } from './idle-tracking.ts';
import type { LlcMap } from './llc-map.ts';
import type { LlcMask } from './llc-mask.ts';
import type { PushTunables } from './mechanisms.ts';
import { taskFitsCpu } from './misfit.ts';
import type { PushClaims } from './push-claim.ts';

export class PushSearch {
  readonly #tunables: PushTunables;
  readonly #idle: IdleTracking;
  readonly #claims: PushClaims;
  readonly #cores: IdleCores | null;
  readonly #energy: EnergyPlacement | null;
  #llcs!: LlcMap;
  /** Of the walk of an LLC: CPUs that may still be looked at. */
  #left = 0;
  /** CPUs found since the batch began: each is asked once. */
  #batch = 0;
  readonly #foundIn: Float64Array;

  constructor(
    nrCpus: number,
    tunables: PushTunables,
    idle: IdleTracking,
    cores: IdleCores | null,
    claims: PushClaims,
    energy: EnergyPlacement | null,
  ) {
    this.#tunables = tunables;
    this.#idle = idle;
    this.#cores = cores;
    this.#claims = claims;
    this.#energy = tunables.search === 'energy' ? energy : null;
    this.#foundIn = new Float64Array(nrCpus).fill(-1);
  }

  started(llcs: LlcMap): void {
    this.#llcs = llcs;
  }

  /** A CPU for a task of CPU `from`, claimed by the executing CPU, or -1. `waited`: how long the task has been listed, ns. */
  find(task: number, from: number, waited: number): number {
    if (this.#energy !== null) {
      const efficient = this.#energy.find(task, from);
      return efficient === from || k.cpuActive[Math.max(efficient, 0)] === 0 ? -1 : efficient;
    }
    const target = this.#tunables.search === 'flat' ? this.#flat(task, from) : this.#near(task, from, waited);
    if (target >= 0) this.#foundIn[target] = this.#batch;
    return target;
  }

  /** Until the next call no CPU is found twice. */
  beginBatch(): void {
    this.#batch++;
  }

  #near(task: number, from: number, waited: number): number {
    const { node } = k.topology;
    const { of, cpus } = this.#llcs;
    for (const llc of this.#llcs.order(from)) {
      const first = cpus[llc]![0]!;
      if (node[first] !== node[from] && waited < this.#tunables.numaWaitNs) continue;
      this.#idle.cpus.read(first);
      if (this.#idle.cpus.count(llc) === 0 && (this.#cores === null || this.#cores.cores.count(llc) === 0)) continue;
      this.#left = this.#scanMax(first, cpus[llc]!.length);
      const target = this.#inLlc(task, from, llc, of[from] === llc ? from + 1 : first);
      if (target >= 0) return target;
    }
    return -1;
  }

  /** Given, or the limit that wakeups have in that LLC. @spec 05 §4.1 */
  #scanMax(cpu: number, all: number): number {
    if (this.#tunables.scanMax > 0) return this.#tunables.scanMax;
    const shared = sharedOf(cpu);
    return k.features.SIS_UTIL && shared >= 0 ? k.sd.nrIdleScan[shared]! : all;
  }

  #inLlc(task: number, from: number, llc: number, start: number): number {
    const origin = this.#claims.origin(llc, start < k.nrCpus ? start : 0);
    if (this.#cores !== null && k.smtPresent) {
      const cpu = this.#inIdleCore(this.#cores.cores, task, from, llc, origin);
      if (cpu >= 0) return cpu;
    }
    const shared = k.smtPresent && this.#cores === null ? sharedOf(this.#llcs.cpus[llc]![0]!) : -1;
    const wantsCore = shared >= 0 && k.sd.hasIdleCores[shared] !== 0;
    let thread = -1;
    let offset = this.#idle.cpus.next(llc, origin, 0);
    for (; offset >= 0 && this.#left > 0; offset = this.#idle.cpus.next(llc, origin, offset + 1)) {
      const cpu = (origin + offset) % k.nrCpus;
      if (!this.#suits(task, from, cpu)) continue;
      if (wantsCore && !this.#coreIdles(cpu)) {
        if (thread < 0) thread = cpu;
      } else if (this.#claims.take(cpu)) {
        return cpu;
      }
    }
    return thread >= 0 && this.#claims.take(thread) ? thread : -1;
  }

  /** A thread of a core in the mask. */
  #inIdleCore(cores: LlcMask, task: number, from: number, llc: number, origin: number): number {
    for (let offset = cores.next(llc, origin, 0); offset >= 0 && this.#left > 0; ) {
      const core = (origin + offset) % k.nrCpus;
      cores.read(core);
      for (const cpu of k.siblings[core]!) {
        if (this.#suits(task, from, cpu) && this.#claims.take(cpu)) return cpu;
      }
      offset = cores.next(llc, origin, offset + 1);
    }
    return -1;
  }

  #flat(task: number, from: number): number {
    const { nrCpus } = k;
    const { cpus } = this.#idle;
    this.#left = this.#tunables.scanMax > 0 ? this.#tunables.scanMax : nrCpus;
    for (let offset = 1; offset < nrCpus && this.#left > 0; offset++) {
      const cpu = (from + offset) % nrCpus;
      if (cpus.has(cpu) && this.#suits(task, from, cpu) && this.#claims.take(cpu)) return cpu;
    }
    return -1;
  }

  /** Looks at a CPU that is marked as idle. */
  #suits(task: number, from: number, cpu: number): boolean {
    this.#idle.cpus.read(cpu);
    if (cpu === from || !allowed(task, cpu) || this.#foundIn[cpu] === this.#batch) return false;
    this.#left--;
    charge(k.thisCpu, this.#llcs.of[cpu] === this.#llcs.of[k.thisCpu] ? k.costs.scanLlcNs : k.costs.scanFarNs);
    if (!idleCpu(cpu)) {
      this.#idle.foundWrong(cpu);
      return false;
    }
    return k.cpuActive[cpu] !== 0 && this.#fits(task, from, cpu);
  }

  #fits(task: number, from: number, cpu: number): boolean {
    if (!k.asymCpucapacity) return true;
    const capacity = rq.cpuCapacityOrig[cpu]!;
    if (capacity < rq.cpuCapacityOrig[from]! && tasks.utilMax[task]! > capacity) return false;
    return taskFitsCpu(task, cpu);
  }

  #coreIdles(cpu: number): boolean {
    for (const sibling of k.siblings[cpu]!) {
      if (sibling === cpu) continue;
      charge(k.thisCpu, k.costs.scanLlcNs);
      if (!idleCpu(sibling)) return false;
    }
    return true;
  }
}

function sharedOf(cpu: number): number {
  const llc = k.sd.tree.sdLlc[cpu]!;
  return llc < 0 ? -1 : k.sd.shared[llc]!;
}
