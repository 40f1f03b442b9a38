/** Tunables that a policy file declares, as settings like all others. */
import type { ValueSpec } from '../settings.ts';
import type { Tunable } from './define-policy.ts';

export function ownSetting(tunable: Tunable): ValueSpec & { readonly values: readonly string[] } {
  const { about } = tunable;
  if (typeof tunable.default === 'boolean') return { kind: 'bool', about, values: [] };
  if ('values' in tunable) return { kind: 'word', about, values: tunable.values };
  const { unit, min = 0, max = Number.MAX_SAFE_INTEGER } = tunable as Extract<Tunable, { default: number }>;
  return { kind: unit === 'ns' ? 'ns' : 'int', about, values: [], min, max };
}
