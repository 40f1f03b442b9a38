/**
 * Pending events by time: an indexed 4-ary heap over a fixed set of slots.
 *
 * Each source of events owns one slot (the timer of a task, an interrupt line of a CPU, ...), so an event is only a time:
 * scheduling a slot that is already pending moves it, cancelling is by slot, and nothing is allocated.
 *
 * Order of equal times: the lower slot comes first. Nothing else can decide it, in particular not the order in which
 * events were scheduled; whoever lays out the slots decides what comes first at one instant.
 *
 * Time and slot are one key, (time - base) * SLOTS + slot, exact in a double for the 4.2 s after `base`; slots further
 * away are parked behind all others, in order of time alone, and get full keys when the base has moved on.
 */

/** Slots are numbers below this. */
export const MAX_SLOTS = 1 << 20;

/** Slots due within this of the base have full keys. They take half of the integers that a double has; */
const HORIZON_NS = 2 ** 52 / MAX_SLOTS;
/** from here on keys are of parked slots: ns since the base, exact for the next 52 days. */
const PARKED = 2 ** 52;

export class EventQueue {
  /** Heap of keys, and which slot each belongs to. */
  #keys: Float64Array;
  #slots: Int32Array;
  #size = 0;
  /** A double from the start, and not first a small integer: what is compiled for that is thrown away. */
  #base = -0;
  /** By slot: its place in the heap, or -1; and its time. */
  #place: Int32Array;
  #time: Float64Array;

  constructor(nrSlots: number) {
    if (nrSlots > MAX_SLOTS) throw new RangeError(`${nrSlots} event slots are more than ${MAX_SLOTS}`);
    this.#keys = new Float64Array(64);
    this.#slots = new Int32Array(64);
    this.#place = new Int32Array(nrSlots).fill(-1);
    this.#time = new Float64Array(nrSlots).fill(Number.POSITIVE_INFINITY);
  }

  get size(): number {
    return this.#size;
  }

  /** Makes room for slots up to `nrSlots`. */
  grow(nrSlots: number): void {
    if (nrSlots <= this.#place.length) return;
    if (nrSlots > MAX_SLOTS) throw new RangeError(`${nrSlots} event slots are more than ${MAX_SLOTS}`);
    const capacity = Math.min(MAX_SLOTS, Math.max(nrSlots, this.#place.length * 2));
    const place = new Int32Array(capacity).fill(-1);
    place.set(this.#place);
    this.#place = place;
    const time = new Float64Array(capacity).fill(Number.POSITIVE_INFINITY);
    time.set(this.#time);
    this.#time = time;
  }

  /** Time of the earliest event, Infinity if there is none. */
  nextTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#time[this.#slots[0]!]!;
  }

  /** When the slot is due, Infinity if it is not pending. */
  timeOf(slot: number): number {
    return this.#place[slot]! < 0 ? Number.POSITIVE_INFINITY : this.#time[slot]!;
  }

  isPending(slot: number): boolean {
    return this.#place[slot]! >= 0;
  }

  /** The slot will be due at `time` (not before the latest event taken), whether or not it was pending. */
  schedule(slot: number, time: number): void {
    const offset = time - this.#base;
    const key = offset < HORIZON_NS ? offset * MAX_SLOTS + slot : PARKED + offset;
    this.#time[slot] = time;
    const at = this.#place[slot]!;
    if (at < 0) {
      if (this.#size === this.#keys.length) this.#growHeap();
      this.#siftUp(this.#size++, key, slot);
    } else if (key < this.#keys[at]!) {
      this.#siftUp(at, key, slot);
    } else {
      this.#siftDown(at, key, slot);
    }
  }

  cancel(slot: number): void {
    const at = this.#place[slot]!;
    if (at < 0) return;
    this.#place[slot] = -1;
    const last = --this.#size;
    if (at === last) return;
    const key = this.#keys[last]!;
    const moved = this.#slots[last]!;
    if (key < this.#keys[at]!) this.#siftUp(at, key, moved);
    else this.#siftDown(at, key, moved);
  }

  /** Takes the earliest event; its slot, or -1 if there is none. */
  pop(): number {
    if (this.#size === 0) return -1;
    if (this.#keys[0]! >= PARKED) this.#rebase();
    const slot = this.#slots[0]!;
    this.#place[slot] = -1;
    const last = --this.#size;
    if (last > 0) this.#sinkHole(this.#keys[last]!, this.#slots[last]!);
    return slot;
  }

  /** The earliest event is parked: from now on count from its time. */
  #rebase(): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#size; i++) earliest = Math.min(earliest, this.#time[this.#slots[i]!]!);
    this.#base = earliest;
    const slots = this.#slots.slice(0, this.#size);
    this.#size = 0;
    this.#place.fill(-1);
    for (const slot of slots) this.schedule(slot, this.#time[slot]!);
  }

  #growHeap(): void {
    const keys = new Float64Array(this.#keys.length * 2);
    keys.set(this.#keys);
    this.#keys = keys;
    const slots = new Int32Array(this.#slots.length * 2);
    slots.set(this.#slots);
    this.#slots = slots;
  }

  #siftUp(at: number, key: number, slot: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    const place = this.#place;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const above = keys[parent]!;
      if (above <= key) break;
      const s = slots[parent]!;
      keys[at] = above;
      slots[at] = s;
      place[s] = at;
      at = parent;
    }
    keys[at] = key;
    slots[at] = slot;
    place[slot] = at;
  }

  #siftDown(at: number, key: number, slot: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    const place = this.#place;
    const size = this.#size;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= size) break;
      const child = this.#leastChild(first, size);
      const below = keys[child]!;
      if (key <= below) break;
      const s = slots[child]!;
      keys[at] = below;
      slots[at] = s;
      place[s] = at;
      at = child;
    }
    keys[at] = key;
    slots[at] = slot;
    place[slot] = at;
  }

  /** The root is empty: lets the hole sink to a leaf, then the last event climbs from there. */
  #sinkHole(key: number, slot: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    const place = this.#place;
    const size = this.#size;
    let at = 0;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= size) break;
      const child = this.#leastChild(first, size);
      const s = slots[child]!;
      keys[at] = keys[child]!;
      slots[at] = s;
      place[s] = at;
      at = child;
    }
    this.#siftUp(at, key, slot);
  }

  /** Of up to four children from `first`, the one with the least key; chosen by index arithmetic, not by branches. */
  #leastChild(first: number, size: number): number {
    const keys = this.#keys;
    if (first + 4 <= size) {
      const a = first + +(keys[first + 1]! < keys[first]!);
      const b = first + 2 + +(keys[first + 3]! < keys[first + 2]!);
      return keys[b]! < keys[a]! ? b : a;
    }
    let least = first;
    for (let i = first + 1; i < size; i++) if (keys[i]! < keys[least]!) least = i;
    return least;
  }
}
