/**
 * The emulator of the kernel lab's guest: one thread, in which the virtual CPUs that are not halted take turns, and a clock
 * that counts the instructions of all of them. So a CPU does kernel work at full speed while it has its turn, and everybody
 * else's turns pass before it goes on. @spec 24 §8
 *
 *   slice  ├───────────────────── emulator's timer ──────────────────────┤
 *   turns  │ CPU 2   │ CPU 3 │CPU 0│CPU 1│CPU 2│CPU 3│  (four CPUs with work; a pass goes from the first CPU to the last)
 *
 * The time to the emulator's timer is divided by the number of CPUs, halted ones too, when a pass begins: that is everybody's
 * turn. After the timer the first two CPUs are left out once, and for each of the others the division is done again: seen
 * in `smp4-hackbench`, of which the moments lie at the same places in each slice of 20 us.
 *
 * A CPU that halts ends its turn; a task that waits for a clock to advance (a hog) gives it away as soon as it has looked at
 * the clock. An interrupt reaches a CPU at its next turn, be it halted or not; and so does the end of a hog's time.
 *
 * Turns are only played out while there is work of the kernel or of programs that do not wait for clocks.
 */
import { RandomStreams } from '../engine/random.ts';
import { MAX_CPUS } from './columns.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';

/** Turns never become shorter than this, ns. */
const LEAST_TURN_NS = 100;

/** After the emulator's timer the CPUs before this one are left out. */
const FIRST_AFTER_TIMER = 2;

export class Emulator {
  readonly #sliceNs: number;
  readonly #spinNs: number;
  /** When its timer is due next; and a CPU's turn. */
  #deadline: number;
  #budget = 0;
  /** The timer has just been due: each turn up to the end of the pass is worked out for itself. */
  #fresh = false;
  /** Whose turn it is, since when (or since its work was last counted), and until when; -1: nobody's. */
  #holder = -1;
  #since = 0;
  #end = 0;
  /** Instructions that a CPU has yet to do before its run event, ns; -1: none. */
  readonly #need = new Float64Array(MAX_CPUS).fill(-1);
  /** The CPU has an interrupt to take, or a clock to look at, when its turn comes. */
  readonly #asks = new Uint8Array(MAX_CPUS);
  /** Interrupts that are sent when what their sender does now is done: their slots and how much later they arrive. */
  readonly #sent: Int32Array[] = [];
  readonly #sentCount = new Int32Array(MAX_CPUS);
  readonly #latency = new Float64Array(2 * MAX_CPUS);
  readonly #underway = new Uint8Array(2 * MAX_CPUS);

  /** `spinNs`: how long a hog needs to look at the clock. */
  constructor(sliceNs: number, spinNs: number, seed: number) {
    this.#sliceNs = sliceNs;
    this.#spinNs = spinNs;
    const random = new RandomStreams(1);
    random.seed(0, seed, 'emulator', 0);
    this.#deadline = random.below(0, sliceNs);
  }

  // ---- what CPUs do

  /** The CPU has `work` ns of instructions to do before its run event is due. */
  work(cpu: number, work: number): void {
    this.#need[cpu] = work;
    if (this.#holder === cpu) this.#goOn();
    else this.#wake();
  }

  /** It is stopped; returns what is left. */
  stop(cpu: number): number {
    const need = this.#need[cpu]!;
    this.#need[cpu] = -1;
    k.queue.cancel(k.slotRun + cpu);
    return this.#holder === cpu ? Math.max(0, need - (k.now - this.#since)) : need;
  }

  /** The run event of the CPU is due. */
  done(cpu: number): void {
    this.#need[cpu] = -1;
    this.#release(cpu);
  }

  /** Something is to be attended to at the CPU's next turn; true if it is its turn. */
  ask(cpu: number): boolean {
    if (this.#holder === cpu) return true;
    this.#asks[cpu] = 1;
    this.#wake();
    return false;
  }

  // ---- interrupts between CPUs

  /** The executing CPU sends an interrupt: its slot will be due, `latencyNs` after the work it is doing. */
  send(slot: number, latencyNs: number): void {
    if (this.#underway[slot] !== 0) return;
    this.#underway[slot] = 1;
    this.#latency[slot] = latencyNs;
    const from = k.thisCpu;
    this.#sent[from] ??= new Int32Array(2 * MAX_CPUS);
    this.#sent[from]![this.#sentCount[from]!++] = slot;
  }

  #release(from: number): void {
    for (let i = 0; i < this.#sentCount[from]!; i++) {
      const slot = this.#sent[from]![i]!;
      this.#underway[slot] = 0;
      k.queue.schedule(slot, k.now + this.#latency[slot]!);
    }
    this.#sentCount[from] = 0;
  }

  // ---- turns

  /** A turn is over: goes on to the next CPU that has something to do. Returns it if it asked for its turn, else -1. */
  turn(): number {
    const holder = this.#holder;
    if (holder >= 0 && this.#need[holder]! >= 0) {
      k.queue.cancel(k.slotRun + holder);
      this.#need[holder] = Math.max(0, this.#need[holder]! - (k.now - this.#since));
    }
    return this.#advance();
  }

  /** The CPU that has the turn has done what it could for now; as `turn` if that ends its turn. */
  settle(): number {
    const holder = this.#holder;
    if (holder < 0) return -1;
    if (this.#need[holder]! >= 0) return -1;
    this.#release(holder);
    if (!this.#spins(holder)) return this.#advance();
    this.#end = Math.min(this.#end, k.now + this.#spinNs);
    k.queue.schedule(k.slotTurn, this.#end);
    return -1;
  }

  /** From the CPU whose turn is over to the next. */
  #advance(): number {
    for (;;) {
      const next = this.#holder + 1;
      if (next < k.nrCpus) {
        this.#holder = next;
        if (this.#fresh) this.#divide();
      } else if (!this.#beginPass()) {
        return -1;
      }
      const cpu = this.#holder;
      if (this.#asks[cpu] !== 0 || this.#need[cpu]! >= 0) {
        this.#since = k.now;
        this.#end = k.now + this.#budget;
        k.queue.schedule(k.slotTurn, this.#end);
        if (this.#asks[cpu] !== 0 && loop.busy[cpu] === 0) {
          this.#asks[cpu] = 0;
          return cpu;
        }
        this.#asks[cpu] = 0;
        if (this.#need[cpu]! >= 0) this.#goOn();
        return -1;
      }
      if (this.#spins(cpu)) {
        this.#end = k.now + Math.min(this.#spinNs, this.#budget);
        k.queue.schedule(k.slotTurn, this.#end);
        return -1;
      }
    }
  }

  /** False if nobody has anything to do but look at clocks; then turns are not played out. */
  #beginPass(): boolean {
    this.#fresh = false;
    if (!this.#hasWork()) {
      this.#holder = -1;
      k.queue.cancel(k.slotTurn);
      return false;
    }
    this.#holder = 0;
    if (k.now >= this.#deadline) {
      this.#nextDeadline();
      this.#fresh = true;
      if (k.nrCpus > FIRST_AFTER_TIMER) this.#holder = FIRST_AFTER_TIMER;
    }
    this.#divide();
    return true;
  }

  #divide(): void {
    this.#budget = Math.max(LEAST_TURN_NS, Math.floor((this.#deadline - k.now) / k.nrCpus));
  }

  #nextDeadline(): void {
    const late = k.now - this.#deadline;
    this.#deadline += (Math.floor(late / this.#sliceNs) + 1) * this.#sliceNs;
  }

  /** Turns are played out from now on. A timer or a clock has brought this about: a pass begins. */
  #wake(): void {
    if (this.#holder >= 0 || k.queue.isPending(k.slotTurn)) return;
    if (k.now >= this.#deadline) this.#nextDeadline();
    this.#holder = -1;
    this.#fresh = false;
    this.#divide();
    k.queue.schedule(k.slotTurn, k.now);
  }

  /** The CPU that has the turn does what it has to do, as far as the turn goes. */
  #goOn(): void {
    const cpu = this.#holder;
    this.#since = k.now;
    const at = k.now + this.#need[cpu]!;
    if (at <= this.#end) k.queue.schedule(k.slotRun + cpu, at);
  }

  #spins(cpu: number): boolean {
    return loop.segmentActive[cpu] !== 0 && loop.segmentSpins[cpu] !== 0;
  }

  #hasWork(): boolean {
    for (let cpu = 0; cpu < k.nrCpus; cpu++) if (this.#asks[cpu] !== 0 || this.#need[cpu]! >= 0) return true;
    return false;
  }
}
