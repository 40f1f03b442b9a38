/** Where two policies part, said in a few lines. */
import type { DivergedSide, Divergence } from '../experiment/first-divergence.ts';
import { decisionJson, decisionText } from './decision-text.ts';
import { plural } from './words.ts';

const time = (ns: number) => `${(ns / 1e6).toFixed(6)} ms`;

export function divergenceText(policies: readonly [string, string], divergence: Divergence): string {
  const { atNs, alike, sides, considered } = divergence;
  let out = `${policies[0]} and ${policies[1]} `;
  if (sides === null || atNs === null) out += `do not part: ${plural(alike, 'placement')} and moves alike\n`;
  else {
    out += `do the same ${plural(alike, 'time')}, and part at ${time(atNs)}\n`;
    for (const side of sides) out += sideText(side, atNs);
  }
  if (considered === null) return out;
  out += `${sides === null ? 'They' : 'Before that, they'} see or refuse something differently for the first time:\n`;
  considered.forEach((found, i) => {
    out += `${policies[i]}:\n${found === null ? '  decides nothing more\n' : indented(decisionText(found))}`;
  });
  return out;
}

function sideText({ policy, decision, next }: DivergedSide, atNs: number): string {
  let out = `${policy}:\n`;
  out += decision === null ? `  ${time(atNs)}  decides nothing about it\n` : indented(decisionText(decision));
  if (next !== null) out += `  and what it does next is\n${indented(decisionText(next))}`;
  return out;
}

function indented(lines: string): string {
  return lines.replace(/^(?=.)/gm, '  ');
}

export function divergenceJson(policies: readonly [string, string], divergence: Divergence): unknown {
  const { atNs, alike, sides, considered } = divergence;
  const one = (found: DivergedSide['decision']) => (found === null ? null : decisionJson(found));
  return {
    policies,
    atNs,
    alike,
    sides:
      sides === null
        ? null
        : sides.map(({ policy, decision, next }) => ({ policy, decision: one(decision), next: one(next) })),
    considered: considered === null ? null : considered.map(one),
  };
}
