/**
 * Where two policies part: the first thing that one of them did and the other did not, at the same seed.
 *
 *   decisions of A   r r D r D r r [D] ...       D did something: placed, moved or kicked; r refused
 *   decisions of B   r D r D [r D] ...
 *                                └─ the first D that differs; [r] the first decision that differs at all
 *
 * Things done are compared in their order, not by their times: where searching costs time, one policy is soon some nanoseconds
 * behind the other. The first decision that differs at all may differ in nothing but its time. Each run is made twice:
 * first every decision is reduced to a number, so that long runs can be compared; then the decisions found are kept.
 */
import { type FoundDecision, NamedDecisions } from '../analysis/named-decisions.ts';
import type { Policy } from '../balance/policy.ts';
import type { Decision } from '../trace/decisions.ts';
import { RECORDINGS } from '../trace/recorder.ts';
import { type RunPlan, simulateInSteps } from './simulate.ts';

/** What one side decided where the two part. */
export interface DivergedSide {
  readonly policy: string;
  /** At that moment, on the subject of what differs: what it did, or why it did not; null: it decided nothing then. */
  readonly decision: FoundDecision | null;
  /** If it did nothing then, the next thing that it did; null: nothing more. */
  readonly next: FoundDecision | null;
}

/** The first decisions that differ in anything, one of each side; null: there are no more. */
export type DivergedPair = readonly [FoundDecision | null, FoundDecision | null];

export interface Divergence {
  /** Moment of the first difference in what was done, ns; null: there is none. */
  readonly atNs: number | null;
  /** Things done alike before. */
  readonly alike: number;
  readonly sides: readonly [DivergedSide, DivergedSide] | null;
  /** The first difference in what was seen or refused, if that is earlier. */
  readonly considered: DivergedPair | null;
}

/** Everything of a run but its policy. */
export type DivergencePlan = Omit<RunPlan, 'policy'>;

/** In steps of simulated time. Throws `UserError` as a simulation does. */
export function* firstDivergence(
  plan: DivergencePlan,
  policies: readonly [Policy, Policy],
  onProgress: (nowNs: number) => void = () => {},
): Generator<void, Divergence> {
  const logs: DecisionLog[] = [];
  for (const policy of policies) {
    const log = new DecisionLog();
    yield* decisionsOf({ ...plan, policy }, onProgress, (decision) => {
      log.add(decision);
      return true;
    });
    logs.push(log);
  }
  const [a, b] = logs as [DecisionLog, DecisionLog];
  const deed = a.deeds.differsFrom(b.deeds);
  const any = a.all.differsFrom(b.all);
  const atNs = deed < 0 ? null : Math.min(a.deeds.timeAt(deed), b.deeds.timeAt(deed));
  const earlier = any >= 0 && (atNs === null || Math.min(a.all.timeAt(any), b.all.timeAt(any)) < atNs);
  const kept: Kept[] = [];
  for (const [i, policy] of policies.entries()) {
    const last = [
      atNs === null ? -1 : atNs + DRIFT_NS,
      logs[i]!.deeds.timeAt(deed),
      earlier ? logs[i]!.all.timeAt(any) : -1,
    ];
    const until = Math.max(...last.filter(Number.isFinite));
    const one = new Kept(deed, any, atNs ?? Number.NaN);
    yield* decisionsOf({ ...plan, policy }, onProgress, (decision, source) => {
      if (decision.timeNs > until) return false;
      one.add(decision, source);
      return true;
    });
    kept.push(one);
  }
  const [left, right] = kept as [Kept, Kept];
  return {
    atNs,
    alike: deed < 0 ? a.deeds.length : deed,
    sides: deed < 0 ? null : [side(policies[0], left, right, atNs!), side(policies[1], right, left, atNs!)],
    considered: earlier ? [left.any, right.any] : null,
  };
}

/** Two runs may be so far apart in time before they part in what they do. */
const DRIFT_NS = 50_000;

/** Simulates and hands on decisions until told to stop. */
function* decisionsOf(
  plan: RunPlan,
  onProgress: (nowNs: number) => void,
  take: (decision: Decision, source: NamedDecisions) => boolean,
): Generator<void, void> {
  let wanted = true;
  const sink = new NamedDecisions((decision, source) => {
    if (wanted) wanted = take(decision, source);
  });
  const steps = simulateInSteps(plan, { sink, record: RECORDINGS.figures, decisions: true, onProgress });
  while (wanted && steps.next().done !== true) yield;
}

/** Times and digests of decisions, in order. */
class Digests {
  readonly #times: number[] = [];
  readonly #digests: number[] = [];

  get length(): number {
    return this.#times.length;
  }

  add(timeNs: number, digest: number): void {
    this.#times.push(timeNs);
    this.#digests.push(digest);
  }

  /** Beyond the last: never. */
  timeAt(i: number): number {
    return this.#times[i] ?? Number.POSITIVE_INFINITY;
  }

  /** The first that is not the same in both, or -1. */
  differsFrom(other: Digests): number {
    const most = Math.max(this.length, other.length);
    for (let i = 0; i < most; i++) if (this.#digests[i] !== other.#digests[i]) return i;
    return -1;
  }
}

class DecisionLog {
  readonly all = new Digests();
  readonly deeds = new Digests();

  add(decision: Decision): void {
    const { timeNs } = decision;
    this.all.add(timeNs, digest(wholeText(decision)));
    if (isDeed(decision)) this.deeds.add(timeNs, digest(deedText(decision)));
  }
}

/** Of a second run: the decisions that are wanted. */
class Kept {
  deed: FoundDecision | null = null;
  any: FoundDecision | null = null;
  /** About the moment of the difference. */
  readonly atMoment: FoundDecision[] = [];
  readonly #deed: number;
  readonly #any: number;
  readonly #atNs: number;
  #nrDeeds = 0;
  #nr = 0;

  constructor(deed: number, any: number, atNs: number) {
    this.#deed = deed;
    this.#any = any;
    this.#atNs = atNs;
  }

  add(decision: Decision, source: NamedDecisions): void {
    const isAny = this.#nr++ === this.#any;
    const isDeedWanted = isDeed(decision) && this.#nrDeeds++ === this.#deed;
    const isThen = Math.abs(decision.timeNs - this.#atNs) <= DRIFT_NS;
    if (!isAny && !isDeedWanted && !isThen) return;
    const found = source.found(decision);
    if (isAny) this.any = found;
    if (isDeedWanted) this.deed = found;
    if (isThen) this.atMoment.push(found);
  }
}

/** The side that acted first shows its deed; the other what it decided instead, and its own next deed. */
function side(policy: Policy, own: Kept, other: Kept, atNs: number): DivergedSide {
  if (own.deed?.decision.timeNs === atNs) return { policy: policy.name, decision: own.deed, next: null };
  const instead = other.deed === null ? null : counterpart(own.atMoment, other.deed.decision);
  return { policy: policy.name, decision: instead, next: instead === own.deed ? null : own.deed };
}

/** Of the decisions about that moment the nearest on the same subject: of the same kind, or else of any. */
function counterpart(decisions: readonly FoundDecision[], deed: Decision): FoundDecision | null {
  const { kind, cpu, task, level, timeNs } = deed;
  const far = ({ decision: d }: FoundDecision) => Math.abs(d.timeNs - timeNs);
  const isAbout = ({ decision: d }: FoundDecision) => d.cpu === cpu || (task >= 0 && d.task === task);
  const about = decisions.filter(isAbout).sort((a, b) => far(a) - far(b));
  return about.find(({ decision: d }) => d.kind === kind && d.level === level) ?? about[0] ?? null;
}

/** Did it change anything? */
function isDeed({ kind, moved, reason, chosen }: Decision): boolean {
  return moved > 0 || (reason === 'none' && chosen >= 0) || kind === 'wakeup' || kind === 'fork' || kind === 'exec';
}

/** Trace ids of tasks are the same in both runs as long as the same things were done. */
function deedText({ kind, cpu, task, chosen, moved, tasks }: Decision): string {
  const pulled = tasks.filter(({ reason }) => reason === 'pulled').map((t) => t.task);
  return `${kind} ${cpu} ${task} ${chosen} ${moved} ${pulled}`;
}

function wholeText(decision: Decision): string {
  return JSON.stringify({ ...decision, facts: [...decision.facts] });
}

/** FNV-1a over the characters. */
function digest(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
