/**
 * Confirmed violations of work conservation with what the scheduler decided meanwhile: every decision about the domains of
 * the CPU that ran nothing, with its reason, and the placement that had put the task where it waited. @spec 23 §5.2
 *
 * Two passes over the trace: the violations are known only when the waits end.
 */
import { type Decision, Decisions } from '../trace/decisions.ts';
import type { TraceSource } from '../trace/store.ts';
import type { ConfirmedViolation, ConfirmNs } from './confirmed-violations.ts';
import { FiguresSink } from './figures.ts';
import { type DecisionReader, type FoundDecision, NamedDecisions, type NamedTask } from './named-decisions.ts';

export interface ExplainedViolation extends ConfirmedViolation {
  readonly named: NamedTask;
  /** Where the task was put before or while it waited; null: that is not in the trace. */
  readonly placement: FoundDecision | null;
  /** About the idle CPU, within the violation. */
  readonly decisions: readonly FoundDecision[];
}

interface Draft {
  readonly violation: ConfirmedViolation;
  readonly decisions: FoundDecision[];
  placement: FoundDecision | null;
  named: NamedTask;
}

const PLACEMENTS: readonly string[] = ['wakeup', 'fork', 'exec'];

/** The violations of at least `confirmNs`, in the order of their ends; a thousand at most. */
export function explainViolations(
  trace: TraceSource,
  confirmNs: ConfirmNs,
  reader: DecisionReader = Decisions,
): ExplainedViolation[] {
  const figures = new FiguresSink({ listViolationsNs: confirmNs });
  trace.play(figures);
  const drafts = figures.violations.map((violation): Draft => {
    return { violation, decisions: [], placement: null, named: { comm: '', pid: 0 } };
  });
  trace.play(new NamedDecisions((decision, source) => file(decision, source, drafts), reader));
  return drafts.map(({ violation, ...rest }) => ({ ...violation, ...rest }));
}

/** Puts the decision where it belongs: few violations, so each is looked at. */
function file(decision: Decision, source: NamedDecisions, drafts: readonly Draft[]): void {
  const { timeNs, kind, task, cpu, chosen } = decision;
  const places = PLACEMENTS.includes(kind);
  for (const draft of drafts) {
    const { violation } = draft;
    if (timeNs > violation.toNs) continue;
    draft.named = source.task(violation.task) ?? draft.named;
    if (places && task === violation.task) draft.placement = source.found(decision);
    const about = !places && (cpu === violation.idleCpu || (kind === 'nohz-kick' && chosen === violation.idleCpu));
    if (about && timeNs >= violation.fromNs) draft.decisions.push(source.found(decision));
  }
}
