/**
 * Wakeups that look for an idle CPU beyond the last-level cache, where mainline stops. @spec 23 §2.3, §3
 *
 *   node                  mainline's search, then any idle CPU of the rest of the node
 *   machine_longest_idle  where the task ran last if that is idle, else the CPU of the machine that has been idle longest;
 *                         only where nothing sleeps deeply (no idle governor), as the fix was meant. No idle CPU: mainline
 */
import { SD } from '../sched/domains.ts';
import { k } from '../sched/kernel.ts';
import { allowed, freeCpu, idleCpu } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { charge } from '../sched/signals.ts';
import { because, scanned as lookedAt } from './explain-placement.ts';
import type { Faults } from './mechanisms.ts';
import { IdleSearch } from './select-idle-sibling.ts';

export class WideIdleSearch extends IdleSearch {
  readonly #scope: Exclude<Faults['wakeupScope'], 'llc'>;

  constructor(nrCpus: number, scope: Exclude<Faults['wakeupScope'], 'llc'>) {
    super(nrCpus);
    this.#scope = scope;
  }

  override selectIdleSibling(task: number, prev: number, target: number): number {
    if (this.#scope === 'machine_longest_idle') {
      const cpu = this.#longestIdle(task, prev);
      return cpu >= 0 ? cpu : super.selectIdleSibling(task, prev, target);
    }
    const cpu = super.selectIdleSibling(task, prev, target);
    if (freeCpu(cpu)) return cpu;
    const elsewhere = this.#inNode(task, target);
    return elsewhere >= 0 ? because(elsewhere, 'an idle CPU of the node, outside the cache') : cpu;
  }

  #longestIdle(task: number, prev: number): number {
    if (k.config.environment.idleGovernor !== 'none') return -1;
    if (allowed(task, prev) && idleCpu(prev)) return because(prev, 'prev is idle');
    const { map } = k.sd.tree;
    let best = -1;
    let since = Number.POSITIVE_INFINITY;
    let scanned = 0;
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      if ((map[cpu >>> 5]! & (1 << (cpu & 31))) === 0 || !allowed(task, cpu)) continue;
      scanned++;
      if (k.deciding) lookedAt(cpu);
      // Before its first task a CPU has no stamp (-1): it has been idle from the start.
      if (!idleCpu(cpu) || rq.idleStamp[cpu]! >= since) continue;
      since = rq.idleStamp[cpu]!;
      best = cpu;
    }
    charge(k.thisCpu, scanned * k.costs.scanLlcNs);
    return best < 0 ? best : because(best, 'the CPU of the machine that has been idle longest');
  }

  /** An idle CPU of the node of `target` outside its LLC. */
  #inNode(task: number, target: number): number {
    const { sd } = k;
    let node = -1;
    for (let d = sd.lowest[target]!; d >= 0 && (sd.flags[d]! & SD.NUMA) === 0; d = sd.parent[d]!) node = d;
    const llc = sd.tree.sdLlc[target]!;
    if (node < 0 || node === llc) return -1;
    const base = sd.spanBase[node]!;
    const weight = sd.spanWeight[node]!;
    let scanned = 0;
    let found = -1;
    for (let i = 0; i < weight && found < 0; i++) {
      const cpu = sd.lists[base + i]!;
      if (!allowed(task, cpu) || (llc >= 0 && sd.spans(llc, cpu))) continue;
      scanned++;
      if (k.deciding) lookedAt(cpu);
      if (idleCpu(cpu)) found = cpu;
    }
    charge(k.thisCpu, scanned * k.costs.scanLlcNs);
    return found;
  }
}
