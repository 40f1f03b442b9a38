/** What a policy consists of, for people. */
import type { PolicySetting } from '../balance/policy.ts';

const TITLES: Readonly<Record<PolicySetting['section'], string>> = {
  own: 'Its own: name=value',
  part: 'Parts: name=value',
  tunable: 'Tunables and environment: name=value',
  feature: 'Scheduler features: NAME or NO_NAME',
  cost: 'Costs: name=value (after costs=PROFILE)',
};

/** Sections of lines `name  value  what it is`; a value other than the preset's has a star. */
export function policyText(
  name: string,
  settings: readonly PolicySetting[],
  preset: string,
  differences: readonly PolicySetting[],
): string {
  const lines = [name, ''];
  for (const section of ['own', 'part', 'tunable', 'feature', 'cost'] as const) {
    const rows = settings.filter((setting) => setting.section === section);
    if (rows.length === 0) continue;
    const nameWidth = Math.max(...rows.map((row) => row.name.length));
    const valueWidth = Math.max(...rows.map((row) => row.value.length));
    lines.push(TITLES[section]);
    for (const row of rows) {
      const values = row.values.length > 0 ? ` (${row.values.join(', ')})` : '';
      const star = row.changed ? '*' : ' ';
      lines.push(
        `${star} ${row.name.padEnd(nameWidth)}  ${row.value.padEnd(valueWidth)}  ${row.about}${values}`.trimEnd(),
      );
    }
    lines.push('');
  }
  if (differences.length > 0) {
    const words = differences.map(({ section, name, value }) => {
      if (section !== 'feature') return `${name}=${value}`;
      return value === 'on' ? name : `NO_${name}`;
    });
    lines.push(`${preset} is linux-6.1 but for: ${words.join(', ')}`);
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
