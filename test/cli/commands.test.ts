/** The commands as users call them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isTraceFile } from '../../src/trace/disk.ts';
import { parseSchedstat } from '../../src/trace/schedstat.ts';
import { steelyard } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));
const RUN = ['run', '--machine', 'smp4', '--workload', 'runsleep:n=6', '--duration', '200ms'];

test('run prints a table, and where it wrote what', () => {
  const trace = join(folder, 'out.txt');
  const schedstat = join(folder, 'schedstat');
  const { code, out, err } = steelyard([...RUN, '--trace', trace, '--schedstat', schedstat]);
  assert.equal(code, 0, err);
  assert.match(out, /throughput\.all +units\/s +more +\d/);
  assert.match(err, /200 ms simulated/);
  assert.match(readFileSync(trace, 'utf8'), /^cpus=4\n[\s\S]*lab rep 1[\s\S]*sched_switch:/);
  const stat = parseSchedstat(readFileSync(schedstat, 'utf8'));
  assert.equal(stat.cpus.length, 4);
  assert.ok(stat.cpus.reduce((sum, cpu) => sum + cpu.ttwuCount, 0) > 100);
  assert.ok(stat.cpus[0]!.domains[0]!.balance.newidle.count > 0);
});

test('the ending of the name tells the form of the trace', () => {
  const own = join(folder, 'a.steelyard');
  const perfetto = join(folder, 'a.perfetto-trace');
  for (const file of [own, perfetto]) assert.equal(steelyard([...RUN, '--trace', file]).code, 0);
  assert.ok(isTraceFile(readFileSync(own)));
  assert.equal(readFileSync(perfetto)[0], 0x0a, 'a packet');
});

test('run --json is the documented form', () => {
  const { code, out } = steelyard([...RUN, '--json']);
  assert.equal(code, 0);
  const { baseline, runs, figures } = JSON.parse(out);
  assert.equal(baseline, 'linux-6.1');
  assert.equal(runs, 1);
  const makespan = figures.find(({ name }: { name: string }) => name === 'throughput.all');
  assert.deepEqual(Object.keys(makespan), ['name', 'unit', 'better', 'policies']);
  assert.equal(makespan.better, 'more');
  assert.equal(makespan.policies['linux-6.1'].values.length, 1);
});

test('compare --json is the documented form, and does not depend on how many threads work', () => {
  const args = ['compare', '-m', 'smp4', '-w', 'runsleep:n=6', '--duration', '100ms', '-n', '4', '--json'];
  const policies = ['-p', 'linux-6.1', '-p', 'linux-6.1,newidle=off'];
  const one = steelyard([...args, ...policies, '-j', '1']);
  const two = steelyard([...args, ...policies, '-j', '3']);
  assert.equal(one.code, 0, one.err);
  assert.equal(two.out, one.out);
  const { baseline, runs, figures } = JSON.parse(one.out);
  assert.equal(baseline, 'linux-6.1');
  assert.equal(runs, 4);
  const wasted = figures.find(({ name }: { name: string }) => name === 'wasted_cpu_ms');
  assert.deepEqual(Object.keys(wasted), ['name', 'unit', 'better', 'policies', 'differences']);
  const { percent, low, high } = wasted.differences['linux-6.1,newidle=off'];
  assert.ok(low <= percent && percent <= high);
  assert.equal(wasted.policies['linux-6.1'].values.length, 4);
});

test('compare takes a scenario file and writes a trace of each side', () => {
  const scenario = join(folder, 's.yaml');
  writeFileSync(
    scenario,
    'machine: smp4\nworkload: hogs:n=6\npolicies: [linux-6.1, "linux-6.1,periodic=off"]\nduration: 50ms\nruns: 2\n',
  );
  const { code, out, err } = steelyard(['compare', scenario, '--traces', join(folder, 'traces')]);
  assert.equal(code, 0, err);
  assert.match(out, /2 runs a policy/);
  assert.deepEqual(readdirSync(join(folder, 'traces')), [
    'linux-6.1.perfetto-trace',
    'linux-6.1_periodic=off.perfetto-trace',
  ]);
});

test('the command line goes before the scenario file, and paths in it are relative to it', () => {
  const scenario = join(folder, 'relative.yaml');
  writeFileSync(join(folder, 'two.json'), '{"tasks": {"two": {"instance": 2, "loop": 5, "run": 1000, "sleep": 1000}}}');
  writeFileSync(scenario, 'machine: smp4\nworkload: two.json\nseed: 5\n');
  const { code, err } = steelyard(['run', scenario, '--seed', '9', '--machine', 'smt8']);
  assert.equal(code, 0, err);
  assert.match(err, /two on smt8.*all tasks ended.*seed 9/);
});

test('machine and policy commands', () => {
  assert.match(steelyard(['machine', 'list']).out, /^smp4 /m);
  const names = JSON.parse(steelyard(['machine', 'list', '--json']).out).map(({ name }: { name: string }) => name);
  for (const name of names.filter((n: string) => !n.includes('N'))) {
    const { code, out } = steelyard(['machine', 'show', name]);
    assert.equal(code, 0, name);
    assert.match(out, /Scheduling domains/, name);
  }
  assert.equal(JSON.parse(steelyard(['machine', 'show', 'smp4', '--json']).out).cpus.length, 4);
  assert.match(steelyard(['policy', 'list']).out, /^linux-6\.1 /m);
  assert.match(steelyard(['policy', 'show', 'linux-6.1,newidle=off']).out, /^\* newidle +off/m);
  const { settings } = JSON.parse(steelyard(['policy', 'show', 'linux-6.1,migration_cost=1ms', '--json']).out);
  assert.equal(settings.find(({ name }: { name: string }) => name === 'migration_cost').value, '1ms');
});

test('every command has help', () => {
  for (const command of [[], ['run'], ['compare'], ['machine'], ['machine', 'show'], ['policy', 'show']]) {
    const { code, out } = steelyard([...command, '--help']);
    assert.equal(code, 0);
    assert.match(out, /^Usage: steelyard/);
  }
  assert.equal(steelyard(['--version']).out, '0.1.0\n');
});

test('a run says what it was charged with', () => {
  const { out } = steelyard([...RUN, '-p', 'linux-6.1,costs=milan,cost.line_llc=46ns']);
  assert.match(out, /^costs milan: line_smt 10ns, line_llc 46ns, .*\n(?: {2}.*\n)+$/m);
  assert.match(steelyard(RUN).out, /^costs none: nothing takes time but what tasks do$/m);
  const { costs } = JSON.parse(steelyard([...RUN, '-p', 'linux-6.1,costs=milan', '--json']).out);
  const { profile, parameters } = costs['linux-6.1,costs=milan'];
  assert.deepEqual([profile, parameters.line_llc, parameters.smt_factor], ['milan', 23, 0.625]);
});

test('policy costs prints the profiles, and where the numbers of one are from', () => {
  assert.match(steelyard(['policy', 'costs']).out, /^line_llc .* 44ns .* 23ns /m);
  assert.match(steelyard(['policy', 'costs', 'milan']).out, /^line_llc +23ns .*§1: core-to-core-latency/m);
  const [milan] = JSON.parse(steelyard(['policy', 'costs', 'milan', '--json']).out);
  assert.equal(milan.profile, 'milan');
  const line = milan.parameters.find(({ name }: { name: string }) => name === 'line_llc');
  assert.deepEqual([line.value, line.unit], [23, 'ns']);
  assert.equal(steelyard(['policy', 'costs', 'milen']).code, 7);
});
