import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../support/simulate.ts';

test('two hogs on one CPU of eight take turns every third tick, and leave as runnable', () => {
  // The slice is 11999994 ns, six less than three ticks.
  const run = simulate({ machine: 8, hooks: 'none', tasks: { a: { cpus: [0] }, b: { cpus: [0] } }, untilMs: 50 });
  assert.deepEqual(run.switches(0), [
    '0 idle->main R',
    '0 main->a X',
    '12 a->b R',
    '24 b->a R',
    '36 a->b R',
    '48 b->a R',
  ]);
  assert.equal(run.ranMs('a'), 26);
});
