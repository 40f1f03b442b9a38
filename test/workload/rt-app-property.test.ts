import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { PlacedText, WarningList } from '../../src/workload/places.ts';
import { readRtAppModel } from '../../src/workload/rt-app/read-model.ts';
import { readRtApp } from '../../src/workload/rt-app/read-rt-app.ts';
import { plainGlobal, printRtApp, type WrittenTask, writtenTask } from '../support/rt-app-arbitrary.ts';

const whims = fc.array(fc.nat(1000), { minLength: 5, maxLength: 60 });
const tasks = fc.array(writtenTask, { minLength: 1, maxLength: 4 });

/** Without places, and without fields that are there and undefined. */
function placeless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(placeless);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, v]) => key !== 'at' && key !== 'calibrationAt' && v !== undefined)
      .map(([key, v]) => [key, placeless(v)]),
  );
}

test('a model printed in any of the ways people write is read as that model', () => {
  fc.assert(
    fc.property(plainGlobal, tasks, whims, (global, written, w) => {
      const text = printRtApp(global, written, w);
      const model = readRtAppModel(new PlacedText(text), new WarningList());
      assert.deepEqual(placeless(model), placeless({ global, tasks: written.map((t: WrittenTask) => t.task) }), text);
    }),
    { numRuns: 500 },
  );
});

test('every model becomes a workload or is refused with a place', () => {
  fc.assert(
    fc.property(plainGlobal, tasks, whims, (global, written, w) => {
      const text = printRtApp(global, written, w);
      try {
        const { workload } = readRtApp(text, { name: 'any', nrCpus: 8 });
        assert.ok(workload.kinds.length === written.length + 1);
      } catch (e) {
        assert.ok(e instanceof UserError, String(e));
        assert.ok(e.place.line !== undefined, e.message);
      }
    }),
    { numRuns: 500 },
  );
});
