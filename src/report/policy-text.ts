/** What a policy consists of, for people. */
import type { PolicySetting } from '../balance/policy.ts';

const TITLES: Readonly<Record<PolicySetting['section'], string>> = {
  part: 'Parts: name=value',
  tunable: 'Tunables and environment: name=value',
  feature: 'Scheduler features: NAME or NO_NAME',
  cost: 'Costs: name=value (after costs=PROFILE)',
};

/** Sections of lines `name  value  what it is`; a value other than the preset's has a star. */
export function policyText(name: string, settings: readonly PolicySetting[]): string {
  const lines = [name, ''];
  for (const section of ['part', 'tunable', 'feature', 'cost'] as const) {
    const rows = settings.filter((setting) => setting.section === section);
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
  return `${lines.join('\n').trimEnd()}\n`;
}
