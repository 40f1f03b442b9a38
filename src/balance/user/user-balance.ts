/**
 * A policy file at work: the base policy's answers, except where a hook of the file gives one. What a hook does wrong ends the
 * run with an error that names the hook, the simulated time, the CPU and the task.
 *
 *   newidle:  OWN (`newidle`) ─► BASE (the base policy's search) ─► FAILED (`newidleFailed`) ─► DONE
 */
import { UserError } from '../../base/errors.ts';
import * as cfs from '../../sched/cfs-rq.ts';
import { updateRqClock } from '../../sched/clock.ts';
import { type BalanceHooks, type Counter, UNFINISHED, Wake, Watch } from '../../sched/hooks.ts';
import { k } from '../../sched/kernel.ts';
import * as progress from '../../sched/progress.ts';
import * as rq from '../../sched/rq.ts';
import { owes } from '../../sched/signals.ts';
import { HOOK_NAMES, type PolicyDefinition, type PolicyHooks, type Search, type SelectKind } from './define-policy.ts';
import { HookNotes } from './hook-notes.ts';
import { HookState, PolicyMistake } from './hook-state.ts';
import { refusalOfCpu } from './refusals.ts';
import { reserveLines, Scheduler } from './scheduler.ts';

/** A policy file, evaluated for one run. */
export interface PolicyModule {
  readonly definition: PolicyDefinition;
  readonly tunables: Readonly<Record<string, number | boolean | string>>;
  /** The file, as errors call it. */
  readonly file: string;
  /** How many loop rounds and calls the hook may still make. */
  readonly meter: { left: number };
  /** The line of the file that an error is from, if it can be told. */
  lineOf(error: unknown): number | undefined;
}

/**
 * Loop rounds and calls of one hook call at most: a search over every task and CPU of the largest machine does with less than a
 * tenth of it. A search in steps has as many in all, and each `yield` counts for more.
 */
export const STEPS_PER_CALL = 50_000_000;
const STEPS_PER_YIELD = 1000;
/** Hook calls at one moment of simulated time at most: for each CPU and task, and besides. */
const CALLS_AT_ONCE_EACH = 100;
const CALLS_AT_ONCE = 100_000;

/** What is not done when the hook says so. */
const INSTEAD: Readonly<Record<string, string>> = {
  tick: 'the base policy does no balancing at this tick',
  newidle: 'the base policy does not search',
};

const Stage = { OWN: 0, BASE: 1, FAILED: 2, DONE: 3 } as const;
const PENDING = 2;

const WATCHES: readonly (readonly [keyof PolicyHooks, number])[] = [
  ['fairCount', Watch.FAIR_COUNT],
  ['enqueue', Watch.QUEUE],
  ['dequeue', Watch.QUEUE],
  ['putPrev', Watch.RUN],
  ['setNext', Watch.RUN],
  ['idleEnter', Watch.IDLE],
  ['idleExit', Watch.IDLE],
];

export class UserBalance implements BalanceHooks {
  readonly #base: BalanceHooks;
  readonly #module: PolicyModule;
  readonly #firstLine: number;
  #hooks: PolicyHooks = {};
  #state!: HookState;
  readonly #stage: Uint8Array;
  /** Searches that have yielded, by CPU. */
  readonly #searches: (Generator<unknown, unknown> | undefined)[] = [];
  readonly #searchLeft: Int32Array;
  readonly #searchNotes: (HookNotes | null)[] = [];
  /** Hooks being called: one, or two; and what the outer one may do. */
  #depth = 0;
  #outerMayMove = false;
  #outerLocked = -1;
  #outerNotes: HookNotes | null = null;
  /** Calls at the moment of the latest. */
  #moment = -1;
  #callsAtOnce = 0;

  constructor(base: BalanceHooks, module: PolicyModule, nrCpus: number) {
    this.#base = base;
    this.#module = module;
    this.#firstLine = reserveLines(nrCpus);
    this.#stage = new Uint8Array(nrCpus);
    this.#searchLeft = new Int32Array(nrCpus);
  }

  get watches(): number {
    return WATCHES.reduce((bits, [name, bit]) => (name in this.#hooks ? bits | bit : bits), this.#base.watches);
  }

  started(): void {
    this.#base.started();
    this.#state = new HookState();
    const s = new Scheduler(this.#state, this.#firstLine);
    const { definition, tunables } = this.#module;
    const hooks: unknown = this.#call('hooks', -1, -1, false, () => definition.hooks(s, tunables as never));
    this.#hooks = this.#checkHooks(hooks);
    this.#state.starting = false;
  }

  counters(): readonly Counter[] {
    const { moves, counters } = this.#state;
    const own = counters.map(({ name, value }): Counter => [`policy.count.${name}`, value]);
    return [...this.#base.counters(), ['policy.moves', moves], ...own];
  }

  checkBooks(): string | null {
    return this.#base.checkBooks();
  }

  // ---- decisions

  selectTaskRqFair(task: number, prev: number, flags: number, cpu: number): number {
    const { selectCpu } = this.#hooks;
    if (selectCpu !== undefined) {
      const kind: SelectKind = (flags & Wake.TTWU) !== 0 ? 'wakeup' : (flags & Wake.FORK) !== 0 ? 'fork' : 'exec';
      const sync = (flags & Wake.SYNC) !== 0;
      this.#enter('selectCpu', false);
      let answer: unknown;
      try {
        answer = selectCpu(task, prev, kind, sync);
      } catch (error) {
        this.#fail('selectCpu', cpu, task, error);
      }
      const { notes } = this.#state;
      this.#leave('selectCpu', cpu, task, answer);
      if (answer !== undefined) {
        const chosen = this.#checkAnswer(answer, task, cpu);
        notes?.placed(task, prev, chosen, flags);
        return chosen;
      }
    }
    return this.#base.selectTaskRqFair(task, prev, flags, cpu);
  }

  #checkAnswer(answer: unknown, task: number, cpu: number): number {
    const why =
      typeof answer === 'number'
        ? refusalOfCpu(task, answer)?.text
        : 'the answer is neither the number of a CPU nor undefined';
    if (why !== undefined)
      this.#fail('selectCpu', cpu, task, new PolicyMistake(`it chose CPU ${shown(answer)}: ${why}`));
    return answer as number;
  }

  triggerLoadBalance(cpu: number): void {
    const { tick } = this.#hooks;
    if (tick !== undefined) {
      const answer = this.#call('tick', cpu, -1, true, () => tick(cpu));
      if (this.#checkDone('tick', cpu, answer)) return;
    }
    this.#base.triggerLoadBalance(cpu);
  }

  newidleBegin(cpu: number): boolean {
    const { newidle, newidleFailed } = this.#hooks;
    if (newidle !== undefined) {
      // The idle spell is timed from here, whoever searches.
      rq.idleStamp[cpu] = rq.clock[cpu]!;
      this.#stage[cpu] = Stage.OWN;
      return true;
    }
    if (this.#base.newidleBegin(cpu)) {
      this.#stage[cpu] = Stage.BASE;
      return true;
    }
    this.#stage[cpu] = Stage.FAILED;
    return newidleFailed !== undefined;
  }

  newidleStep(cpu: number): number {
    for (;;) {
      if (this.#stage[cpu] === Stage.BASE) {
        const result = this.#base.newidleStep(cpu);
        if (result !== 0) return result;
        this.#stage[cpu] = Stage.FAILED;
      }
      if (owes(cpu)) return UNFINISHED;
      if (this.#stage[cpu] === Stage.DONE) return foundBy(cpu);
      const own = this.#stage[cpu] === Stage.OWN;
      const answer = this.#search(cpu, own);
      if (answer === PENDING) continue;
      if (own && answer === undefined && rq.nrRunning[cpu] === 0) {
        this.#stage[cpu] = this.#base.newidleBegin(cpu) ? Stage.BASE : Stage.FAILED;
      } else {
        this.#stage[cpu] = Stage.DONE;
      }
    }
  }

  /** Calls the hook, or goes on with it where it has yielded. */
  #search(cpu: number, own: boolean): typeof PENDING | true | undefined {
    const name = own ? 'newidle' : 'newidleFailed';
    const hook = this.#hooks[name];
    if (hook === undefined) return undefined;
    const search = this.#searches[cpu];
    if (search === undefined) {
      const answer: Search = this.#call(name, cpu, -1, true, () => hook(cpu));
      if (!isGenerator(answer)) return this.#checkDone(name, cpu, answer) ? true : undefined;
      this.#searches[cpu] = answer;
      this.#searchLeft[cpu] = STEPS_PER_CALL;
      return PENDING;
    }
    const left = this.#searchLeft[cpu]!;
    const { done, value } = this.#call(name, cpu, -1, true, () => search.next(), left, this.#searchNotes[cpu]);
    this.#searchLeft[cpu] = this.#module.meter.left - STEPS_PER_YIELD;
    if (done !== true) return PENDING;
    this.#searches[cpu] = undefined;
    return this.#checkDone(name, cpu, value) ? true : undefined;
  }

  /** The base policy looks too: which of the two asked is not told. */
  balanceCallback(cpu: number): number {
    const { balanceCallback } = this.#hooks;
    if (this.#state.callbackAsked[cpu] !== 0) {
      this.#state.callbackAsked[cpu] = 0;
      if (balanceCallback !== undefined) this.#call('balanceCallback', cpu, -1, true, () => balanceCallback(cpu));
    }
    return this.#base.balanceCallback(cpu);
  }

  // ---- what is only told

  fairCountChanged(cpu: number, before: number, after: number): void {
    const { fairCount } = this.#hooks;
    if (fairCount !== undefined) {
      this.#enter('fairCount', false);
      try {
        fairCount(cpu, before, after);
      } catch (error) {
        this.#fail('fairCount', cpu, -1, error);
      }
      this.#leave('fairCount', cpu, -1);
    }
    if ((this.#base.watches & Watch.FAIR_COUNT) !== 0) this.#base.fairCountChanged(cpu, before, after);
  }

  taskQueued(cpu: number, task: number): void {
    this.#tell('enqueue', cpu, task);
    if ((this.#base.watches & Watch.QUEUE) !== 0) this.#base.taskQueued(cpu, task);
  }

  taskDequeued(cpu: number, task: number): void {
    this.#tell('dequeue', cpu, task);
    if ((this.#base.watches & Watch.QUEUE) !== 0) this.#base.taskDequeued(cpu, task);
  }

  taskPut(cpu: number, task: number): void {
    this.#tell('putPrev', cpu, task);
    if ((this.#base.watches & Watch.RUN) !== 0) this.#base.taskPut(cpu, task);
  }

  taskSet(cpu: number, task: number): void {
    this.#tell('setNext', cpu, task);
    if ((this.#base.watches & Watch.RUN) !== 0) this.#base.taskSet(cpu, task);
  }

  idleEntered(cpu: number): void {
    const { idleEnter } = this.#hooks;
    if (idleEnter !== undefined) this.#call('idleEnter', cpu, -1, false, () => idleEnter(cpu));
    if ((this.#base.watches & Watch.IDLE) !== 0) this.#base.idleEntered(cpu);
  }

  idleLeft(cpu: number): void {
    const { idleExit } = this.#hooks;
    if (idleExit !== undefined) this.#call('idleExit', cpu, -1, false, () => idleExit(cpu));
    if ((this.#base.watches & Watch.IDLE) !== 0) this.#base.idleLeft(cpu);
  }

  #tell(name: 'enqueue' | 'dequeue' | 'putPrev' | 'setNext', cpu: number, task: number): void {
    const hook = this.#hooks[name];
    if (hook === undefined) return;
    this.#enter(name, false);
    try {
      hook(cpu, task);
    } catch (error) {
      this.#fail(name, cpu, task, error);
    }
    this.#leave(name, cpu, task);
  }

  // ---- the base policy's alone

  softirqStep(cpu: number, first: boolean): number {
    return this.#base.softirqStep(cpu, first);
  }

  idleIterationStep(cpu: number): number {
    return this.#base.idleIterationStep(cpu);
  }

  tickStopped(cpu: number): void {
    this.#base.tickStopped(cpu);
  }

  nohzCall(cpu: number): void {
    this.#base.nohzCall(cpu);
  }

  activeBalanceStop(cpu: number): void {
    this.#base.activeBalanceStop(cpu);
  }

  pushStop(cpu: number, task: number, target: number): void {
    this.#base.pushStop(cpu, task, target);
  }

  idleTaskPicked(cpu: number): void {
    this.#base.idleTaskPicked(cpu);
  }

  updateMisfitStatus(task: number, cpu: number): void {
    this.#base.updateMisfitStatus(task, cpu);
  }

  // ---- calling into the file

  #call<R>(
    hook: string,
    cpu: number,
    task: number,
    movesAllowed: boolean,
    action: () => R,
    steps: number = STEPS_PER_CALL,
    notes: HookNotes | null = null,
  ): R {
    this.#enter(hook, movesAllowed);
    if (notes !== null) this.#state.notes = notes;
    this.#module.meter.left = Math.min(this.#module.meter.left, steps);
    let answer: R;
    try {
      answer = action();
    } catch (error) {
      this.#fail(hook, cpu, task, error);
    }
    this.#leave(hook, cpu, task, answer);
    return answer;
  }

  /** A hook that moves a task has others called, of those that are only told; they take from its steps. */
  #enter(hook: string, movesAllowed: boolean): void {
    const state = this.#state;
    if (this.#depth++ === 0) {
      state.locked = -1;
      this.#module.meter.left = STEPS_PER_CALL;
    } else {
      this.#outerMayMove = state.movesAllowed;
      this.#outerLocked = state.locked;
      this.#outerNotes = state.notes;
    }
    state.movesAllowed = movesAllowed;
    state.notes = k.deciding ? new HookNotes(hook) : null;
    if (this.#moment !== k.now) {
      this.#moment = k.now;
      this.#callsAtOnce = 0;
    }
    this.#callsAtOnce++;
  }

  /** A hook that caught what it was told it had done wrong has done it wrong all the same. */
  #leave(hook: string, cpu: number, task: number, answer?: unknown): void {
    const { notes } = this.#state;
    if (--this.#depth === 0) {
      this.#state.movesAllowed = false;
      this.#state.notes = null;
    } else {
      this.#state.movesAllowed = this.#outerMayMove;
      this.#state.locked = this.#outerLocked;
      this.#state.notes = this.#outerNotes;
    }
    if (this.#state.mistake !== null || this.#module.meter.left < 0) this.#fail(hook, cpu, task, this.#state.mistake);
    if (this.#callsAtOnce > CALLS_AT_ONCE + CALLS_AT_ONCE_EACH * k.nrTasks) {
      const calls = `hooks were called ${this.#callsAtOnce} times without time passing: they keep each other busy`;
      this.#fail(hook, cpu, task, new PolicyMistake(calls));
    }
    if (notes !== null) this.#endNotes(notes, cpu, task, answer);
  }

  /** A search that goes on keeps its notes; an answered `selectCpu` leaves the record of the placement. */
  #endNotes(notes: HookNotes, cpu: number, task: number, answer: unknown): void {
    const { hook } = notes;
    if (hook === 'selectCpu' && answer !== undefined) return;
    const search = hook === 'newidle' || hook === 'newidleFailed';
    const inSteps = search && typeof answer === 'object' && answer !== null;
    this.#searchNotes[cpu] = null;
    if (!inSteps) notes.ended(cpu, task, answer === true ? (INSTEAD[hook] ?? '') : '');
    else if ('done' in answer && answer.done === true) {
      notes.ended(cpu, task, 'value' in answer && answer.value === true ? (INSTEAD[hook] ?? '') : '');
    } else this.#searchNotes[cpu] = notes;
  }

  #fail(hook: string, cpu: number, task: number, thrown: unknown): never {
    const { file, meter } = this.#module;
    const error = this.#state.mistake ?? thrown;
    const line = this.#module.lineOf(error);
    const where = [`at ${k.now} ns`];
    if (cpu >= 0) where.push(`CPU ${cpu}`);
    if (task >= 0) where.push(`task ${task} "${k.programs.kindName(task)}-${progress.index[task]}"`);
    const what =
      meter.left < 0
        ? `it does not come to an end: ${STEPS_PER_CALL} loop rounds and calls`
        : error instanceof PolicyMistake
          ? error.message
          : `it threw ${errorText(error)}`;
    const place = line === undefined ? { file } : { file, line };
    throw new UserError('hook', `hook "${hook}" ${where.join(', ')}: ${what}`, place, '', { cause: error });
  }

  #checkHooks(hooks: unknown): PolicyHooks {
    if (typeof hooks !== 'object' || hooks === null) {
      return this.#fail('hooks', -1, -1, new PolicyMistake('it does not return an object of hooks'));
    }
    for (const [name, hook] of Object.entries(hooks)) {
      if (!(HOOK_NAMES as readonly string[]).includes(name)) {
        this.#fail('hooks', -1, -1, new PolicyMistake(`there is no hook "${name}"; known: ${HOOK_NAMES.join(', ')}`));
      }
      if (typeof hook !== 'function') {
        this.#fail('hooks', -1, -1, new PolicyMistake(`the hook "${name}" is no function`));
      }
    }
    return hooks as PolicyHooks;
  }

  #checkDone(hook: string, cpu: number, answer: unknown): boolean {
    if (answer === undefined || typeof answer === 'boolean') return answer === true;
    return this.#fail(
      hook,
      cpu,
      -1,
      new PolicyMistake(`it returned ${shown(answer)}, which is not true, false or undefined`),
    );
  }
}

/** The result of a newidle balance: is there something to run now? @spec 07 §2 */
function foundBy(cpu: number): number {
  updateRqClock(cpu);
  const result = rq.nrRunning[cpu] !== cfs.hNrRunning[cpu] ? -1 : cfs.hNrRunning[cpu]! > 0 ? 1 : 0;
  if (result !== 0) rq.idleStamp[cpu] = -1;
  return result;
}

function isGenerator(answer: Search): answer is Extract<Search, object> {
  return typeof answer === 'object' && answer !== null && typeof answer.next === 'function';
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'an object') : String(value);
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : shown(error);
}
