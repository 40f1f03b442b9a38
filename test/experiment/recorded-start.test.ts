/** What the trace of a record tells of the state each repetition began in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordedStarts } from '../../src/experiment/fidelity/recorded-start.ts';

const HZ = 250;

/** Lines of a trace text: task, CPU, time in ms, event. */
function trace(...lines: readonly (readonly [string, number, number, string])[]): Uint8Array {
  const text = lines.map(([task, cpu, ms, event]) => {
    const time = `${Math.floor(ms / 1000)}.${`${Math.round((ms % 1000) * 1e6)}`.padStart(9, '0')}`;
    return `${task.padStart(16)}    [${`${cpu}`.padStart(3, '0')}]     ${time}: ${event}\n`;
  });
  return new TextEncoder().encode(text.join(''));
}

const rep = (n: number) => `print:                0xffffffff811c36bd: lab rep ${n}`;
const enter = (cpu: number, level: number, idle: number, last: number, more = '') =>
  `lb_enter:             (ffffffff810f39d0) cpu=${cpu} sd="MC" level=${level} idle=${idle} nr=0 interval=8 last=${last} failed=1${more}`;
const newidle = (cpu: number, more = '') =>
  `newidle:              (ffffffff810f4820) cpu=${cpu} nr=0 avg_idle=900000 maxcost=500000${more}`;

test('the first pass of each domain is taken, and the jiffy at the beginning from two regular passes', () => {
  const [start] = recordedStarts(
    trace(
      ['init-1', 0, 1000, rep(1)],
      // A newidle pass leaves when its domain was balanced last: it does not tell the jiffy.
      ['hog-0-20', 1, 1001, enter(1, 2, 2, 4_000)],
      ['<idle>-0', 1, 1002, enter(1, 2, 0, 4_000, ' maxcost=36103 ratio=512')],
      ['<idle>-0', 1, 1010, enter(1, 2, 0, 4_021)],
      ['<idle>-0', 2, 1011, enter(2, 2, 0, 4_019)],
    ),
    HZ,
    'labgen',
  );
  // Regular pass at 1002 ms ended in jiffy 4021, which is half a tick (rounded to one) after the beginning: jiffy 4020 or 4021.
  assert.deepEqual(
    start!.state.domains.map(({ cpu, level, intervalMs, failed, sinceJiffies }) => ({
      cpu,
      level,
      intervalMs,
      failed,
      sinceJiffies,
    })),
    [
      { cpu: 1, level: 2, intervalMs: 8, failed: 1, sinceJiffies: 20 },
      { cpu: 2, level: 2, intervalMs: 8, failed: 1, sinceJiffies: 1 },
    ],
  );
  assert.equal(start!.state.domains[0]!.newidleRatio, null, 'the first of CPU 1 had no such field');
});

test('without a second regular pass the time of the last one is not known', () => {
  const [start] = recordedStarts(
    trace(['init-1', 0, 1000, rep(1)], ['<idle>-0', 1, 1002, enter(1, 2, 0, 4_000, ' maxcost=36103 ratio=512')]),
    HZ,
    'labgen',
  );
  assert.deepEqual(start!.state.domains, [
    { cpu: 1, level: 2, intervalMs: 8, failed: 1, sinceJiffies: null, maxNewidleCostNs: 36103, newidleRatio: 512 },
  ]);
});

test('each repetition has what its own first newidle passes show', () => {
  const starts = recordedStarts(
    trace(
      ['<idle>-0', 3, 900, newidle(3, ' ratio=1 call=1 success=1')],
      ['init-1', 0, 1000, rep(1)],
      ['hog-0-20', 3, 1001, newidle(3)],
      ['init-1', 0, 2000, rep(2)],
      ['hog-0-30', 3, 2001, newidle(3, ' ratio=512 call=600 success=256 sdcost=4844')],
      ['hog-0-30', 3, 2002, newidle(3, ' ratio=513 call=601 success=257 sdcost=4844')],
    ),
    HZ,
    'labgen',
  );
  const cpu = { cpu: 3, avgIdleNs: 900_000, maxIdleBalanceCostNs: 500_000 };
  assert.deepEqual(
    starts.map(({ state }) => state.cpus),
    [[{ ...cpu, newidleCall: null, newidleSuccess: null }], [{ ...cpu, newidleCall: 600, newidleSuccess: 256 }]],
  );
});

test('the load begins where its starter forks first, so long after its program began', () => {
  const fork = 'sched_process_fork:   comm=x pid=1 child_comm=x child_pid=2';
  const exec = 'sched_process_exec:   filename=/bin/labgen pid=143 old_pid=143';
  const text = trace(
    ['init-1', 0, 1000, rep(1)],
    ['init-1', 0, 1000.125, fork],
    ['labgen-143', 3, 1000.5, exec],
    ['labgen-143', 3, 1003.25, fork],
    ['labgen-143', 3, 1003.5, fork],
    ['init-1', 0, 2000, rep(2)],
    ['labgen-150', 2, 2003, fork],
    ['init-1', 0, 3000, rep(3)],
  );
  assert.deepEqual(
    recordedStarts(text, HZ, 'labgen').map(({ load }) => load),
    [
      { cpu: 3, setUpNs: 2_750_000 },
      { cpu: 2, setUpNs: null },
      { cpu: null, setUpNs: null },
    ],
  );
});

test('a text without repetitions tells nothing', () => {
  assert.deepEqual(recordedStarts(new Uint8Array(), HZ, 'labgen'), []);
});
