import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { parsePolicy } from '../../src/balance/policy.ts';
import { costVariations } from '../../src/experiment/sensitivity-runs.ts';
import { costParameters } from '../../src/machine/cost-parameters.ts';
import { steelyard } from '../support/cli.ts';

const policies = (...texts: string[]) => texts.map((text) => parsePolicy(`linux-6.1,${text}`));
const names = (list: ReturnType<typeof costVariations>) => list.map((v) => `${v.parameter} x${v.factor}`);

test('each cost that is not zero is halved and doubled, in all policies, and nothing else', () => {
  const tried = policies('costs=milan', 'costs=milan,newidle=off,cost.line_llc=0');
  const variations = costVariations(tried);
  for (const { parameter, factor, policies: varied } of variations) {
    varied.forEach((policy, i) => {
      const { costs } = tried[i]!;
      for (const p of costParameters(costs)) {
        const before = p.get(costs);
        const wanted =
          p.name !== parameter ? before : p.name === 'smt_factor' ? Math.min(1, before * factor) : before * factor;
        assert.ok(Math.abs(p.get(policy.costs) - wanted) <= 0.5, `${parameter} x${factor}: ${p.name}`);
      }
      assert.deepEqual({ ...policy, costs }, tried[i]);
    });
  }
  const all = names(variations);
  assert.equal(new Set(all).size, all.length);
  const varied = new Set(variations.map(({ parameter }) => parameter));
  const { costs } = tried[0]!;
  const missing = costParameters(costs).filter(({ name }) => !varied.has(name));
  assert.deepEqual(
    missing.map(({ name }) => name),
    // A switch, and what costs nothing on this machine; the last five are of the kernel lab's emulator.
    ['idle_polls', 'halt_poll', 'stat_group_llc', 'stat_pass', 'wake_first', 'call_function', 'newidle', 'pelt_probe'],
  );
});

test('costs can be chosen by name or by the beginning of their names', () => {
  const chosen = costVariations(policies('costs=milan'), ['line', 'tick']);
  assert.deepEqual(names(chosen).slice(0, 4), ['line_smt x0.5', 'line_smt x2', 'line_llc x0.5', 'line_llc x2']);
  assert.deepEqual(names(chosen).slice(8), [
    'tick x0.5',
    'tick x2',
    'tick_stop x0.5',
    'tick_stop x2',
    'tick_restart x0.5',
    'tick_restart x2',
  ]);
  assert.throws(() => costVariations(policies('costs=milan'), ['lines']), /no cost "lines".*/);
});

test('without costs there is nothing to vary', () => {
  assert.throws(() => costVariations(policies('newidle=off')), /nothing costs time/);
});

test('compare --sensitivity says which verdicts survive, whatever the number of threads', () => {
  const args = [
    'compare',
    '-m',
    'smp4',
    '-w',
    'runsleep:n=6',
    '--duration',
    '60ms',
    '-n',
    '3',
    '--sensitivity',
    'line,tick',
  ];
  const tried = ['-p', 'linux-6.1,costs=milan', '-p', 'linux-6.1,costs=milan,newidle=off'];
  const one = steelyard([...args, ...tried, '--json', '-j', '1']);
  assert.equal(one.code, 0, one.err);
  assert.equal(steelyard([...args, ...tried, '--json', '-j', '3']).out, one.out);
  const { figures, sensitivity } = JSON.parse(one.out);
  assert.equal(sensitivity.variations.length, 14);
  assert.deepEqual(sensitivity.variations[0], { parameter: 'line_smt', factor: 0.5 });
  const passes = sensitivity.figures.find(({ name }: { name: string }) => name === 'newidle_calls');
  const base = figures.find(({ name }: { name: string }) => name === 'newidle_calls').differences[tried[3]!];
  assert.deepEqual([passes.policy, passes.sign, passes.percent], [tried[3], -1, base.percent]);
  assert.deepEqual([passes.survives, passes.variations, passes.changes], [14, 14, []]);
  const fragile = sensitivity.figures.filter(
    (f: { sign: number; changes: unknown[] }) => f.sign !== 0 && f.changes.length > 0,
  );
  assert.deepEqual(
    sensitivity.fragile,
    fragile.map(({ name, policy }: { name: string; policy: string }) => ({ name, policy })),
  );
  const text = steelyard([...args, ...tried]).out;
  assert.match(text, /^sensitivity: 7 costs halved and doubled, 14 more comparisons$/m);
  assert.match(text, /^newidle_calls +B +-100 % .* 14 of 14$/m);
});

test('compare --sensitivity refuses what makes no sense', () => {
  const args = ['compare', '-m', 'smp4', '-w', 'hogs', '--duration', '10ms', '--sensitivity'];
  const free = steelyard([...args, '-p', 'linux-6.1', '-p', 'linux-6.1,newidle=off', '-n', '2']);
  assert.equal(free.code, 7);
  assert.match(free.err, /nothing costs time in these policies[\s\S]*costs=milan/);
  const tried = ['-p', 'linux-6.1,costs=milan', '-p', 'linux-6.1,costs=milan,newidle=off'];
  assert.equal(steelyard([...args, ...tried, '-n', '1']).code, 2);
  const unknown = steelyard([...args, 'line_lc', ...tried, '-n', '2']);
  assert.match(unknown.err, /did you mean "line_llc"/);
});
