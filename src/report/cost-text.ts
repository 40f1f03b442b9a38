/** Cost profiles, for people. */
import { costParameters, costText } from '../machine/cost-parameters.ts';
import type { CostProfile } from '../machine/cost-profile.ts';
import { aligned } from './aligned.ts';

/** Profiles side by side, a line a parameter. */
export function costProfilesText(profiles: readonly CostProfile[]): string {
  const longest = profiles.reduce((a, b) => (b.idleStates.length > a.idleStates.length ? b : a));
  const rows = costParameters(longest).map((parameter) => [
    parameter.name,
    ...profiles.map((profile) => {
      const own = costParameters(profile).find(({ name }) => name === parameter.name);
      return own === undefined ? '-' : costText(own, profile);
    }),
    parameter.about,
  ]);
  return aligned([['', ...profiles.map(({ name }) => name), ''], ...rows]);
}

/** One profile: value, meaning and source of each parameter. */
export function costSourcesText(profile: CostProfile): string {
  const rows = costParameters(profile).map((p) => [p.name, costText(p, profile), p.about, p.source]);
  return `${profile.name}\n\n${aligned(rows)}`;
}

const WIDTH = 110;

/**
 * What runs were charged with, a paragraph for each profile among them: `costs milan: line_smt 10ns, ...`, without what costs
 * nothing.
 */
export function costsText(policies: readonly { readonly costs: CostProfile }[]): string {
  const texts = policies.map(({ costs }) => paragraph(costs));
  return [...new Set(texts)].join('');
}

function paragraph(profile: CostProfile): string {
  const parameters = costParameters(profile);
  const charged = parameters.filter((p) => p.unit !== 'factor' && p.get(profile) !== 0);
  if (charged.length === 0) return `costs ${profile.name}: nothing takes time but what tasks do\n`;
  const words = parameters
    .filter((p) => charged.includes(p) || p.unit === 'factor')
    .map((p) => `${p.name} ${costText(p, profile)}`);
  const lines = [`costs ${profile.name}:`];
  words.forEach((word, i) => {
    const next = i < words.length - 1 ? `${word},` : word;
    if (lines.at(-1)!.length + 1 + next.length > WIDTH) lines.push(' ');
    lines[lines.length - 1] += ` ${next}`;
  });
  return `${lines.join('\n')}\n`;
}
