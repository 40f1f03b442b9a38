/** Cost profiles, for people. */
import { costParameters, costText } from '../machine/cost-parameters.ts';
import type { CostProfile } from '../machine/cost-profile.ts';

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

/** What a run was charged with, in a paragraph: `costs milan: line_smt 10ns, ...`; what is zero is left out. */
export function costsParagraph(profile: CostProfile): string {
  const values = costParameters(profile).flatMap((parameter) => {
    const value = costText(parameter, profile);
    return value === '0' || value === 'off' ? [] : [`${parameter.name} ${value}`];
  });
  const lines = [`costs ${profile.name}:`];
  values.forEach((value, i) => {
    const word = i < values.length - 1 ? `${value},` : value;
    if (lines.at(-1)!.length + 1 + word.length > WIDTH) lines.push(' ');
    lines[lines.length - 1] += ` ${word}`;
  });
  return `${lines.join('\n')}\n`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
