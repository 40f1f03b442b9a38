/**
 * Letters for policies whose names would make a table too wide, and what they stand for.
 *
 *   A  linux-6.1,costs=milan (baseline)
 *   B  linux-6.1,costs=milan,newidle=off
 */

/** Longer names do not fit beside figures. */
const LONGEST_NAME = 24;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export interface PolicyLabels {
  /** What a table calls the policy. */
  of(policy: string): string;
  /** Lines to be printed above the table, with an empty one after them; empty if policies go by their names. */
  readonly legend: string;
}

export function policyLabels(policies: readonly string[], baseline: string): PolicyLabels {
  const isShort = policies.length < 2 || policies.length > LETTERS.length;
  if (isShort || policies.every((policy) => policy.length <= LONGEST_NAME))
    return { of: (policy) => policy, legend: '' };
  const letters = new Map(policies.map((policy, i) => [policy, LETTERS[i]!]));
  const lines = [...letters].map(([policy, letter]) => {
    return `${letter}  ${policy}${policy === baseline ? ' (baseline)' : ''}\n`;
  });
  return { of: (policy) => letters.get(policy) ?? policy, legend: `${lines.join('')}\n` };
}
