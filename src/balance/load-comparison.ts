/**
 * Groups compared by load alone, as kernels before 5.5 did, with the bug of it and the fix that was proposed:
 *
 *   average   load of a group = load of its CPUs / its capacity; a CPU with one heavy task hides the idle CPUs beside it
 *   min       load of a group = load of its least loaded CPU; a group with an idle CPU is never too loaded to pull
 *
 *   busiest: of the overloaded groups, else of those marked as imbalanced, else of all, the one of the highest load
 *   pull iff load(busiest) > load(local)
 *
 * As much is pulled as brings the lower of two averages to that of the domain; by `min`, an idle CPU pulls one task and a
 * busy one half the difference. New tasks leave the local group only for one whose average is lower by half the tolerance of
 * the domain, under both metrics: the fix was one of balancing only. A CPU without tasks counts as 0, whatever load is
 * left to decay there: old kernels' figure was of runnable tasks. @spec 23 §2.1, §3
 */
import * as avg from '../sched/averages.ts';
import { singledOut } from '../sched/decide.ts';
import { k } from '../sched/kernel.ts';
import { allowed } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { Reason } from '../trace/decisions.ts';
import { GroupType, type LbEnv, Migrate } from './env.ts';
import type { DomainStats } from './group-stats.ts';
import type { Faults } from './mechanisms.ts';

/** What groups are ranked by before their load. */
const Rank = { OTHER: 0, IMBALANCED: 1, OVERLOADED: 2 } as const;

export class LoadComparison {
  readonly #byMin: boolean;
  /** Of the group looked at last: load of all CPUs, capacity, load of the least loaded CPU and rank. */
  #load = 0;
  #capacity = 0;
  #min = 0;
  #rank = 0;

  constructor(metric: Exclude<Faults['groupMetric'], 'mainline'>) {
    this.#byMin = metric === 'min';
  }

  /** Group to pull from, or -1; what and how much is in `env`. `sds` has been updated for the pass. */
  findBusiestGroup(env: LbEnv, sds: DomainStats): number {
    const { sd } = k;
    const base = sd.ringBase[env.sd]!;
    const length = sd.ringLength[env.sd]!;
    const start = sd.ringStart[env.sd]!;
    this.#look(env, sd.lists[base + start]!);
    const localLoad = this.#groupLoad();
    const localAverage = this.#average();
    const localCapacity = this.#capacity;
    let totalLoad = this.#load;
    let totalCapacity = this.#capacity;
    let busiest = -1;
    let busiestLoad = 0;
    let busiestAverage = 0;
    let busiestCapacity = 0;
    let busiestRank = -1;
    for (let i = 1; i < length; i++) {
      const group = sd.lists[base + ((start + i) % length)]!;
      this.#look(env, group);
      totalLoad += this.#load;
      totalCapacity += this.#capacity;
      const load = this.#groupLoad();
      if (this.#rank < busiestRank || (this.#rank === busiestRank && load <= busiestLoad)) continue;
      busiest = group;
      busiestLoad = load;
      busiestAverage = this.#average();
      busiestCapacity = this.#capacity;
      busiestRank = this.#rank;
    }
    if (busiest < 0) {
      env.refuse(Reason.NO_BUSIEST_GROUP, 'there is no other group');
      return -1;
    }
    if (k.deciding) singledOut(busiest);
    if (busiestLoad <= localLoad) {
      env.refuse(
        Reason.IMBALANCE,
        this.#byMin ? 'minimum load of busiest <= local' : 'average load of busiest <= local',
      );
      return -1;
    }
    sds.busiest.type = busiestRank === Rank.OVERLOADED ? GroupType.OVERLOADED : GroupType.HAS_SPARE;
    if (this.#byMin) {
      env.migrationType = localLoad === 0 ? Migrate.TASK : Migrate.LOAD;
      env.imbalance = localLoad === 0 ? 1 : Math.floor((busiestLoad - localLoad) / 2);
    } else {
      const average = Math.floor((totalLoad * 1024) / totalCapacity);
      const give = (busiestAverage - average) * busiestCapacity;
      const take = (average - localAverage) * localCapacity;
      env.migrationType = Migrate.LOAD;
      env.imbalance = Math.max(0, Math.floor(Math.min(give, take) / 1024));
    }
    if (env.imbalance !== 0) return busiest;
    env.refuse(Reason.IMBALANCE, 'moving load would take one of the groups beyond the average of the domain');
    return -1;
  }

  /** Group for a new task, or -1: the local one. */
  findIdlestGroup(domain: number, task: number, cpu: number): number {
    const { sd } = k;
    const base = sd.ringBase[domain]!;
    const length = sd.ringLength[domain]!;
    const start = sd.ringStart[domain]!;
    let local = Number.POSITIVE_INFINITY;
    let least = Number.POSITIVE_INFINITY;
    let idlest = -1;
    for (let i = 0; i < length; i++) {
      const group = sd.lists[base + ((start + i) % length)]!;
      if (!this.#lookFor(task, group)) continue;
      const average = this.#average();
      if (sd.groupHas(group, cpu)) {
        local = average;
      } else if (average < least) {
        least = average;
        idlest = group;
      }
    }
    const tolerance = 100 + (sd.imbalancePct[domain]! - 100) / 2;
    return idlest >= 0 && 100 * local > tolerance * least ? idlest : -1;
  }

  #groupLoad(): number {
    return this.#byMin ? this.#min : this.#average();
  }

  #average(): number {
    return Math.floor((this.#load * 1024) / this.#capacity);
  }

  #look(env: LbEnv, group: number): void {
    const { sd } = k;
    const base = sd.groupBase[group]!;
    const weight = sd.groupWeight[group]!;
    let nrRunning = 0;
    this.#clear(group);
    for (let i = 0; i < weight; i++) {
      const cpu = sd.lists[base + i]!;
      if (!env.has(cpu)) continue;
      this.#add(cpu);
      nrRunning += rq.nrRunning[cpu]!;
    }
    // All of its CPUs are struck from the pass.
    if (this.#min === Number.POSITIVE_INFINITY) this.#min = 0;
    this.#rank =
      nrRunning > weight ? Rank.OVERLOADED : sd.sgcImbalance[sd.groupSgc[group]!] !== 0 ? Rank.IMBALANCED : Rank.OTHER;
  }

  /** False: the task may use none of its CPUs. */
  #lookFor(task: number, group: number): boolean {
    const { sd } = k;
    const base = sd.groupBase[group]!;
    let usable = false;
    this.#clear(group);
    for (let i = 0; i < sd.groupWeight[group]!; i++) {
      const cpu = sd.lists[base + i]!;
      this.#add(cpu);
      usable ||= allowed(task, cpu);
    }
    return usable;
  }

  #clear(group: number): void {
    this.#load = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#capacity = k.sd.sgcCapacity[k.sd.groupSgc[group]!]!;
  }

  #add(cpu: number): void {
    const load = rq.nrRunning[cpu] === 0 ? 0 : avg.loadAvg[cpu]!;
    this.#load += load;
    this.#min = Math.min(this.#min, load);
  }
}
