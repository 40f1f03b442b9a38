import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { generate, isGeneratorSpec, listGenerators } from '../../src/workload/generators/generate.ts';
import { pipeMessages, socketMessages } from '../../src/workload/generators/hackbench.ts';
import type { Duration } from '../../src/workload/program.ts';
import { type IdealRun, meanNs, runIdeally } from '../support/ideal-machine.ts';

const ideal = (spec: string, nrCpus = 4, log = false): IdealRun => runIdeally(generate(spec, nrCpus), undefined, log);
const unitsOf = (run: IdealRun) => run.tasks.reduce((n, t) => n + t.units, 0);
const kindsOf = (spec: string, nrCpus = 4) => generate(spec, nrCpus).kinds.map((k) => k.name);

/** A short finite run of each generator, and the units it must do. */
const FINITE: Record<string, [spec: string, units: number]> = {
  runsleep: ['runsleep:n=3,loops=4', 12],
  periodic: ['periodic:n=3,loops=4', 12],
  forkburst: ['forkburst:n=5,life=1ms', 10],
  hackbench: ['hackbench:groups=2,fds=3,loops=50', 2 * 3 * 3 * 50],
  pipe: ['pipe:loops=20', 20],
  schbench: ['schbench:m=2,t=3,loops=4', 24],
  'schbench-old': ['schbench-old:m=2,t=3,loops=4', 24],
  tbench: ['tbench:clients=2,loops=25', 50],
  netperf: ['netperf:pairs=3,loops=7', 21],
  rpc: ['rpc:fronts=2,fanout=5,loops=3', 6],
  oltp: ['oltp:users=3,loops=2,flush=0', 6],
  oracle: ['oracle:users=3,loops=2,writers=0', 6],
  kbuild: ['kbuild:objects=10,jobs=3', 10],
  context1: ['context1:copies=2,loops=5', 10],
  shell: ['shell:copies=2,loops=3', 6],
  spawn: ['spawn:copies=2,loops=3', 6],
  execl: ['execl:copies=2,loops=3', 6],
  lu: ['lu:threads=5,iterations=7', 35],
  ep: ['ep:threads=5,iterations=7', 35],
};

test('every generator works with its defaults, on machines of any size', () => {
  for (const { name } of listGenerators())
    for (const nrCpus of [1, 2, 7, 64, 512]) {
      const w = generate(name, nrCpus);
      assert.ok(w.maxTasks > 1 && w.unit !== '', name);
      assert.ok(w.durationNs === null || w.durationNs > 0, name);
    }
});

test('every finite run comes to its end, has done all its units and left nobody behind', () => {
  const others = ['hogs', 'sessions', 'dbquery'];
  for (const { name } of listGenerators().filter((g) => !others.includes(g.name))) {
    const [spec, units] = FINITE[name]!;
    assert.equal(generate(spec, 4).durationNs, null, spec);
    const run = ideal(spec);
    assert.deepEqual(
      run.tasks.filter((t) => t.exitNs === undefined).map((t) => `${t.comm} in ${t.stuckIn}`),
      [],
      spec,
    );
    assert.equal(unitsOf(run), units, spec);
    assert.ok(run.maxAlive <= generate(spec, 4).maxTasks, spec);
  }
});

test('every endless run goes on until it is stopped, and does units', () => {
  for (const spec of [
    ...[
      'runsleep',
      'periodic',
      'hackbench:loops=0,groups=1,fds=2',
      'pipe:loops=0',
      'schbench',
      'schbench-old',
      'tbench',
    ],
    ...[
      'netperf',
      'rpc',
      'oltp',
      'oracle',
      'context1',
      'shell',
      'spawn',
      'execl',
      'lu:iterations=0',
      'schbench:rps=900',
    ],
  ]) {
    assert.equal(generate(spec, 4).durationNs, 1_000_000_000, spec);
    const sep = spec.includes(':') ? ',' : ':';
    const run = ideal(`${spec}${sep}duration=200ms`);
    assert.ok(unitsOf(run) > 3, spec);
    assert.ok(run.endNs > 150_000_000, spec);
  }
});

test('hackbench: every message sent is received, and blocked senders and receivers wake each other', () => {
  const run = ideal('hackbench:groups=1,fds=4,loops=100,cap_msgs=3');
  const receivers = run.tasks.filter((t) => t.units > 0);
  assert.equal(receivers.length, 4);
  assert.ok(receivers.every((t) => t.units === 400));
  assert.equal(run.tasks.length, 9);
});

test('hackbench: receivers are forked before senders, all are released together, newest first', () => {
  const w = generate('hackbench:groups=2,fds=3,loops=1', 4);
  assert.deepEqual(
    w.kinds.map((k) => k.name),
    ['', 'receiver', 'sender', 'receiver', 'sender'],
  );
  assert.deepEqual(
    w.kinds[0]!.program.map((i) => i.op),
    ['fork', 'fork', 'fork', 'fork', 'loop', 'wait', 'end', 'wake', 'waitChildren'],
  );
  assert.equal(w.semaphores.find((s) => s.name === 'go')!.newestFirst, true);
  assert.ok(w.kinds.every((k) => k.comm === 'hackbench'));
});

test('hackbench: a pipe holds 640 messages of 100 bytes, a socket 277', () => {
  assert.equal(pipeMessages(100), 640);
  assert.equal(pipeMessages(4096), 16);
  assert.equal(pipeMessages(5000), 8);
  assert.equal(pipeMessages(1 << 20), 1);
  assert.equal(socketMessages(100), 277);
  const capacity = (spec: string) => generate(spec, 4).channels[0]!.capacity;
  assert.equal(capacity('hackbench:chan=pipe'), 640);
  assert.equal(capacity('hackbench'), 277);
  assert.equal(capacity('hackbench:cap_msgs=5'), 5);
});

test('hackbench: bare figures of write_ns and read_ns are nanoseconds', () => {
  const works = (spec: string) =>
    generate(spec, 4).kinds.flatMap((k) =>
      k.program.flatMap((i) => (i.op === 'send' || i.op === 'receive' ? [i.work] : [])),
    );
  assert.deepEqual(works('hackbench:groups=1,fds=1,write_ns=1234,read_ns=1us..2us'), [
    { kind: 'uniform', minNs: 1000, maxNs: 2000, stepNs: 1000 },
    { kind: 'fixed', ns: 1234 },
  ]);
});

test('pipe, tbench and netperf: of two that talk, one runs at a time', () => {
  for (const spec of ['pipe:loops=50', 'tbench:clients=1,loops=50', 'netperf:pairs=1,loops=50']) {
    const steps = ideal(spec, 4, true).steps.filter((s) => s.op === 'run');
    for (let i = 1; i < steps.length; i++) assert.ok(steps[i]!.from >= steps[i - 1]!.to, spec);
  }
});

test('tbench: a tenth of the operations are five times as long', () => {
  const client = ideal('tbench:clients=1,loops=20').tasks.find((t) => t.units > 0)!;
  assert.deepEqual(
    client.latencies.map(([, ns]) => ns / 14_000),
    [...Array(9).fill(1), 5, ...Array(9).fill(1), 5],
  );
});

test('schbench: a request is sleeping and computing, with the lock of the CPU if wanted', () => {
  const ops = (spec: string) =>
    generate(spec, 4)
      .kinds.find((k) => k.name === 'worker')!
      .program.map((i) => i.op);
  assert.deepEqual(ops('schbench'), [
    ...['loop', 'wake', 'wait', 'unitBegin', 'sleep', 'lockCpu', 'run', 'unlockCpu', 'unitDone', 'end'],
  ]);
  assert.deepEqual(ops('schbench:lock=no,sleep=0,rps=100'), ['loop', 'wait', 'unitBegin', 'run', 'unitDone', 'end']);
  const storm = generate('schbench:m=4,t=256,think=1us..2us,sleep=0,lock=no,pin=yes', 16);
  assert.equal(storm.maxTasks, 1 + 4 * 257);
  assert.deepEqual(
    storm.kinds.filter((k) => k.name === 'messenger').map((k) => k.cpus),
    [[0], [1], [2], [3]],
  );
  assert.deepEqual(storm.kinds.find((k) => k.name === 'worker')!.cpus, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
});

test('schbench: at a fixed rate there are as many requests as asked for', () => {
  const run = ideal('schbench:m=2,t=8,think=1ms,rps=1000,duration=1s');
  assert.ok(Math.abs(unitsOf(run) - 1000) < 10, `${unitsOf(run)}`);
});

test('spec 25 check 7: an oltp transaction is 14 reads, 4 writes and 2 statements more', () => {
  const w = generate('oltp:users=1,loops=3', 4);
  const run = runIdeally(w, undefined, true);
  const client = run.tasks.find((t) => t.comm === 'sysbench')!;
  assert.equal(client.units, 3);
  const statements = run.steps.filter((s) => s.task === client && s.op === 'run').length;
  assert.equal(statements, 3 * 20);
  const server = run.tasks.find((t) => t.comm === 'connection')!;
  const queries = run.steps.filter((s) => s.task === server && s.op === 'run' && s.to - s.from === 60_000).length;
  assert.equal(queries, 3 * 18);
});

test('oltp: the log is flushed for all who wait for it, and nobody is forgotten', () => {
  const run = ideal('oltp:users=40,query=30us,flush=5ms,loops=10,duration=10s');
  const done = run.tasks.filter((t) => t.comm === 'sysbench');
  assert.ok(done.every((t) => t.units === 10));
  const alone = ideal('oltp:users=1,query=30us,flush=5ms,loops=10,duration=10s');
  assert.equal(unitsOf(alone), 10);
  assert.ok(Math.max(...done.map((t) => t.exitNs!)) < 2.5 * alone.tasks.find((t) => t.comm === 'sysbench')!.exitNs!);
});

test('kbuild: the whole costs what was measured on 16 threads, 1270 CPU seconds', () => {
  const w = generate('kbuild', 16);
  // What each process costs on average, by the distributions' means.
  const mean = (d: Duration) => (d.kind === 'lognormal' ? d.medianNs * Math.exp((d.sigma * d.sigma) / 2) : meanNs(d));
  let total = 0;
  for (const k of w.kinds)
    for (const i of k.program) if (i.op === 'run') total += mean(i.work) * (k.name === 'ld' ? 1 : 2800);
  assert.ok(Math.abs(total / 1e9 - 1270) < 0.02 * 1270, `${total / 1e9}`);
});

test('kbuild: never more objects at a time than jobs, and the link comes last', () => {
  const run = ideal('kbuild:objects=30,jobs=4', 4, true);
  const compiling = run.tasks.filter((t) => run.steps.some((s) => s.task === t && s.to - s.from === 284e6));
  assert.equal(compiling.length, 30);
  const times = compiling.flatMap((t): [number, number][] => [
    [t.bornNs, 1],
    [t.exitNs!, -1],
  ]);
  times.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let now = 0;
  for (const [, change] of times) assert.ok((now += change) <= 4);
  const link = run.steps.find((s) => s.to - s.from === 8e9)!;
  assert.equal(link.from, Math.max(...run.steps.filter((s) => s !== link).map((s) => s.to)));
});

test('lu: a stage begins when the thread before has done it; ep: nobody waits until the end', () => {
  assert.equal(ideal('lu:threads=6,iterations=10').endNs, 15_000_000);
  assert.equal(ideal('ep:threads=6,iterations=10').endNs, 10_000_000);
});

test('lu: a thread is no more than one result ahead of its successor, unless it may', () => {
  // The threads of the ideal machine are all as fast: only what they were told to hold back for can differ.
  const waits = (spec: string) => generate(spec, 4).kinds[1]!.program.filter(({ op }) => op === 'spinWait').length;
  assert.deepEqual([waits('lu:threads=6'), waits('lu:threads=6,ahead=0')], [2, 1]);
  const room = generate('lu:threads=3,iterations=9', 4).semaphores.filter(({ name }) => name === 'room');
  assert.deepEqual(
    room.map(({ initial }) => initial),
    [0, 1, 1, 9],
  );
});

test('sessions: a group of its own for each terminal, and all is over when make or lu is', () => {
  for (const [spec, units, kind] of [
    ['sessions:objects=10,jobs=3,link=0,singles=2', 10, 'make'],
    ['sessions:load=lu,threads=5,iterations=7,singles=2', 35, 'lu'],
  ] as const) {
    const w = generate(spec, 4);
    const groupOf = (name: string) => w.kinds.filter((k) => k.name === name).map(({ group }) => w.groups[group]!.path);
    assert.deepEqual([groupOf('R'), groupOf(kind)], [['/tty2', '/tty3'], ['/tty1']]);
    assert.ok(w.groups.every(({ weight }) => weight === 100));
    const run = ideal(spec);
    assert.equal(unitsOf(run), units);
    assert.deepEqual(
      run.tasks.filter((t) => t.exitNs === undefined).map(({ comm }) => comm),
      ['main', 'R', 'R', 'sh'],
      'what is left at the end are those that never end',
    );
  }
});

test('dbquery: every worker does its phases, and the kernel threads are not of the workload', () => {
  const run = ideal('dbquery:workers=3,phases=4,rounds=2,transients=2');
  assert.equal(unitsOf(run), 12);
  const w = generate('dbquery', 4);
  const kthreads = w.kinds.filter(({ kthread }) => kthread);
  assert.deepEqual(
    kthreads.map(({ name, cpus }) => [name, cpus]),
    [0, 1, 2, 3].map((cpu) => ['', [cpu]]),
  );
});

test('rpc: a request takes as long as its slowest server', () => {
  const run = ideal('rpc:fronts=1,fanout=4,loops=5,leaf=100us,parse=50us,merge=20us,think=1ms');
  const front = run.tasks.find((t) => t.comm === 'front')!;
  assert.deepEqual(
    front.latencies.map(([, ns]) => ns),
    Array(5).fill(170_000),
  );
});

test('periodic: response times are counted from the wakeup, at the period', () => {
  const run = ideal('periodic:n=1,run=2ms,period=10ms,jitter=0,loops=4');
  assert.deepEqual(run.tasks[1]!.latencies, [
    [2e6, 2e6],
    [12e6, 2e6],
    [22e6, 2e6],
    [32e6, 2e6],
  ]);
});

test('parameters may be worked out from the number of CPUs, and warm-up and duration go with every generator', () => {
  const w = generate('hogs:n={N*2+1},duration=3s,warmup=100ms', 8);
  assert.deepEqual([w.maxTasks, w.durationNs, w.warmupNs], [18, 3_000_000_000, 100_000_000]);
  assert.equal(w.name, 'hogs:n={N*2+1},duration=3s,warmup=100ms');
  assert.deepEqual(generate('hogs:cpus=0-2+5', 8).kinds[1]!.cpus, [0, 1, 2, 5]);
  assert.deepEqual(kindsOf('forkburst:bursts=3'), ['', 'child', 'child2', 'child3', 'parent']);
});

test('a wrong string is refused with what was meant', () => {
  const refused = (spec: string, what: RegExp, code = 'workload') =>
    assert.throws(
      () => generate(spec, 4),
      (e) => {
        assert.ok(e instanceof UserError, `${spec}: ${e}`);
        assert.match(e.message, what);
        assert.equal(e.code, code);
        return true;
      },
    );
  refused('hackbnch', /unknown workload "hackbnch" \(did you mean "hackbench"\?\)/);
  refused('hogs:m=3', /hogs has no parameter "m" \(did you mean "n"/);
  refused('hogs:n', /"n" is not key=value/);
  refused('hogs:n=3,n=4', /given twice/);
  refused('hogs:n=-1', /n is "-1" \(it should be a whole number within 1/);
  refused('hogs:n={M}', /cannot work out/);
  refused('hogs:cpus=0-9', /CPUs of the machine/);
  refused('hogs:nice=20', /within -20..19/);
  refused('runsleep:run=5', /a time like 500us/);
  refused('runsleep:run=lognormal(1ms', /run is/);
  refused('hackbench:chan=fifo', /socket or pipe/);
  refused('hackbench:groups=10000,fds=10000', /are more than/, 'limit');
  refused('schbench:pin=maybe', /yes or no/);
  refused('periodic:period=0', /a period of 0/);
  refused('execl:work=0', /takes no time/);
  refused('forkburst:cpu=4', /no CPU 4/);
  refused(`hogs:n=${'1'.repeat(5000)}`, /too long/, 'limit');
});

test('strings of generators are told from names of files', () => {
  assert.ok(isGeneratorSpec('hogs') && isGeneratorSpec('hogs:n=3'));
  assert.ok(!isGeneratorSpec('hogs.scn') && !isGeneratorSpec('./hogs') && !isGeneratorSpec(''));
});

test('help says of every generator what it measures and of every parameter what it is', () => {
  for (const g of listGenerators()) {
    assert.ok(g.summary !== '' && g.measures !== '' && g.unit !== '', g.name);
    assert.ok(g.params.some((p) => p.name === 'duration'));
    for (const p of g.params) assert.ok(p.doc !== '' && p.values !== '' && p.default !== '', `${g.name} ${p.name}`);
  }
});
