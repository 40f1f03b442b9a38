/** A confirmed violation of work conservation, and what the scheduler decided meanwhile, said in a few lines. */
import type { ExplainedViolation } from '../analysis/violation-decisions.ts';
import { decisionJson, outcomeText } from './decision-text.ts';
import { formatTime } from './numbers.ts';
import { plural } from './words.ts';

const INDENT = ' '.repeat(4);

export function violationText(violation: ExplainedViolation): string {
  const { named, cpu, idleCpu, fromNs, toNs, placement, decisions } = violation;
  const span = `${formatTime(toNs - fromNs)}, ${(fromNs / 1e6).toFixed(6)} to ${(toNs / 1e6).toFixed(6)} ms`;
  const lines = [`${named.comm}-${named.pid} waited on CPU ${cpu} while CPU ${idleCpu} ran nothing: ${span}`];
  if (placement !== null)
    lines.push(`${INDENT}${(placement.decision.timeNs / 1e6).toFixed(6)} ms  ${outcomeText(placement)}`);
  lines.push(`${INDENT}${plural(decisions.length, 'decision')} about CPU ${idleCpu} in that time`);
  const counts = new Map<string, number>();
  for (const decision of decisions) {
    const text = outcomeText(decision);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  for (const [text, n] of counts) lines.push(`${INDENT}${String(n).padStart(6)} x ${text}`);
  return `${lines.join('\n')}\n`;
}

export function violationJson({
  named,
  placement,
  decisions,
  cpu,
  idleCpu,
  fromNs,
  toNs,
}: ExplainedViolation): unknown {
  return {
    task: named,
    cpu,
    idleCpu,
    fromNs,
    toNs,
    placement: placement === null ? null : decisionJson(placement),
    decisions: decisions.map(decisionJson),
  };
}
