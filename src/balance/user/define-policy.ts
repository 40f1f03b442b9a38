/**
 * What a policy file says: a name, the policy it changes, tunables of its own, and hooks at the scheduler's decision points.
 *
 *   export default definePolicy({
 *     name: 'stay-if-idle',
 *     base: 'linux-6.1',
 *     hooks: (s) => ({
 *       selectCpu: (_task, prev) => (s.isIdle(prev) ? prev : undefined),
 *     }),
 *   });
 *
 * See docs/policies.md.
 */
import type { Scheduler } from './scheduler.ts';

export type TunableValue = number | boolean | string;

/**
 * A tunable of a policy: on or off, one of some words, a whole number, or a time in ns (`unit: 'ns'`, then given as `10us`).
 * What it is, is told by its default.
 */
export type Tunable =
  | { readonly about: string; readonly default: boolean }
  | { readonly about: string; readonly default: string; readonly values: readonly string[] }
  | {
      readonly about: string;
      readonly default: number;
      readonly unit?: 'ns';
      readonly min?: number;
      readonly max?: number;
    };

export type Tunables = Readonly<Record<string, Tunable>>;

/** Values by name. */
export type ValuesOf<T extends Tunables> = {
  readonly [N in keyof T]: T[N] extends { readonly values: readonly (infer V)[] }
    ? V
    : T[N]['default'] extends boolean
      ? boolean
      : T[N]['default'] extends number
        ? number
        : TunableValue;
};

/** Why a task needs a CPU. */
export type SelectKind = 'wakeup' | 'fork' | 'exec';

// biome-ignore lint/suspicious/noConfusingVoidType: of a hook that returns nothing the type is void
type Nothing = undefined | void;

/** A search is done at once, or in steps: at each `yield` the CPU pays in time for what it has done so far. */
export type Search = boolean | Nothing | Generator<unknown, boolean | Nothing>;

/**
 * The decision points. A hook that is not there costs nothing. One that returns nothing (`undefined`) leaves the decision to
 * the base policy. Tasks may be moved in `tick`, `newidle`, `newidleFailed` and `balanceCallback`; in the others the
 * scheduler is in the middle of something.
 */
export interface PolicyHooks {
  /**
   * Where a task of the fair class goes that wakes, is new, or executes another program. The CPU returned must be online and
   * allowed to the task. `prev` is where it ran last; `sync`: the waker says that it is about to sleep.
   */
  selectCpu?(task: number, prev: number, kind: SelectKind, sync: boolean): number | Nothing;
  /** The end of the tick of a CPU. True: the base policy does no balancing at this tick. */
  tick?(cpu: number): boolean | Nothing;
  /** The CPU has nothing left to run. True: the base policy does not look for a task any more. */
  newidle?(cpu: number): Search;
  /** The base policy has looked and found nothing. */
  newidleFailed?(cpu: number): Search;
  /** A task of the fair class that is still queued stops running for another; a task was chosen to run. */
  putPrev?(cpu: number, task: number): void;
  setNext?(cpu: number, task: number): void;
  /** A task of the fair class came to the queue of the CPU, or left it. */
  enqueue?(cpu: number, task: number): void;
  dequeue?(cpu: number, task: number): void;
  /** The CPU's runnable tasks of the fair class (`nrFair`) went from `before` to `after`. */
  fairCount?(cpu: number, before: number, after: number): void;
  /** The CPU has begun to idle; it is about to stop. */
  idleEnter?(cpu: number): void;
  idleExit?(cpu: number): void;
  /** `s.requestCallback()` was called: the switch of this CPU is over, and tasks may be moved. */
  balanceCallback?(cpu: number): void;
}

export interface PolicyDefinition<T extends Tunables = Tunables> {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  readonly about?: string;
  /** A policy as on the command line, such as `linux-6.1,newidle=off`; it makes all decisions that the hooks leave. */
  readonly base: string;
  readonly tunables?: T;
  /** Called once for each run, when the machine has booted and before anything runs: keep state in its variables. */
  hooks(s: Scheduler, tunables: ValuesOf<T>): PolicyHooks;
}

/** Says what a policy file exports by default. Returns what it is given; it is there for the types. */
export function definePolicy<const T extends Tunables = Record<never, never>>(
  definition: PolicyDefinition<T>,
): PolicyDefinition<T> {
  return definition;
}

/** Names of the hooks. */
export const HOOK_NAMES = [
  'selectCpu',
  'tick',
  'newidle',
  'newidleFailed',
  'putPrev',
  'setNext',
  'enqueue',
  'dequeue',
  'fairCount',
  'idleEnter',
  'idleExit',
  'balanceCallback',
] as const satisfies readonly (keyof PolicyHooks)[];
