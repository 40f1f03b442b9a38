/**
 * A balance pass up to its busiest queue, written down once more: word by word from the spec, slowly, with 64-bit integers
 * where the kernel has them. For comparison with the real thing in random states.
 */
import * as avg from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { SD } from '../../src/sched/domains.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';

export const TYPES = ['has_spare', 'fully_busy', 'misfit_task', 'asym_packing', 'imbalanced', 'overloaded'] as const;
export type TypeName = (typeof TYPES)[number];
const NOT_IDLE = 1;

export interface NaiveGroup {
  readonly id: number;
  readonly local: boolean;
  readonly type: TypeName;
  readonly load: number;
  readonly util: number;
  readonly capacity: number;
  readonly weight: number;
  readonly nr: number;
  readonly hNr: number;
  readonly idleCpus: number;
  readonly misfit: number;
  avgLoad: number;
}

export interface NaivePass {
  readonly sd: number;
  readonly dst: number;
  readonly idle: number;
  /** CPUs of the span that have not been struck. */
  readonly cpus: ReadonlySet<number>;
}

const cap = (cpu: number) => rq.cpuCapacity[cpu]!;
const has = (sd: number, flag: number) => (k.sd.flags[sd]! & flag) !== 0;
const div = (a: number, b: number) => Number(BigInt(a) / BigInt(b));

export function isIdle(cpu: number): boolean {
  return rq.curr[cpu] === cpu && rq.nrRunning[cpu] === 0 && rq.ttwuPending[cpu] === 0;
}

/** @spec 06 §5.1 */
export function utilOf(cpu: number): number {
  return Math.min(Math.max(avg.utilAvg[cpu]!, cfs.utilEstEnqueued[cpu]!), rq.cpuCapacityOrig[cpu]!);
}

function reduced(cpu: number, sd: number): boolean {
  return cap(cpu) * k.sd.imbalancePct[sd]! < rq.cpuCapacityOrig[cpu]! * 100;
}

function prefer(a: number, b: number): boolean {
  return k.topology.priority[a]! > k.topology.priority[b]!;
}

function greater(a: number, b: number): boolean {
  return a * 1024 > b * 1078;
}

export function cpusOf(group: number): number[] {
  return [...k.sd.lists.subarray(k.sd.groupBase[group]!, k.sd.groupBase[group]! + k.sd.groupWeight[group]!)];
}

/** Groups of a domain from the local one. */
export function ringOf(sd: number): number[] {
  const { lists, ringBase, ringLength, ringStart } = k.sd;
  const length = ringLength[sd]!;
  return Array.from({ length }, (_, i) => lists[ringBase[sd]! + ((ringStart[sd]! + i) % length)]!);
}

/** @spec 06 §5.3 */
export function classify(
  pct: number,
  g: { nr: number; weight: number; capacity: number; util: number; runnable: number },
  imbalanced: boolean,
  packing: boolean,
  misfit: number,
): TypeName {
  const overUtil = g.capacity * 100 < g.util * pct;
  const overRunnable = g.capacity * pct < g.runnable * 100;
  if (g.nr > g.weight && (overUtil || overRunnable)) return 'overloaded';
  if (imbalanced) return 'imbalanced';
  if (packing) return 'asym_packing';
  if (misfit !== 0) return 'misfit_task';
  const spare = g.nr < g.weight || (!overRunnable && g.capacity * 100 > g.util * pct);
  return spare ? 'has_spare' : 'fully_busy';
}

function statistics(pass: NaivePass, id: number, local: NaiveGroup | null): NaiveGroup {
  const { sd, idle } = pass;
  const cpus = cpusOf(id).filter((cpu) => pass.cpus.has(cpu));
  const sum = (of: (cpu: number) => number) => cpus.reduce((total, cpu) => total + of(cpu), 0);
  const counted = cpus.filter((cpu) => !isIdle(cpu));
  let misfit = 0;
  if (local !== null) {
    for (const cpu of counted) {
      if (has(sd, SD.ASYM_CPUCAPACITY)) misfit = Math.max(misfit, rq.misfitTaskLoad[cpu]!);
      else if (idle !== NOT_IDLE && cfs.hNrRunning[cpu] === 1 && reduced(cpu, sd))
        misfit = Math.max(misfit, avg.loadAvg[cpu]!);
    }
  }
  const g = {
    id,
    local: local === null,
    load: sum((cpu) => avg.loadAvg[cpu]!),
    util: sum(utilOf),
    runnable: sum((cpu) => avg.runnableAvg[cpu]!),
    nr: sum((cpu) => rq.nrRunning[cpu]!),
    hNr: sum((cpu) => cfs.hNrRunning[cpu]!),
    idleCpus: cpus.length - counted.length,
    capacity: k.sd.sgcCapacity[k.sd.groupSgc[id]!]!,
    weight: cpusOf(id).length,
    misfit,
    avgLoad: 0,
  };
  const packing =
    local !== null && has(sd, SD.ASYM_PACKING) && idle !== NOT_IDLE && g.hNr > 0 && schedAsym(pass, local, g);
  const type = classify(k.sd.imbalancePct[sd]!, g, k.sd.sgcImbalance[k.sd.groupSgc[id]!] !== 0, packing, misfit);
  if (type === 'overloaded') g.avgLoad = div(g.load * 1024, g.capacity);
  return { ...g, type };
}

/** @spec 06 §5.5 */
function schedAsym(pass: NaivePass, local: NaiveGroup, g: { id: number; weight: number; idleCpus: number }): boolean {
  const preferred = prefer(pass.dst, k.sd.groupPreferCpu[g.id]!);
  const isSmt = (id: number) => (k.sd.groupFlags[id]! & SD.SHARE_CPUCAPACITY) !== 0;
  const busy = g.weight - g.idleCpus;
  if (!isSmt(local.id) && !isSmt(g.id)) return preferred;
  if (!isSmt(local.id)) return busy >= 2 || preferred;
  if (isSmt(g.id)) return busy - (local.weight - local.idleCpus) === 1 && preferred;
  return local.nr === 0 && preferred;
}

/** @spec 06 §6 */
function replaces(pass: NaivePass, local: NaiveGroup, g: NaiveGroup, incumbent: NaiveGroup | null): boolean {
  const { sd, dst } = pass;
  if (g.hNr === 0) return false;
  if (has(sd, SD.ASYM_CPUCAPACITY)) {
    const sgc = k.sd.groupSgc[g.id]!;
    const coreIdle = !k.smtPresent || [...k.siblings[dst]!].every((cpu) => cpu === dst || isIdle(cpu));
    if (g.type === 'misfit_task' && (!coreIdle || !greater(cap(dst), k.sd.sgcMax[sgc]!) || local.type !== 'has_spare'))
      return false;
    if (TYPES.indexOf(g.type) <= 1 && greater(k.sd.sgcMin[sgc]!, cap(dst))) return false;
  }
  const order = TYPES.indexOf(g.type) - TYPES.indexOf(incumbent?.type ?? 'has_spare');
  if (order !== 0) return order > 0;
  if (incumbent === null) return true;
  switch (g.type) {
    case 'overloaded':
      return g.avgLoad > incumbent.avgLoad;
    case 'asym_packing':
      return !prefer(k.sd.groupPreferCpu[g.id]!, k.sd.groupPreferCpu[incumbent.id]!);
    case 'misfit_task':
      return g.misfit >= incumbent.misfit;
    case 'has_spare':
      return g.idleCpus < incumbent.idleCpus || (g.idleCpus === incumbent.idleCpus && g.nr > incumbent.nr);
    default:
      return false;
  }
}

export interface NaiveResult {
  readonly group: number;
  readonly migrationType: 'load' | 'util' | 'task' | 'misfit';
  readonly imbalance: number;
}

/** @spec 06 §7; null: balanced. */
export function naiveBusiestGroup(pass: NaivePass): NaiveResult | null {
  const { sd, idle } = pass;
  const [first, ...others] = ringOf(sd);
  const local = statistics(pass, first!, null);
  let busiest: NaiveGroup | null = null;
  let load = local.load;
  let capacity = local.capacity;
  for (const id of others) {
    const g = statistics(pass, id, local);
    if (replaces(pass, local, g, busiest)) busiest = g;
    load += g.load;
    capacity += g.capacity;
  }
  if (busiest === null) return null;
  const average = div(load * 1024, capacity);
  const preferSibling = k.sd.child[sd]! >= 0 && has(k.sd.child[sd]!, SD.PREFER_SIBLING);
  const calculate = () => imbalanceOf(pass, local, busiest!, average, preferSibling);
  if (['misfit_task', 'asym_packing', 'imbalanced'].includes(busiest.type)) return calculate();
  if (TYPES.indexOf(local.type) > TYPES.indexOf(busiest.type)) return null;
  if (local.type === 'overloaded') {
    if (local.avgLoad >= busiest.avgLoad || local.avgLoad >= average) return null;
    if (100 * busiest.avgLoad <= k.sd.imbalancePct[sd]! * local.avgLoad) return null;
  }
  if (preferSibling && local.type === 'has_spare' && busiest.nr > local.nr + 1) return calculate();
  if (busiest.type !== 'overloaded') {
    if (idle === NOT_IDLE) return null;
    if (busiest.weight > 1 && local.idleCpus <= busiest.idleCpus + 1) return null;
    if (busiest.hNr === 1) return null;
  }
  return calculate();
}

/** @spec 06 §8 */
function imbalanceOf(
  pass: NaivePass,
  l: NaiveGroup,
  b: NaiveGroup,
  average: number,
  preferSibling: boolean,
): NaiveResult | null {
  const { sd, idle } = pass;
  const move = (migrationType: NaiveResult['migrationType'], imbalance: number) =>
    imbalance === 0 ? null : { group: b.id, migrationType, imbalance };
  if (b.type === 'misfit_task') return has(sd, SD.ASYM_CPUCAPACITY) ? move('misfit', 1) : move('load', b.misfit);
  if (b.type === 'asym_packing') return move('task', b.hNr);
  if (b.type === 'imbalanced') return move('task', 1);
  if (l.type === 'has_spare') {
    if (b.type === 'overloaded' && !has(sd, SD.SHARE_PKG_RESOURCES)) {
      const room = Math.max(l.capacity, l.util) - l.util;
      return room === 0 && idle !== NOT_IDLE ? move('task', 1) : move('util', room);
    }
    let x = BigInt(Math.max(0, b.nr - l.nr));
    if (b.weight !== 1 && !preferSibling) x = BigInt.asUintN(32, BigInt(l.idleCpus - b.idleCpus));
    if (has(sd, SD.NUMA) && l.nr + 1 <= k.sd.imbNumaNr[sd]! && BigInt.asIntN(32, x) <= 2n) x = 0n;
    return move('task', Number(x >> 1n));
  }
  if (l.type !== 'overloaded') {
    l.avgLoad = div(l.load * 1024, l.capacity);
    if (l.avgLoad >= b.avgLoad || l.avgLoad >= average) return null;
  }
  const give = BigInt.asUintN(64, BigInt.asUintN(64, BigInt(b.avgLoad - average)) * BigInt(b.capacity));
  const take = BigInt.asUintN(64, BigInt.asUintN(64, BigInt(average - l.avgLoad)) * BigInt(l.capacity));
  return move('load', Number((give < take ? give : take) / 1024n));
}

/** @spec 06 §9; -1: none. */
export function naiveBusiestQueue(pass: NaivePass, { group, migrationType, imbalance }: NaiveResult): number {
  const { sd, dst } = pass;
  const cpus = cpusOf(group).filter((cpu) => pass.cpus.has(cpu));
  const klass = (nr: number, numa: number, preferred: number) => (nr > numa ? 0 : nr > preferred ? 1 : 2);
  const total = (column: ArrayLike<number>) => cpus.reduce((sum, cpu) => sum + column[cpu]!, 0);
  const allowed = has(sd, SD.NUMA)
    ? klass(total(cfs.hNrRunning), total(rq.numaRunning), total(rq.preferredRunning))
    : 2;
  const candidates = cpus.filter((cpu) => {
    const hNr = cfs.hNrRunning[cpu]!;
    if (klass(rq.nrRunning[cpu]!, rq.numaRunning[cpu]!, rq.preferredRunning[cpu]!) > allowed || hNr === 0) return false;
    if (has(sd, SD.ASYM_CPUCAPACITY) && !greater(cap(dst), cap(cpu)) && hNr === 1) return false;
    if (has(sd, SD.ASYM_PACKING) && prefer(cpu, dst) && hNr === 1) return false;
    if (migrationType === 'load') return !(hNr === 1 && avg.loadAvg[cpu]! > imbalance && !reduced(cpu, sd));
    return migrationType !== 'util' || hNr > 1;
  });
  const worth = (cpu: number) => {
    switch (migrationType) {
      case 'load':
        return avg.loadAvg[cpu]! / cap(cpu);
      case 'util':
        return utilOf(cpu);
      case 'task':
        return cfs.hNrRunning[cpu]!;
      default:
        return rq.misfitTaskLoad[cpu]!;
    }
  };
  return candidates.reduce((best, cpu) => (worth(cpu) > (best < 0 ? 0 : worth(best)) ? cpu : best), -1);
}
