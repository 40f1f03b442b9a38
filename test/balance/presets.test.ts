import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicy, policySettings } from '../../src/balance/policy.ts';
import { PRESETS } from '../../src/balance/presets.ts';

/** What differs from Linux 6.1. */
function differences(name: string): Record<string, string> {
  const base = new Map(policySettings(parsePolicy('linux-6.1')).map((s) => [s.name, s.value]));
  const settings = policySettings(parsePolicy(name)).filter((s) => base.get(s.name) !== s.value);
  return Object.fromEntries(settings.map((s) => [s.name, s.value]));
}

test('newidle balance of each kernel is what its preset lists', () => {
  const newidle = (name: string) => {
    const d = differences(name);
    return [
      d['newidle.gate'] ?? 'domain_cost',
      d['newidle.cost_bump'] ?? 'off',
      d['NI_RANDOM'] ?? 'on',
      d['NI_RATE'] ?? 'off',
    ];
  };
  assert.deepEqual(newidle('linux-5.15'), ['migration_cost', 'off', 'off', 'off']);
  assert.deepEqual(newidle('linux-5.16'), ['domain_cost', 'off', 'off', 'off']);
  assert.deepEqual(newidle('linux-6.6'), ['domain_cost', 'off', 'off', 'off']);
  assert.deepEqual(newidle('linux-6.17'), ['domain_cost', 'on', 'off', 'off']);
  assert.deepEqual(newidle('linux-6.19'), ['domain_cost', 'off', 'on', 'off']);
  assert.deepEqual(newidle('linux-7.0'), ['domain_cost', 'off', 'on', 'on']);
});

test('a preset is one before it and what it changes, and every change changes something', () => {
  for (const { name, from, changes } of PRESETS) {
    if (from === null) continue;
    assert.ok(
      PRESETS.some((p) => p.name === from),
      `${name} comes from ${from}`,
    );
    // Without their fair class the other changes of a preset would have no meaning.
    for (const change of changes.filter((c) => !c.startsWith('fair='))) {
      const without = [from, ...changes.filter((c) => c !== change)].join(',');
      assert.notDeepEqual(differences(without), differences(name), `${name}: ${change}`);
    }
  }
});
