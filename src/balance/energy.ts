/**
 * Energy-aware placement, find_energy_efficient_cpu(): of each performance domain the CPU with the most to spare that the task
 * fits, and `prev`; among those the one on which the model says the machine takes the least energy more. @spec 05 §8
 *
 *   over-utilised ─► -1: placement goes on as without energy
 *   else for each performance domain, highest CPUs first:
 *     base   = energy with the task nowhere
 *     delta  = energy with it on the candidate - base
 *
 * The kernel turns this on with the governor `schedutil` and frequency-invariant accounting. Frequencies are not simulated: a
 * CPU computes at its capacity all the time, and what the model expects of the governor is all there is of it. So the
 * setting is off by default, as it would be on a machine with fixed frequencies.
 */
import { UserError } from '../base/errors.ts';
import { formatCpuList } from '../machine/cpumask.ts';
import * as avg from '../sched/averages.ts';
import { AVG_RT } from '../sched/averages.ts';
import type { Counter } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { syncEntityLoadAvg, taskUtilEst } from '../sched/load-avg.ts';
import { allowed } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { Distance, distance } from '../sched/shared-lines.ts';
import { charge } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import { OnRq } from '../sched/tasks.ts';
import { clampWith, fitsClamped } from '../sched/uclamp.ts';
import { scanned } from './explain-placement.ts';
import { cpuUtilNext } from './find-idlest.ts';

/** Above this the kernel does not build performance domains. */
const MAX_COMPLEXITY = 2048;
/** Powers of a model may be small numbers; costs are whole ones. */
const POWER_SCALE = 1000;

interface Domain {
  readonly cpus: Int32Array;
  readonly capacity: number;
  readonly maxFrequency: number;
  /** By state, ascending. */
  readonly frequency: Float64Array;
  /** power * fmax / frequency: what full use costs for the same work. */
  readonly cost: Float64Array;
}

export class EnergyPlacement {
  #domains: readonly Domain[] = [];
  #placed = 0;
  #moved = 0;
  #overutilized = 0;
  #searchNs = 0;

  /** Throws `UserError` (code `policy`) if the machine is not one for it. */
  started(): void {
    this.#domains = buildDomains();
    k.energyAware = true;
  }

  counters(): readonly Counter[] {
    return [
      ['eas.placements', this.#placed],
      ['eas.moved', this.#moved],
      ['eas.overutilized', this.#overutilized],
      ['eas.search_ms', this.#searchNs / 1e6],
    ];
  }

  /** For a task that wakes: its CPU, or -1 when energy is not what matters. */
  place(task: number, prev: number): number {
    const cpu = this.find(task, prev);
    if (cpu < 0) this.#overutilized++;
    else this.#placed++;
    if (cpu >= 0 && cpu !== prev) this.#moved++;
    return cpu;
  }

  /** @spec 05 §8.2 */
  find(task: number, prev: number): number {
    if (k.overutilized) return -1;
    const { sd } = k;
    let span = sd.tree.sdAsymCpucapacity[k.thisCpu]!;
    while (span >= 0 && !sd.spans(span, prev)) span = sd.parent[span]!;
    if (span < 0) return -1;
    if (tasks.onRq[task] === OnRq.NO) syncEntityLoadAvg(task);
    const taskBusy = taskUtilEst(task);
    if (taskBusy === 0) return prev;

    let prevDelta = Number.POSITIVE_INFINITY;
    let bestDelta = Number.POSITIVE_INFINITY;
    let prevFits = -1;
    let bestFits = -1;
    let bestCpu = -1;
    for (const domain of this.#domains) {
      let prevSpare = -1;
      let maxSpare = -1;
      let candidate = -1;
      for (const cpu of domain.cpus) {
        if (k.cpuActive[cpu] === 0 || !sd.spans(span, cpu) || !allowed(task, cpu)) continue;
        if (k.deciding) scanned(cpu);
        const util = cpuUtilNext(cpu, task, cpu);
        if (!fitsClamped(util, cpu, task)) continue;
        const spare = Math.max(0, rq.cpuCapacity[cpu]! - util);
        if (cpu === prev) {
          prevSpare = spare;
          prevFits = 1;
        } else if (spare > maxSpare) {
          maxSpare = spare;
          candidate = cpu;
        }
      }
      charge(k.thisCpu, this.#lookNs(domain));
      if (prevSpare < 0 && candidate < 0) continue;
      const busy = busyTime(domain, task);
      const base = energy(domain, task, -1, busy, 0);
      if (prevSpare >= 0) {
        const delta = energy(domain, task, prev, busy, taskBusy) - base;
        if (delta < 0) return prev;
        prevDelta = delta;
        bestDelta = Math.min(bestDelta, delta);
      }
      if (candidate >= 0 && maxSpare > prevSpare) {
        const delta = energy(domain, task, candidate, busy, taskBusy) - base;
        if (delta < 0) return prev;
        if (bestFits === 1 && delta >= bestDelta) continue;
        bestDelta = delta;
        bestCpu = candidate;
        bestFits = 1;
      }
    }
    return bestFits > prevFits || (bestFits === 1 && bestDelta < prevDelta) ? bestCpu : prev;
  }

  /** The executing CPU looks at the CPUs of a domain. @spec 24 §7 */
  #lookNs({ cpus }: Domain): number {
    const { scanLlcNs, scanFarNs } = k.costs;
    if (scanFarNs === 0 && scanLlcNs === 0) return 0;
    let ns = 0;
    for (const cpu of cpus) ns += distance(k.thisCpu, cpu) <= Distance.LLC ? scanLlcNs : scanFarNs;
    this.#searchNs += ns;
    return ns;
  }
}

/** The performance domains of the machine, last ones first as the kernel lists them. @spec 05 §8 */
function buildDomains(): Domain[] {
  const { topology, sd } = k;
  const refuse = (what: string): never => {
    throw new UserError(
      'policy',
      `energy_aware=on: machine "${topology.name}" ${what}`,
      {},
      'the preset biglittle has all that is needed; docs/machines.md says how a machine file has it',
    );
  };
  const active = [...k.cpuActive].flatMap((on, cpu) => (on === 0 ? [] : [cpu]));
  if (sd.tree.sdAsymCpucapacity[active[0]!]! < 0) refuse('has CPUs of one capacity only');
  if (k.smtPresent) refuse('has SMT, with which the kernel places no task by energy');
  const known = new Set(topology.perfDomains.flatMap(({ cpus }) => cpus));
  const unknown = active.filter((cpu) => !known.has(cpu));
  if (unknown.length > 0) refuse(`has no energy model for CPUs ${formatCpuList(unknown)}`);
  const nrStates = topology.perfDomains.reduce((sum, { states }) => sum + states.length, 0);
  const complexity = topology.perfDomains.length * (nrStates + active.length);
  if (complexity > MAX_COMPLEXITY) {
    refuse(`is too complex for it: domains * (states + CPUs) is ${complexity}, more than ${MAX_COMPLEXITY}`);
  }
  return topology.perfDomains
    .map(({ cpus, states }): Domain => {
      const online = cpus.filter((cpu) => k.cpuActive[cpu] !== 0).sort((a, b) => a - b);
      const maxFrequency = states.at(-1)!.frequencyKhz;
      return {
        cpus: Int32Array.from(online),
        capacity: topology.capacity[cpus[0]!]!,
        maxFrequency,
        frequency: Float64Array.from(states, ({ frequencyKhz }) => frequencyKhz),
        cost: Float64Array.from(states, ({ frequencyKhz, power }) =>
          Math.floor((power * POWER_SCALE * maxFrequency) / frequencyKhz),
        ),
      };
    })
    .filter(({ cpus }) => cpus.length > 0)
    .sort((a, b) => b.cpus[0]! - a.cpus[0]!);
}

/** Use of the domain with the task nowhere. @spec 05 §8.2 */
function busyTime({ cpus, capacity }: Domain, task: number): number {
  let sum = 0;
  for (const cpu of cpus) sum += Math.min(capacity, cpuUtilNext(cpu, task, -1) + avg.utilAvg[AVG_RT + cpu]!);
  return Math.min(sum, capacity * cpus.length);
}

/** What the governor will be asked for. @spec 05 §8.1, type FREQUENCY */
function frequencyUtil(cpu: number, task: number, dst: number, capacity: number): number {
  if (rq.rtNrRunning[cpu] !== 0) return capacity;
  const util = cpuUtilNext(cpu, task, dst) + avg.utilAvg[AVG_RT + cpu]!;
  return Math.min(capacity, clampWith(util, cpu, dst === cpu ? task : -1));
}

/** Energy of the domain with the task on `dst` (-1: nowhere). @spec 05 §8.2 */
function energy(domain: Domain, task: number, dst: number, busy: number, taskBusy: number): number {
  const { cpus, capacity, maxFrequency, frequency, cost } = domain;
  const sum = dst < 0 ? busy : Math.min(capacity * cpus.length, busy + taskBusy);
  if (sum === 0) return 0;
  let maxUtil = 0;
  for (const cpu of cpus) maxUtil = Math.max(maxUtil, frequencyUtil(cpu, task, dst, capacity));
  const wanted = Math.min(maxUtil + (maxUtil >> 2), capacity);
  const target = Math.floor((maxFrequency * wanted) / capacity);
  let state = 0;
  while (state < frequency.length - 1 && frequency[state]! < target) state++;
  return Math.floor((cost[state]! * sum) / capacity);
}
