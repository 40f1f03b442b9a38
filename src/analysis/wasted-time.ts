/**
 * CPU time that was wasted: the integral of V (`wasted-cpus.ts`) over time, with the episodes and the confirmed violations
 * that it is made of. Also the time that CPUs ran tasks, ran nothing, and searched for tasks. @spec 23 §5.2
 *
 *   a CPU is     running     a task is current
 *                balancing   it executes a balance pass, whatever is current
 *                idle        neither: it could run something
 *
 * Told are changes of CPUs and waits of tasks; `advance` lets the time between them pass.
 */
import type { Topology } from '../machine/topology.ts';
import { AffinityClasses } from './affinity-classes.ts';
import { ConfirmedViolations, type ConfirmNs } from './confirmed-violations.ts';
import { CpuIdleness, IdleEpisodes } from './idle-episodes.ts';
import { NR_DISTANCES, WastedCpus } from './wasted-cpus.ts';

export class WastedTime {
  runningNs = 0;
  balancingNs = 0;
  idleNs = 0;
  /** Power of the CPUs that are not idle, at their highest state, times ns. 0 without an energy model. */
  energyNs = 0;
  readonly affinity: AffinityClasses;
  readonly episodes: IdleEpisodes;
  readonly violations: ConfirmedViolations;
  readonly #wasted: WastedCpus;
  readonly #counted: Uint8Array;
  /** By CPU. */
  readonly #hasTask: Uint8Array;
  readonly #balances: Uint8Array;
  readonly #own: Int32Array;
  readonly #power: Float64Array;
  /** Of the CPUs that are not idle now. */
  #powerNow = 0;
  #nrRunning = 0;
  #nrBalancing = 0;
  #nrIdle = 0;
  #nowNs: number;

  /** All CPUs that are `counted` are idle at first; the others (offline, isolated) have no part in anything. */
  constructor(topology: Topology, counted: Uint8Array, startNs: number, listNs: ConfirmNs) {
    const { nrCpus } = topology;
    this.#counted = counted;
    this.#nowNs = startNs;
    this.affinity = new AffinityClasses(counted);
    this.episodes = new IdleEpisodes(this.affinity, startNs, listNs);
    this.violations = new ConfirmedViolations(this.affinity, startNs, listNs);
    this.#wasted = new WastedCpus(topology, this.affinity);
    this.#hasTask = new Uint8Array(nrCpus);
    this.#balances = new Uint8Array(nrCpus);
    this.#own = new Int32Array(nrCpus);
    this.#power = new Float64Array(nrCpus);
    for (const { cpus, states } of topology.perfDomains)
      for (const cpu of cpus) this.#power[cpu] = states.at(-1)!.power;
    for (let cpu = 0; cpu < nrCpus; cpu++) {
      if (counted[cpu] === 0) continue;
      this.#nrIdle++;
      this.violations.setRunsNothing(cpu, true);
      this.#setIdle(cpu, true);
    }
  }

  /** Integral of V[distance]: wasted with CPUs at most so far away. */
  wastedNs(distance: number): number {
    return this.#wasted.sumWithin(distance);
  }

  /** V at this moment. */
  get wastedCpus(): number {
    return this.#wasted.within(NR_DISTANCES - 1);
  }

  /** What was told last holds until `nowNs`. */
  advance(nowNs: number): void {
    const passed = nowNs - this.#nowNs;
    if (passed <= 0) return;
    this.episodes.settle(this.#nowNs);
    this.violations.settle(this.#nowNs);
    this.#wasted.accumulate(passed);
    this.runningNs += this.#nrRunning * passed;
    this.balancingNs += this.#nrBalancing * passed;
    this.idleNs += this.#nrIdle * passed;
    this.energyNs += this.#powerNow * passed;
    this.#nowNs = nowNs;
  }

  /** Forgets everything measured so far, but not what is going on. */
  restart(): void {
    this.episodes.settle(this.#nowNs);
    this.#wasted.clearSums();
    this.runningNs = 0;
    this.balancingNs = 0;
    this.idleNs = 0;
    this.energyNs = 0;
    this.episodes.restart(this.#nowNs);
    this.violations.restart(this.#nowNs);
  }

  end(): void {
    this.episodes.end(this.#nowNs);
  }

  /** Whether a task is current on the CPU, and whether it executes a balance pass. */
  setCpu(cpu: number, hasTask: boolean, balances: boolean): void {
    if (this.#counted[cpu] !== 1) return;
    const hadTask = this.#hasTask[cpu] === 1;
    const balanced = this.#balances[cpu] === 1;
    if (hadTask === hasTask && balanced === balances) return;
    this.#count(hadTask, balanced, -1);
    this.#count(hasTask, balances, 1);
    this.#hasTask[cpu] = hasTask ? 1 : 0;
    this.#balances[cpu] = balances ? 1 : 0;
    if (hadTask !== hasTask) this.violations.setRunsNothing(cpu, !hasTask);
    const wasIdle = !hadTask && !balanced;
    const isIdle = !hasTask && !balances;
    if (wasIdle === isIdle) return;
    this.#powerNow += isIdle ? -this.#power[cpu]! : this.#power[cpu]!;
    this.#setIdle(cpu, isIdle);
  }

  /** A task bound to `set` begins to wait on the CPU. */
  beginWait(cpu: number, set: number): void {
    this.#changeWaiters(cpu, set, 1);
  }

  endWait(task: number, cpu: number, set: number, sinceNs: number): void {
    this.#changeWaiters(cpu, set, -1);
    this.violations.waited(task, cpu, set, sinceNs, this.#nowNs);
  }

  #changeWaiters(cpu: number, set: number, by: 1 | -1): void {
    if (this.affinity.isOnly(set, cpu)) {
      this.#own[cpu]! += by;
      if (this.#hasTask[cpu] === 0 && this.#balances[cpu] === 0) this.#setEpisode(cpu, true);
    } else {
      if (!this.affinity.isRefined(set)) this.episodes.recell(() => this.#wasted.refine(set));
      this.episodes.changeWaiting(set, by);
    }
    if (by === 1) this.#wasted.addWaiter(cpu, set);
    else this.#wasted.removeWaiter(cpu, set);
  }

  #setIdle(cpu: number, idle: boolean): void {
    this.#wasted.setIdle(cpu, idle);
    this.#setEpisode(cpu, idle);
  }

  #setEpisode(cpu: number, idle: boolean): void {
    const { BUSY, IDLE, IDLE_OWN } = CpuIdleness;
    this.episodes.setCpu(cpu, !idle || this.#counted[cpu] === 0 ? BUSY : this.#own[cpu]! > 0 ? IDLE_OWN : IDLE);
  }

  #count(hasTask: boolean, balances: boolean, by: number): void {
    if (balances) this.#nrBalancing += by;
    else if (hasTask) this.#nrRunning += by;
    else this.#nrIdle += by;
  }
}
