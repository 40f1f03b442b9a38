import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { parsePolicy, policySettings } from '../../src/balance/policy.ts';
import { costParameters, costText, withCost } from '../../src/machine/cost-parameters.ts';
import { type CostProfile, costProfile, listCostProfiles } from '../../src/machine/cost-profile.ts';

const milan = costProfile('milan');
const parameter = (name: string, costs: CostProfile) => costParameters(costs).find((p) => p.name === name)!;
const refused = (text: string, says: RegExp) =>
  assert.throws(
    () => parsePolicy(`linux-6.1,${text}`),
    (e: Error) => says.test(e.message),
    text,
  );

describe('cost parameters', () => {
  it('cover every number of a profile, once', () => {
    for (const profile of listCostProfiles()) {
      const parameters = costParameters(profile);
      assert.equal(new Set(parameters.map((p) => p.name)).size, parameters.length);
      // Changing each of them changes another field, and nothing else does.
      const changed = parameters.map((p) => {
        const other = p.set(profile, p.get(profile) === 1 ? 0 : p.get(profile) + 1);
        return Object.keys(profile).filter(
          (key) => other[key as keyof CostProfile] !== profile[key as keyof CostProfile],
        );
      });
      for (const fields of changed) assert.equal(fields.length, 1);
      const notCosts = ['name', 'takesTurns', ...(profile.idleStates.length === 0 ? ['idleStates'] : [])];
      assert.deepEqual([...new Set(changed.flat()), ...notCosts].sort(), Object.keys(profile).sort());
    }
  });

  it('are written as they are read', () => {
    for (const profile of listCostProfiles()) {
      for (const p of costParameters(profile)) {
        assert.equal(
          p.get(withCost(profile, p.name, costText(p, profile))),
          p.get(profile),
          `${profile.name} ${p.name}`,
        );
      }
    }
    assert.equal(costText(parameter('line_llc', milan), milan), '23ns');
    assert.equal(costText(parameter('refill_l2', milan), milan), '512kb');
    assert.equal(costText(parameter('cstate2_exit', milan), milan), '3us');
  });

  it('are set in a policy, after the profile', () => {
    const { costs } = parsePolicy('linux-6.1,costs=milan,cost.line_llc=46ns,cost.smt_factor=0.5,cost.cstate1_exit=2us');
    assert.deepEqual(costs, {
      ...milan,
      lineLlcNs: 46,
      smtShare: 512,
      idleStates: [{ ...milan.idleStates[0]!, exitNs: 2000 }, ...milan.idleStates.slice(1)],
    });
    assert.equal(parsePolicy('linux-6.1,cost.refill_l2=1.5mb').costs.l2Bytes, 1.5 * 2 ** 20);
    refused('cost.line_llc=46ns,costs=milan', /would undo/);
  });

  it('are refused when they are unknown or make no sense', () => {
    refused('costs=milan,cost.line_lc=3ns', /no parameter "line_lc".*did you mean "line_llc"/);
    refused('costs=milan,line_llc=3ns', /no part, tunable or feature/);
    refused('costs=milan,cost.cstate9_exit=3us', /no parameter/);
    refused('costs=milan,cost.line_llc=fast', /a time is/);
    refused('costs=milan,cost.line_llc=-3ns', /a time is/);
    refused('costs=milan,cost.line_llc=3kb', /a time is/);
    refused('costs=milan,cost.tick=2s', /at most 1s/);
    refused('costs=milan,cost.refill_l2=3ns', /a size is/);
    refused('costs=milan,cost.smt_factor=0.5x', /a number such as/);
    refused('costs=milan,cost.idle_polls=2', /on or off/);
    refused('costs=milan,cost.refill_mlp=0', /cannot be 0/);
  });

  it('are shown with the policy, those that are not the profile’s marked', () => {
    const rows = policySettings(parsePolicy('linux-6.1,costs=milan,cost.line_llc=46ns'));
    const changed = rows.filter(({ section, changed }) => section === 'cost' && changed);
    assert.deepEqual(
      changed.map(({ name, value }) => [name, value]),
      [['cost.line_llc', '46ns']],
    );
  });
});
