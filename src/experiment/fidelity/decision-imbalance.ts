/**
 * Which groups are marked as imbalanced because tasks that may not move were met below: a pass of the child domain sets
 * and clears the mark of the group that it spans. @spec 06 §3
 */
import { LbFlag } from '../../balance/env.ts';
import { k } from '../../sched/kernel.ts';
import { May } from './decision-cpus.ts';
import type { Pass } from './decision-passes.ts';

export class ImbalanceMarks {
  /** By capacity object: `May` be marked. Not known before the first pass; groups of one CPU have no domain below them. */
  readonly marks: Uint8Array;

  constructor() {
    const { sd } = k;
    this.marks = new Uint8Array(sd.sgcImbalance.length).fill(May.NOT);
    for (let domain = 0; domain < sd.nrDomains; domain++) {
      if (sd.parent[domain]! >= 0) this.marks[sd.groupSgc[sd.localGroup(sd.parent[domain]!)]!] = May.NOT | May.BE;
    }
  }

  /** A pass ends. */
  leave(pass: Pass, flags: number, imbalance: number): void {
    const { sd } = k;
    const parent = sd.parent[pass.domain]!;
    if (parent < 0) return;
    const sgc = sd.groupSgc[sd.localGroup(parent)]!;
    if ((flags & LbFlag.SOME_PINNED) !== 0) this.marks[sgc] = imbalance > 0 ? May.BE : this.marks[sgc]! | May.BE;
    if (!pass.found && (flags & LbFlag.ALL_PINNED) === 0) this.marks[sgc] = May.NOT;
  }
}
