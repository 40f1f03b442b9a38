/**
 * The decision records of a policy file. Nobody has to ask for them: what a hook looks at (`scan`) and what is refused to it
 * (`canMove`) is noted while decisions are recorded, and what it then does, or does not do, leaves a record with that.
 *
 *   scan(3), canMove(t) is false, because('avg_idle', ...), fact(...)      notes of the hook call
 *     ├─ a move, a kick ──────────────► a record of it
 *     ├─ selectCpu answers ───────────► the record of the placement
 *     └─ it ends, having moved nothing ► a record with its reason, or else with the one that most tasks were refused for
 *
 * A hook can be called in the middle of what the base policy notes: its records are kept apart from that. @spec 23 §5.2
 */
import { considered, decide, fact, lookedAt, resume, setAside } from '../../sched/decide.ts';
import { DecisionKind, REASONS, Reason } from '../../trace/decisions.ts';
import { because, decidePlacement } from '../explain-placement.ts';

/** What one call of a hook has noted, through all steps of a search. */
export class HookNotes {
  /** The hook. */
  readonly hook: string;
  /** Records left so far. */
  records = 0;
  #reason: Reason = Reason.NONE;
  #why = '';
  #told = false;
  readonly #cpus = new Set<number>();
  readonly #tasks: { readonly task: number; readonly reason: Reason; readonly why: string }[] = [];
  readonly #facts = new Map<string, number>();

  constructor(hook: string) {
    this.hook = hook;
  }

  scanned(cpu: number): void {
    this.#cpus.add(cpu);
  }

  refused(task: number, reason: Reason, why: string): void {
    this.#tasks.push({ task, reason, why });
  }

  fact(name: string, value: number): void {
    this.#facts.set(name, value);
  }

  because(reason: Reason, why: string): void {
    this.#reason = reason;
    this.#why = why;
    this.#told = true;
  }

  /** The task goes from CPU `from` to CPU `to`. */
  moved(task: number, from: number, to: number): void {
    this.#record(from, task, to, Reason.PULLED, this.#text(''), 1);
  }

  /** Something is asked of CPU `to` about CPU `from`, and maybe about a task. */
  asked(operation: string, task: number, from: number, to: number): void {
    this.#record(from, task, to, Reason.NONE, this.#text(operation), 0);
  }

  /** The hook has chosen a CPU for a task. */
  placed(task: number, prev: number, chosen: number, flags: number): void {
    because(chosen, this.#text(''));
    const before = setAside();
    this.#replay();
    decidePlacement(task, prev, chosen, flags);
    resume(before);
  }

  /** The hook is over; `cpu` executed it (-1: nobody). `did`: what it has the base policy not do, or nothing. */
  ended(cpu: number, task: number, did: string): void {
    if (cpu < 0) return;
    if (this.#told) return this.#record(cpu, task, -1, this.#reason, this.#text(''), 0);
    if (this.records > 0) return;
    if (this.#cpus.size > 0 || this.#tasks.length > 0) {
      const searched = this.hook === 'newidle' || this.hook === 'newidleFailed';
      const none = searched ? Reason.NO_BUSIEST_QUEUE : Reason.OUT_OF_SCOPE;
      this.#record(cpu, task, -1, this.#mostRefused() ?? none, this.#text('nothing was moved'), 0);
    } else if (did !== '') {
      this.#record(cpu, task, -1, Reason.OUT_OF_SCOPE, this.#text(did), 0);
    }
  }

  #mostRefused(): Reason | undefined {
    const counts = new Int32Array(REASONS.length);
    for (const { reason } of this.#tasks) counts[reason]! += 1;
    const most = Math.max(...counts);
    return most === 0 ? undefined : (counts.indexOf(most) as Reason);
  }

  #text(otherwise: string): string {
    const why = this.#why === '' ? otherwise : this.#why;
    return why === '' ? this.hook : `${this.hook}: ${why}`;
  }

  #record(cpu: number, task: number, chosen: number, reason: Reason, why: string, moved: number): void {
    const before = setAside();
    this.#replay();
    decide(DecisionKind.POLICY, cpu, task, chosen, reason, why, moved);
    resume(before);
    this.records++;
  }

  /** Hands the notes on; those to come are of the next record. */
  #replay(): void {
    if (this.#cpus.size > 0) lookedAt('scanned', this.#cpus);
    for (const [name, value] of this.#facts) fact(name, value);
    for (const { task, reason, why } of this.#tasks) considered(task, reason, why);
    this.#cpus.clear();
    this.#facts.clear();
    this.#tasks.length = 0;
    this.#reason = Reason.NONE;
    this.#why = '';
    this.#told = false;
  }
}
