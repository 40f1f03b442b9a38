import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeatMap, type HeatMapData, type HeatMapOptions } from '../../src/analysis/heat-map.ts';
import { parsePolicy } from '../../src/balance/policy.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { presetMachine } from '../../src/machine/presets.ts';
import { heatMapCsv, heatMapJson, heatMapSvg } from '../../src/report/heat-map.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import { generate } from '../../src/workload/generators/generate.ts';
import { machine, TraceBuilder } from '../support/trace-builder.ts';

function mapOf(trace: TraceBuilder, options: HeatMapOptions = {}): HeatMapData {
  const map = new HeatMap(options);
  trace.play(map);
  return map.data();
}

/** A runs on CPU 0 from 2 us on; B waits behind it from 4 us to 6 us, and then runs on CPU 1. */
function busy(): TraceBuilder {
  const trace = new TraceBuilder(machine(2)).task('B', { prio: 125 });
  trace.at(2).onCpu(0).wakeup('A', 0).switch('idle', 'A').at(4).wakeup('B', 0);
  return trace.at(6).migrate('B', 0, 1, 'newidle').onCpu(1).switch('idle', 'B');
}

test('a bin has the mean number of tasks that run or wait, and of their weights', () => {
  const map = mapOf(busy().end(8));
  assert.equal(map.binNs, 1000);
  assert.deepEqual(map.runnable, [
    [0, 0, 1, 1, 2, 2, 1, 1],
    [0, 0, 0, 0, 0, 0, 1, 1],
  ]);
  assert.deepEqual(map.load[1], [0, 0, 0, 0, 0, 0, 336, 336], 'nice 5 weighs about a third');
  assert.equal(map.considered, null);
});

test('bins are joined in pairs when there are too many, and nothing is lost by it', () => {
  const map = mapOf(busy().end(8), { maxBins: 4 });
  assert.equal(map.binNs, 2000);
  assert.deepEqual(map.runnable, [
    [0, 1, 2, 1],
    [0, 0, 0, 1],
  ]);
  const last = mapOf(busy().end(9), { maxBins: 4 });
  assert.deepEqual([last.binNs, last.runnable[0]], [4000, [0.5, 1.5, 1]], 'the last bin is as long as the trace');
});

test('arrows go from who woke to where the task is; overloaded is a busy CPU while another was idle for it', () => {
  const arrows = mapOf(busy().end(8)).arrows.map(
    (a) => `${a.timeNs / 1000} ${a.kind} ${a.task} ${a.from}>${a.to} ${a.isOverloaded}`,
  );
  assert.deepEqual(arrows, ['2 wakeup A 0>0 false', '4 wakeup B 0>0 true', '6 migration B 0>1 false']);
  const bound = new TraceBuilder(machine(2)).running('A', 0).affinity('B', [0]).at(1).wakeup('B', 0).end(2);
  assert.deepEqual(
    mapOf(bound).arrows.map(({ isOverloaded }) => isOverloaded),
    [false],
    'B may not use the idle CPU',
  );
});

test('files: all of it as JSON, a line a CPU and bin as CSV, a picture with a mark for each overloaded wakeup', () => {
  const map = mapOf(busy().end(8));
  const json = JSON.parse(heatMapJson(map)) as HeatMapData;
  assert.deepEqual([json.runnable, json.binNs, json.arrows.length], [map.runnable, 1000, 3]);
  const lines = heatMapCsv(map).trimEnd().split('\n');
  assert.deepEqual([lines.length, lines[5]], [1 + 2 * 8, '0.004,0,0,2,1360,']);
  const svg = heatMapSvg(map, 'a <b> & c');
  assert.match(svg, /^<svg .*a &lt;b&gt; &amp; c: .*<\/svg>\n$/s);
  assert.equal(svg.match(/class="w"/g)!.length, 1);
});

function simulated(workload: string, policy: string, durationNs: number, decisions = false): HeatMapData {
  const map = new HeatMap();
  const reading = {
    workload: generate(workload, 64),
    warnings: [],
    features: [],
    repetitions: 1,
    seed0: 1,
    samples: [],
  };
  const on = presetMachine('bulldozer64');
  simulate(
    { machine: on, workload: reading, policy: parsePolicy(policy), seed: 1, durationNs, warmupNs: 0 },
    { sink: map, record: RECORDINGS.figures, decisions },
  );
  return map.data();
}

/** Nodes of which some CPU has something to run in the second half of the time. */
function nodesInUse({ topology, runnable }: HeatMapData): number[] {
  const used = new Set<number>();
  runnable.forEach((row, cpu) => {
    if (row.slice(row.length / 2).some((nr) => nr > 0.5)) used.add(topology.node[cpu]!);
  });
  return [...used].sort();
}

test('spec 23 check 7: with groups as CPU 0 sees them only one of the two nodes is in use, else both', () => {
  const workload = 'ep:threads=16,cpus=8-23';
  assert.equal(nodesInUse(simulated(workload, 'linux-6.1,fault.groups_from_cpu0=on', 1e9)).length, 1);
  assert.deepEqual(nodesInUse(simulated(workload, 'linux-6.1', 1e9)), [1, 2]);
});

test('spec 23 check 9: without domains across nodes 64 threads stay on one node', () => {
  const dropped = simulated('ep:threads=64', 'linux-6.1,fault.drop_numa_domains_on_hotplug=on', 1e9);
  assert.equal(nodesInUse(dropped).length, 1);
  assert.equal(nodesInUse(simulated('ep:threads=64', 'linux-6.1', 1e9)).length, 8);
});

test('with decisions it knows the CPUs that were looked at', () => {
  const map = simulated('dbquery:phases=1,transients=0', 'linux-6.1', 3e7, true);
  const looked = map.considered!.map((row) => row.reduce((a, b) => a + b, 0));
  assert.ok(
    looked.every((n) => n > 0),
    'balancing looks at all',
  );
});
