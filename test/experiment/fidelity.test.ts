/** Verdicts, and simulated runs written as records of the kernel lab. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { LabRepetitionSink } from '../../src/analysis/lab-repetition.ts';
import { parsePolicy } from '../../src/balance/policy.ts';
import { inGuest } from '../../src/experiment/fidelity/guest.ts';
import { findRecords, loadRecord } from '../../src/experiment/fidelity/record.ts';
import { compareFigures, judge } from '../../src/experiment/fidelity/verdict.ts';
import { openLabFolder } from '../../src/experiment/lab-folder.ts';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { labRepetitions } from '../../src/trace/lab-text-reader.ts';
import { parseSchedstat } from '../../src/trace/schedstat.ts';
import { zstdDecompress } from '../../src/trace/zstd.ts';
import { steelyard } from '../support/cli.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));
const range = (mean: number, min = mean, max = mean) => ({ mean, min, max });

describe('verdicts', () => {
  test('inside is within the least and greatest, ends included', () => {
    assert.equal(judge(range(10, 8, 12), range(12)), 'inside');
    assert.equal(judge(range(10, 8, 12), range(8)), 'inside');
  });

  test('near is up to 10 % of the mean outside', () => {
    assert.equal(judge(range(10.5, 8.5, 12.5), range(13.5)), 'near');
    assert.equal(judge(range(10.5, 8.5, 12.5), range(13.6)), 'off');
  });

  test('near is up to one outside where all are counts', () => {
    assert.equal(judge(range(0), range(1)), 'near');
    assert.equal(judge(range(0), range(2)), 'off');
    assert.equal(judge(range(0.5, 0.5, 0.5), range(1.5)), 'off');
  });

  test('a count of events that is absent is 0; any other figure that is absent is off', () => {
    const real = {
      'load_balance.MC/busy.calls': { ...range(0, 0, 1), sd: 0, n: 2 },
      jain: { ...range(1), sd: 0, n: 2 },
    };
    const [calls, jain] = compareFigures(real, {});
    assert.deepEqual([calls!.verdict, calls!.simulated], ['inside', range(0)]);
    assert.deepEqual([jain!.verdict, jain!.simulated], ['off', null]);
  });
});

test('a run written as a record is read back with the figures it had', async () => {
  const machine = loadMachine('smt8');
  const workload = loadWorkload('hackbench:groups=1,fds=3,loops=5', machine.nrCpus);
  const [main, ...others] = workload.workload.kinds;
  const program = [
    { op: 'mark', text: 'lab cmd start' } as const,
    ...main!.program.filter(({ op }) => op !== 'exit'),
    { op: 'mark', text: 'lab cmd end' } as const,
  ];
  const marked = { ...workload, workload: { ...workload.workload, kinds: [{ ...main!, program }, ...others] } };
  const direct = new LabRepetitionSink({ byComm: 'hackbench' });
  const record = openLabFolder(join(folder, 'record'), machine, 'hackbench');
  const plan = {
    machine,
    workload: marked,
    policy: parsePolicy('linux-6.1,costs=milan'),
    seed: 1,
    durationNs: null,
    warmupNs: 0,
  };
  const { schedstat } = simulate(plan, { sink: record.sink, schedstat: true });
  record.commit(schedstat!);
  simulate(plan, { sink: direct });

  const text = await zstdDecompress(readFileSync(join(folder, 'record', 'trace.txt.zst')));
  const [repetition] = labRepetitions(text, { topology: machine, source: 'linux-6.1' });
  const read = new LabRepetitionSink({ byComm: 'hackbench' });
  repetition!.play(read);
  assert.notEqual(direct.figures(), null);
  assert.equal(read.figures()?.['switches'], direct.figures()?.['switches']);
  assert.deepEqual(read.figures()?.['wake_latency_us'], direct.figures()?.['wake_latency_us']);
  const before = parseSchedstat(readFileSync(join(folder, 'record', 'r1', 'schedstat0'), 'utf8'));
  assert.equal(before.cpus[0]!.ttwuCount, 0);
  const tasks = new TextDecoder().decode(
    await zstdDecompress(readFileSync(join(folder, 'record', 'r1', 'tasks.txt.zst'))),
  );
  assert.match(tasks, /^@ task=receiver-0 pid=\d+$/m);
});

test('the guest’s own threads do not keep a load from ending', () => {
  const machine = loadMachine('smp4');
  const reading = loadWorkload('hackbench:groups=1,fds=2,loops=5', machine.nrCpus);
  const workload = { ...reading, workload: inGuest(reading.workload, machine) };
  const policy = parsePolicy('linux-6.1,costs=kernel-lab,start_state=random');
  const result = simulate(
    { machine, workload, policy, seed: 3, durationNs: null, warmupNs: 0 },
    { checkInvariants: true },
  );
  assert.equal(result.reason, 'stopped');
  // The guest idles 400 to 480 ms before.
  assert.ok(result.simulatedNs > 400e6 && result.simulatedNs < 560e6, `${result.simulatedNs}`);
});

test('records are found by what is in them', needsShared, () => {
  const found = findRecords(sharedPath('ground-truth'));
  assert.ok(found.length >= 35);
  const record = loadRecord(found.find((path) => path.endsWith('smp4-rtmix'))!);
  assert.ok(record.settings.includes('rt_runtime=-1'), 'the lab does not throttle real-time tasks');
  assert.ok(Object.keys(record.real).length > 50);
  assert.throws(() => findRecords(sharedPath('inputs')), /there is no record/);
});

test('the command compares records, and what is exact is equal', needsShared, () => {
  const folders = ['smp4-nohzkick', 'smt8-unpin', 'smp4-pelt'].map((name) => sharedPath(`ground-truth/${name}`));
  const { code, out, err } = steelyard(['fidelity', ...folders, '--json']);
  assert.equal(code, 0, err);
  const { records, totals, exact, decisions } = JSON.parse(out);
  assert.deepEqual(
    records.map(({ name }: { name: string }) => name),
    ['smp4-nohzkick', 'smt8-unpin', 'smp4-pelt'],
  );
  assert.deepEqual(Object.keys(records[0].figures[0]), ['name', 'real', 'simulated', 'verdict']);
  for (const { simulated } of records.flatMap(({ figures }: { figures: object[] }) => figures)) {
    assert.deepEqual(Object.keys(simulated), ['mean', 'min', 'max']);
  }
  const all = totals.inside + totals.near + totals.off;
  assert.equal(
    all,
    records.reduce((sum: number, { figures }: { figures: unknown[] }) => sum + figures.length, 0),
  );
  for (const { compared, equal } of Object.values<{ compared: number; equal: number }>(exact))
    assert.equal(equal, compared);
  assert.ok(exact.pelt_se.compared > 4000);
  for (const kind of ['lb_enter', 'lb_leave']) {
    assert.ok(decisions[kind].decidable > 500, kind);
    assert.equal(decisions[kind].agree, decisions[kind].decidable, kind);
  }
});
