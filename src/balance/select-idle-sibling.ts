/**
 * The search for an idle CPU in the last-level cache of a woken task. @spec 05 §4
 */

import { fact } from '../sched/decide.ts';
import { k } from '../sched/kernel.ts';
import { syncEntityLoadAvg, taskUtilEst } from '../sched/load-avg.ts';
import * as loop from '../sched/loop.ts';
import { allowed, freeCpu, idleCpu, schedIdleCpu } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { charge } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import { clampedUtil } from '../sched/uclamp.ts';
import { because, scanned } from './explain-placement.ts';
import { sisPropCharge, sisPropLimit } from './sis-prop.ts';
import { sharesCache } from './wake-affine.ts';

const NONE_IDLE = 'select_idle_cpu: no CPU of the LLC idles: the target';

export class IdleSearch {
  /** CPUs still worth visiting in a search for a whole core. */
  readonly #set: Uint32Array;
  /** An idle CPU met on the way, should no whole core be. */
  #fallback = -1;
  /** CPUs looked at by the search at hand; they are charged to the waker. */
  #scanned = 0;
  /** What all searches have cost so far. */
  searchNs = 0;

  constructor(nrCpus: number) {
    this.#set = new Uint32Array((nrCpus + 31) >>> 5);
  }

  /** @spec 05 §4 */
  selectIdleSibling(task: number, prev: number, target: number): number {
    const cpu = this.#select(task, prev, target);
    const ns = this.#scanned * k.costs.scanLlcNs;
    this.searchNs += ns;
    charge(k.thisCpu, ns);
    return cpu;
  }

  #select(task: number, prev: number, target: number): number {
    const { sd } = k;
    let util = 0;
    if (k.asymCpucapacity) {
      syncEntityLoadAvg(task);
      util = clampedUtil(taskUtilEst(task), task);
    }
    // CPUs that are near at hand are looked at first; the own one costs nothing.
    this.#scanned = (target !== k.thisCpu ? 1 : 0) + (prev !== target && prev !== k.thisCpu ? 1 : 0);
    const fits = (cpu: number) => !k.asymCpucapacity || util * 1280 < rq.cpuCapacity[cpu]! * 1024;
    if (freeCpu(target) && fits(target)) return because(target, 'the target is idle');
    if (prev !== target && sharesCache(prev, target) && freeCpu(prev) && fits(prev)) {
      return because(prev, 'prev is idle and shares the cache of the target');
    }
    if (this.#stacksOnKthread(prev) && fits(prev)) {
      return because(prev, 'woken by a per-CPU kernel thread, which is about to sleep here');
    }

    const recent = tasks.recentUsedCpu[task]!;
    tasks.recentUsedCpu[task] = prev;
    if (
      recent !== prev &&
      recent !== target &&
      sharesCache(recent, target) &&
      freeCpu(recent) &&
      allowed(task, recent) &&
      fits(recent)
    ) {
      return because(recent, 'recent_used_cpu is idle');
    }
    const asym = k.asymCpucapacity ? sd.tree.sdAsymCpucapacity[target]! : -1;
    if (asym >= 0) {
      const cpu = this.#selectIdleCapacity(task, asym, target, util);
      if (cpu < 0) return because(target, 'select_idle_capacity: no CPU of the asymmetric domain is idle');
      return because(cpu, 'select_idle_capacity: an idle CPU that the task fits, or the largest');
    }
    const llc = sd.tree.sdLlc[target]!;
    if (llc < 0) return because(target, 'the target has no LLC domain to search');
    let hasCore = false;
    if (k.smtPresent) {
      hasCore = sd.shared[llc]! >= 0 && sd.hasIdleCores[sd.shared[llc]!] !== 0;
      if (!hasCore && sharesCache(prev, target)) {
        const cpu = this.#selectIdleSmt(task, llc, prev);
        if (cpu >= 0) return because(cpu, 'select_idle_smt: a thread of prev’s core is idle');
      }
    }
    const cpu = this.#selectIdleCpu(task, llc, hasCore, target);
    if (cpu < 0) return target;
    return because(
      cpu,
      hasCore ? 'select_idle_cpu: an idle core, or else an idle CPU' : 'select_idle_cpu: the next idle CPU',
    );
  }

  /** A per-CPU kernel thread wakes a task that was here: it is about to sleep. @spec 05 §4 step 3 */
  #stacksOnKthread(prev: number): boolean {
    const here = k.thisCpu;
    if (prev !== here || k.inInterrupt || loop.inSoftirq[here] !== 0) return false;
    return tasks.perCpuKthread[rq.curr[here]!] !== 0 && rq.nrRunning[here]! <= 1;
  }

  #selectIdleSmt(task: number, llc: number, prev: number): number {
    for (const cpu of k.siblings[prev]!) {
      if (cpu === prev || !allowed(task, cpu) || !k.sd.spans(llc, cpu)) continue;
      this.#scanned++;
      if (k.deciding) scanned(cpu);
      if (freeCpu(cpu)) return cpu;
    }
    return -1;
  }

  /** @spec 05 §4.1 */
  #selectIdleCpu(task: number, llc: number, hasCore: boolean, target: number): number {
    const { sd } = k;
    const shared = sd.shared[llc]!;
    let nr = Number.MAX_SAFE_INTEGER;
    if (k.features.SIS_PROP && !hasCore) {
      nr = sisPropLimit();
      if (nr === 0) return -1;
    }
    if (k.features.SIS_UTIL && shared >= 0) {
      nr = sd.nrIdleScan[shared]! + 1;
      if (k.deciding) fact('nr_idle_scan', nr - 1);
      if (nr === 1) return because(-1, 'nr_idle_scan is 0, the LLC too busy to be searched: the target');
    }
    if (!hasCore) {
      const before = this.#scanned;
      const cpu = this.#scan(task, llc, target, nr);
      if (k.features.SIS_PROP) sisPropCharge((this.#scanned - before) * k.costs.scanLlcNs);
      return cpu;
    }
    this.#loadSet(task, llc);
    this.#fallback = -1;
    const base = sd.spanBase[llc]!;
    const weight = sd.spanWeight[llc]!;
    const first = lowerBound(sd.lists, base, weight, target + 1);
    for (let i = 0; i < weight; i++) {
      const at = first + i < weight ? first + i : first + i - weight;
      const cpu = sd.lists[base + at]!;
      if ((this.#set[cpu >>> 5]! & (1 << (cpu & 31))) === 0) continue;
      if (this.#selectIdleCore(cpu)) return cpu;
    }
    sd.hasIdleCores[shared] = 0;
    return this.#fallback >= 0 ? this.#fallback : because(-1, NONE_IDLE);
  }

  /** The first free CPU among the next `nr - 1`. */
  #scan(task: number, llc: number, target: number, nr: number): number {
    const { sd } = k;
    const base = sd.spanBase[llc]!;
    const weight = sd.spanWeight[llc]!;
    const first = lowerBound(sd.lists, base, weight, target + 1);
    for (let i = 0; i < weight; i++) {
      const at = first + i < weight ? first + i : first + i - weight;
      const cpu = sd.lists[base + at]!;
      if (!allowed(task, cpu)) continue;
      if (--nr === 0) return because(-1, 'select_idle_cpu found none within nr_idle_scan: the target');
      this.#scanned++;
      if (k.deciding) scanned(cpu);
      if (freeCpu(cpu)) return cpu;
    }
    return because(-1, NONE_IDLE);
  }

  #loadSet(task: number, llc: number): void {
    const { sd, affinity } = k;
    const span = sd.spanMask[llc]!;
    const allowed = tasks.allowed[task]! * affinity.words;
    for (let i = 0; i < this.#set.length; i++) this.#set[i] = sd.masks[span + i]! & affinity.bits[allowed + i]!;
  }

  /** Is the whole core idle? If not, its threads need not be visited again. */
  #selectIdleCore(core: number): boolean {
    let idle = true;
    for (const cpu of k.siblings[core]!) {
      this.#scanned++;
      if (k.deciding) scanned(cpu);
      const inSet = (this.#set[cpu >>> 5]! & (1 << (cpu & 31))) !== 0;
      if (!idleCpu(cpu)) {
        idle = false;
        if (this.#fallback >= 0) break;
        if (schedIdleCpu(cpu) && inSet) {
          this.#fallback = cpu;
          break;
        }
      } else if (this.#fallback < 0 && inSet) {
        this.#fallback = cpu;
      }
    }
    if (idle) return true;
    for (const cpu of k.siblings[core]!) this.#set[cpu >>> 5]! &= ~(1 << (cpu & 31));
    return false;
  }

  /** @spec 05 §4.3 */
  #selectIdleCapacity(task: number, asym: number, target: number, util: number): number {
    const { sd } = k;
    const base = sd.spanBase[asym]!;
    const weight = sd.spanWeight[asym]!;
    const first = lowerBound(sd.lists, base, weight, target);
    let best = -1;
    let bestCapacity = 0;
    for (let i = 0; i < weight; i++) {
      const at = first + i < weight ? first + i : first + i - weight;
      const cpu = sd.lists[base + at]!;
      if (!allowed(task, cpu)) continue;
      this.#scanned++;
      if (k.deciding) scanned(cpu);
      if (!freeCpu(cpu)) continue;
      const capacity = rq.cpuCapacity[cpu]!;
      if (util * 1280 < capacity * 1024) return cpu;
      if (capacity > bestCapacity) {
        bestCapacity = capacity;
        best = cpu;
      }
    }
    return best;
  }
}

/** Position of the first element of an ascending list that is at least `value`. */
function lowerBound(lists: Int32Array, base: number, length: number, value: number): number {
  // Spans are mostly contiguous: try that first.
  const guess = value - lists[base]!;
  if (guess >= 0 && guess < length && lists[base + guess] === value) return guess;
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lists[base + middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The idle task was picked: if the core is idle now, wakeups may look for whole cores. @spec 05 §4.1 */
export function updateIdleCore(cpu: number): void {
  if (!k.smtPresent) return;
  const llc = k.sd.tree.sdLlc[cpu]!;
  if (llc < 0) return;
  const shared = k.sd.shared[llc]!;
  if (shared < 0 || k.sd.hasIdleCores[shared] !== 0) return;
  for (const sibling of k.siblings[cpu]!) if (sibling !== cpu && !idleCpu(sibling)) return;
  k.sd.hasIdleCores[shared] = 1;
}
