/** What those who call the hooks of a policy file and the scheduler that hooks see tell each other. */
import { k } from '../../sched/kernel.ts';
import type { HookNotes } from './hook-notes.ts';

/** A policy asked for something that may not be done. */
export class PolicyMistake extends Error {
  override readonly name = 'PolicyMistake';
}

export class HookState {
  /** `hooks` is being called, and nothing has run yet. */
  starting = true;
  /** Tasks may be moved in the hook that is being called. */
  movesAllowed = false;
  /** The CPU whose queue the hook has locked last, or -1. */
  locked = -1;
  /** Of the hook that is being called, while decisions are recorded. */
  notes: HookNotes | null = null;
  /** Tasks moved so far. */
  moves = 0;
  /** What was asked for and may not be done, even if the hook caught it. */
  mistake: PolicyMistake | null = null;
  readonly counters: { readonly name: string; value: number }[] = [];
  /** By CPU: it has asked for `balanceCallback`. */
  readonly callbackAsked = new Uint8Array(k.nrCpus);
}
