/**
 * Episodes of waste: per idle CPU, each longest interval in which some waiting task could have run on it. @spec 23 §5.2
 *
 *   somebody waits      ┌──────────────┐      ┌────┐
 *   CPU 1 is idle    ───────────────┐              ┌────────
 *   episodes            ├───────────┤             ├┤
 *
 * One task that waits gives an episode to every idle CPU, so these are not kept one by one. All idle CPUs of a cell (CPUs
 * that are alike to every task, `affinity-classes.ts`) share the beginning of theirs, except those that became idle
 * in the middle, which are listed. When the waiting ends, one addition counts the former, and each of the latter has
 * been put on the list by an event of its own: the cost of an event does not depend on the number of CPUs.
 *
 * What happens at one instant is taken together: a task that is replaced by another at the same nanosecond does not cut an
 * episode in two. So changes are noted, and settled when time has moved on.
 */
import type { AffinityClasses } from './affinity-classes.ts';

/** Lower ends of the classes of length, ns; the first class is what is shorter than the first of them. */
export const EPISODE_BOUNDS_NS: readonly number[] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/** What the CPU is: not idle; idle; idle, with a task waiting that can run nowhere else. */
export const CpuIdleness = { BUSY: 0, IDLE: 1, IDLE_OWN: 2 } as const;

const NO_EPISODE = -1;
/** The episode began with that of the cell. */
const WITH_CELL = -2;

/** A CPU was idle while some waiting task could have run there. */
export interface IdleEpisode {
  readonly cpu: number;
  readonly fromNs: number;
  readonly toNs: number;
}

/** More are counted but not listed. */
const MAX_LISTED = 10_000;

export class IdleEpisodes {
  /** Number of episodes by class of length. */
  readonly counts = new Float64Array(EPISODE_BOUNDS_NS.length + 1);
  /** Episodes as long as `listNs`, in the order of their ends. */
  readonly list: IdleEpisode[] = [];
  readonly #listNs: number;
  /** Episodes are counted from here on; what began earlier began then. */
  #fromNs: number;
  readonly #affinity: AffinityClasses;
  /** By CPU: as settled, and as noted since. */
  readonly #is: Uint8Array;
  readonly #willBe: Uint8Array;
  readonly #startNs: Float64Array;
  readonly #dirty: number[] = [];
  readonly #isDirty: Uint8Array;
  /** Place of a listed CPU in its cell's list. */
  readonly #place: Int32Array;
  /** By cell: beginning of the waiting, or -1; idle CPUs; those listed. */
  #waitingSinceNs: number[] = [NO_EPISODE];
  #nrIdle: number[] = [0];
  #late: number[][] = [[]];
  /** By cell: sets of it with waiting tasks. */
  #nrSets: number[] = [0];
  /** By set: waiting tasks; the first is that of the free ones. */
  readonly #waiting: number[] = [0];
  #waitingChanged = false;

  constructor(affinity: AffinityClasses, startNs: number, listNs: number) {
    this.#listNs = listNs;
    const nrCpus = affinity.cellOf.length;
    this.#affinity = affinity;
    this.#fromNs = startNs;
    this.#is = new Uint8Array(nrCpus);
    this.#willBe = new Uint8Array(nrCpus);
    this.#isDirty = new Uint8Array(nrCpus);
    this.#startNs = new Float64Array(nrCpus).fill(NO_EPISODE);
    this.#place = new Int32Array(nrCpus);
  }

  setCpu(cpu: number, idleness: number): void {
    this.#willBe[cpu] = idleness;
    if (this.#isDirty[cpu] === 1 || this.#is[cpu] === idleness) return;
    this.#isDirty[cpu] = 1;
    this.#dirty.push(cpu);
  }

  /** Tasks of the set that wait, but for those that are a CPU's own. */
  changeWaiting(set: number, by: 1 | -1): void {
    const before = this.#waiting[set] ?? 0;
    this.#waiting[set] = before + by;
    if (before !== 0 && before + by !== 0) return;
    this.#waitingChanged = true;
    if (set !== 0) for (const cell of this.#affinity.cells(set)) this.#nrSets[cell]! += by;
  }

  /** Everything that happened at `nowNs` has been told. */
  settle(nowNs: number): void {
    if (this.#dirty.length === 0 && !this.#waitingChanged) return;
    for (const cpu of this.#dirty) {
      this.#isDirty[cpu] = 0;
      if (this.#is[cpu] === CpuIdleness.IDLE && this.#willBe[cpu] !== CpuIdleness.IDLE) this.#leave(cpu, nowNs);
    }
    if (this.#waitingChanged) {
      this.#waitingChanged = false;
      for (let cell = 0; cell < this.#nrIdle.length; cell++) this.#settleCell(cell, nowNs);
    }
    for (const cpu of this.#dirty) this.#become(cpu, nowNs);
    this.#dirty.length = 0;
  }

  /** Forgets what was counted. */
  restart(nowNs: number): void {
    this.counts.fill(0);
    this.list.length = 0;
    this.#fromNs = nowNs;
  }

  /** Ends all episodes. */
  end(nowNs: number): void {
    this.settle(nowNs);
    for (let cpu = 0; cpu < this.#is.length; cpu++) this.setCpu(cpu, CpuIdleness.BUSY);
    this.settle(nowNs);
  }

  /** `refine` changes the cells: each CPU takes its episode along to its new cell. */
  recell(refine: () => void): void {
    const members = this.#is.map((is, cpu) => {
      if (is !== CpuIdleness.IDLE) return 0;
      if (this.#startNs[cpu] === WITH_CELL) this.#startNs[cpu] = this.#waitingSinceNs[this.#affinity.cellOf[cpu]!]!;
      return 1;
    });
    const oldCell = Int32Array.from(this.#affinity.cellOf);
    refine();
    const { nrCells, cellOf } = this.#affinity;
    const since = this.#waitingSinceNs;
    this.#waitingSinceNs = new Array<number>(nrCells).fill(NO_EPISODE);
    this.#nrIdle = new Array<number>(nrCells).fill(0);
    this.#late = Array.from({ length: nrCells }, () => []);
    this.#nrSets = new Array<number>(nrCells).fill(0);
    this.#waiting.forEach((n, set) => {
      if (set !== 0 && n > 0) for (const cell of this.#affinity.cells(set)) this.#nrSets[cell]! += 1;
    });
    members.forEach((member, cpu) => {
      const cell = cellOf[cpu]!;
      this.#waitingSinceNs[cell] = since[oldCell[cpu]!]!;
      if (member === 0) return;
      this.#nrIdle[cell]! += 1;
      if (this.#startNs[cpu]! >= 0) this.#list(cpu, cell);
      else this.#startNs[cpu] = WITH_CELL;
    });
  }

  /** The CPU leaves the idle ones of its cell, and takes the beginning of its episode with it. */
  #leave(cpu: number, nowNs: number): void {
    const cell = this.#affinity.cellOf[cpu]!;
    this.#nrIdle[cell]! -= 1;
    if (this.#startNs[cpu] === WITH_CELL) {
      this.#startNs[cpu] = this.#waitingSinceNs[cell]!;
    } else {
      const late = this.#late[cell]!;
      const last = late.pop()!;
      if (last !== cpu) {
        late[this.#place[cpu]!] = last;
        this.#place[last] = this.#place[cpu]!;
      }
    }
    if (this.#willBe[cpu] === CpuIdleness.BUSY) {
      this.#end(cpu, nowNs);
      this.#startNs[cpu] = NO_EPISODE;
    }
  }

  #become(cpu: number, nowNs: number): void {
    const before = this.#is[cpu];
    const idleness = this.#willBe[cpu]!;
    if (before === idleness) return;
    this.#is[cpu] = idleness;
    if (idleness === CpuIdleness.IDLE_OWN) {
      if (this.#startNs[cpu]! < 0) this.#startNs[cpu] = nowNs;
      return;
    }
    if (idleness === CpuIdleness.BUSY) {
      if (before === CpuIdleness.IDLE_OWN) this.#end(cpu, nowNs);
      this.#startNs[cpu] = NO_EPISODE;
      return;
    }
    const cell = this.#affinity.cellOf[cpu]!;
    this.#nrIdle[cell]! += 1;
    if (this.#waitingSinceNs[cell]! >= 0) {
      if (this.#startNs[cpu]! < 0) this.#startNs[cpu] = nowNs;
      this.#list(cpu, cell);
      return;
    }
    if (before === CpuIdleness.IDLE_OWN) this.#end(cpu, nowNs);
    this.#startNs[cpu] = WITH_CELL;
  }

  #settleCell(cell: number, nowNs: number): void {
    const waits = this.#waiting[0]! > 0 || this.#nrSets[cell]! > 0;
    const since = this.#waitingSinceNs[cell]!;
    if (waits === since >= 0) return;
    if (waits) {
      this.#waitingSinceNs[cell] = nowNs;
      return;
    }
    this.#waitingSinceNs[cell] = NO_EPISODE;
    const late = this.#late[cell]!;
    if (nowNs - Math.max(since, this.#fromNs) >= this.#listNs) this.#listCell(cell, since, nowNs);
    this.#count(since, nowNs, this.#nrIdle[cell]! - late.length);
    for (const cpu of late) {
      this.#end(cpu, nowNs);
      this.#startNs[cpu] = WITH_CELL;
    }
    late.length = 0;
  }

  /** The episode of a CPU with a beginning of its own is over. */
  #end(cpu: number, nowNs: number): void {
    const startNs = this.#startNs[cpu]!;
    this.#count(startNs, nowNs, 1);
    if (startNs >= 0 && nowNs - Math.max(startNs, this.#fromNs) >= this.#listNs) this.#note(cpu, startNs, nowNs);
  }

  #listCell(cell: number, since: number, nowNs: number): void {
    this.#affinity.cellOf.forEach((of, cpu) => {
      const isOfCell = of === cell && this.#is[cpu] === CpuIdleness.IDLE && this.#startNs[cpu] === WITH_CELL;
      if (isOfCell) this.#note(cpu, since, nowNs);
    });
  }

  #note(cpu: number, startNs: number, nowNs: number): void {
    if (this.list.length < MAX_LISTED) this.list.push({ cpu, fromNs: Math.max(startNs, this.#fromNs), toNs: nowNs });
  }

  #list(cpu: number, cell: number): void {
    this.#place[cpu] = this.#late[cell]!.push(cpu) - 1;
  }

  #count(startNs: number, nowNs: number, n: number): void {
    if (startNs < 0 || n === 0) return;
    const length = nowNs - Math.max(startNs, this.#fromNs);
    if (length <= 0) return;
    let i = 0;
    while (i < EPISODE_BOUNDS_NS.length && length >= EPISODE_BOUNDS_NS[i]!) i++;
    this.counts[i]! += n;
  }
}
