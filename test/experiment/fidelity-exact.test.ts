import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExactComparison, type ExactResult } from '../../src/experiment/fidelity/exact.ts';
import { labRepetitions } from '../../src/trace/lab-text-reader.ts';
import { needsShared } from '../support/shared.ts';
import { labRecord } from '../trace/lab-records.ts';

/** All repetitions of a record. */
async function compareRecord(name: string): Promise<ExactResult> {
  const record = labRecord(`ground-truth/${name}`);
  const exact = new ExactComparison();
  const repetitions = labRepetitions(await record.text(), { topology: record.topology, source: record.kernel });
  for (const repetition of repetitions) repetition.play(exact);
  return exact.result;
}

function assertEqual(result: ExactResult, name: string): void {
  for (const [kind, { compared, equal, unequal }] of Object.entries(result)) {
    assert.deepEqual([...unequal], [], `${name}: ${kind}`);
    assert.equal(equal, compared, `${name}: ${kind}`);
  }
}

/** Updates of entities, sleeping ones included, that the lab's own recomputation finds comparable. */
const COMPARABLE = { 'smp4-one': 625, 'smp4-pelt': 4634 };

for (const [name, comparable] of Object.entries(COMPARABLE)) {
  test(`every PELT update of ${name} is the kernel's, in every field`, needsShared, async () => {
    const result = await compareRecord(name);
    assertEqual(result, name);
    const { pelt_se, pelt_cfs, pelt_blocked } = result;
    assert.ok(pelt_se!.compared + pelt_blocked!.compared >= comparable, `${name}: too few`);
    assert.ok(pelt_cfs!.compared >= pelt_se!.compared, `${name}: too few of runqueues`);
    for (const kind of [pelt_se!, pelt_cfs!, pelt_blocked!]) {
      const left = Object.values(kind.notComparable).reduce((sum, n) => sum + n, 0);
      assert.ok(left <= 16, `${name}: ${left} are not comparable`);
    }
  });
}
