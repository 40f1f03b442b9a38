/** Recorded decisions decided again: small traces of which one knows what must come out, and the records. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DecisionCount, DecisionResult } from '../../src/experiment/fidelity/decision-tally.ts';
import { DecisionComparison } from '../../src/experiment/fidelity/decisions.ts';
import { compareExactly } from '../../src/experiment/fidelity/exact-records.ts';
import { findRecords, loadRecord } from '../../src/experiment/fidelity/record.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { fidelityHtml, fidelityMarkdown } from '../../src/report/fidelity-document.ts';
import { Ev } from '../../src/trace/events.ts';
import { needsShared, sharedPath } from '../support/shared.ts';
import { machine, type TraceBuilder, trace } from '../support/trace-builder.ts';

function decisionsOf(t: TraceBuilder): DecisionResult {
  return t.end(100_000).play(new DecisionComparison()).result;
}

function assertCounts(count: DecisionCount | undefined, seen: number, decidable: number, agree: number): void {
  assert.deepEqual([count?.seen ?? 0, count?.decidable ?? 0, count?.agree ?? 0], [seen, decidable, agree]);
}

const TTWU = 8;
const SYNC = 16;

/** The task running on the present CPU wakes another, which is put on `chosen`. */
function wake(
  t: TraceBuilder,
  name: string,
  { prev, chosen, recent = prev, flags = TTWU }: { prev: number; chosen: number; recent?: number; flags?: number },
): TraceBuilder {
  t.event(Ev.SCHED_WAKING, t.id(name), [prev, 120]).after(1);
  t.event(Ev.SELECT, t.id(name), [prev, flags, recent, 100]).after(2);
  t.event(Ev.SELECT_RET, -1, [chosen]).after(1);
  if (chosen !== prev) t.migrate(name, prev, chosen, 'wakeup');
  return t.after(1).wakeup(name, chosen);
}

/** CPUs 0 and 1 of four are busy for long; `waker` runs on 0. */
function twoBusy(): TraceBuilder {
  return trace(4).running('waker', 0).running('hog', 1).at(1000).onCpu(0);
}

describe('select', () => {
  test('an idle previous CPU is taken', () => {
    assertCounts(decisionsOf(wake(twoBusy(), 'a', { prev: 2, chosen: 2 }))['select'], 1, 1, 1);
  });

  test('a CPU that the rules do not choose is a disagreement, with what our rules say', () => {
    const { select } = decisionsOf(wake(twoBusy(), 'a', { prev: 2, chosen: 3 }));
    assertCounts(select, 1, 1, 0);
    const [found] = select!.disagreements;
    assert.deepEqual([found!.timeNs, found!.cpu, found!.expected, found!.got], [1_001_000, 0, '2', '3']);
    assert.match(found!.task, /^a:\d+$/);
    assert.match(found!.reason, /CPUs xx--/);
  });

  test('the recently used CPU is taken before a search', () => {
    assertCounts(decisionsOf(wake(twoBusy(), 'a', { prev: 1, recent: 3, chosen: 3 }))['select'], 1, 1, 1);
    assertCounts(decisionsOf(wake(twoBusy(), 'a', { prev: 1, recent: 3, chosen: 2 }))['select'], 1, 1, 0);
  });

  test('an interrupt on an idle CPU draws the task away from a busy one, if the two do not change partners often', () => {
    const t = () => trace(4).running('h1', 1).running('h2', 2).running('h3', 3).at(1000).onCpu(0);
    assertCounts(decisionsOf(wake(t(), 'a', { prev: 1, chosen: 0 }))['select_among'], 1, 1, 1);
    const { select_among } = decisionsOf(wake(t(), 'a', { prev: 1, chosen: 2 }));
    assertCounts(select_among, 1, 1, 0);
    assert.equal(select_among!.disagreements[0]!.expected, '0 or 1');
  });

  test('it is not known how far the cache is searched: then one of two CPUs it must be', () => {
    const t = trace(4).running('waker', 0).running('h1', 1).running('h2', 2).at(1000).onCpu(0);
    const { select, select_among } = decisionsOf(wake(t, 'a', { prev: 0, chosen: 3 }));
    assertCounts(select, 1, 0, 0);
    assert.deepEqual(select!.undecidable, { 'how far the LLC is searched': 1 });
    assertCounts(select_among, 1, 1, 1);
    const wrong = trace(4).running('waker', 0).running('h1', 1).running('h2', 2).at(1000).onCpu(0);
    const among = decisionsOf(wake(wrong, 'a', { prev: 0, chosen: 1 }))['select_among'];
    assertCounts(among, 1, 1, 0);
    assert.equal(among!.disagreements[0]!.expected, '0 or 3');
  });

  test('what a search has found shows how far it went, until a balance pass sets that anew', () => {
    const begin = () => trace(4).running('waker', 0).running('h1', 1).running('h2', 2).at(1000).onCpu(0);
    const again = (t: TraceBuilder) =>
      wake(t.at(2000).onCpu(3).switch('a', 'idle').at(3000).onCpu(0), 'b', { prev: 0, chosen: 3 });
    assertCounts(
      decisionsOf(again(wake(begin(), 'a', { prev: 0, chosen: 3 }).after(5).onCpu(3).switch('idle', 'a')))['select'],
      2,
      1,
      1,
    );
    const t = wake(begin(), 'a', { prev: 0, chosen: 3 }).after(5).onCpu(3).switch('idle', 'a').at(1500);
    t.onCpu(1)
      .lbEnter('MC/busy')
      .after(5)
      .event(Ev.LB_BUSIEST, -1, [1, 2, 1, 0, 0, 0, 0, 0])
      .after(5)
      .lbLeave('MC/busy');
    assertCounts(decisionsOf(again(t))['select'], 2, 0, 0);
  });

  test('where the previous CPU goes idle at this moment it may or may not have been seen', () => {
    const t = twoBusy().running('h2', 2).running('h3', 3);
    t.event(Ev.SCHED_WAKING, t.id('a'), [1, 120]).after(1);
    t.event(Ev.SELECT, t.id('a'), [1, TTWU, 1, 100]).after(1);
    t.onCpu(1).switch('hog', 'idle').onCpu(0).after(1).event(Ev.SELECT_RET, -1, [1]).after(1).wakeup('a', 1);
    const { select, select_among } = decisionsOf(t);
    assertCounts(select, 1, 0, 0);
    assertCounts(select_among, 1, 1, 1);
  });

  test('so it is where the event that tells comes later, but the change may have been before', () => {
    const t = wake(twoBusy(), 'a', { prev: 1, chosen: 1 }).after(20).onCpu(1).switch('hog', 'a');
    // The hog's CPU has not been heard of for long: it may have gone idle in between, before the wakeup came.
    assertCounts(decisionsOf(t)['select'], 1, 0, 0);
  });

  test('a synchronous waker alone on its CPU draws the task near, a busy one does not for sure', () => {
    const far = () =>
      trace(machine(4, { llcs: 2 }))
        .running('waker', 0)
        .running('h2', 2)
        .running('h3', 3)
        .at(1000)
        .onCpu(0);
    // Its own cache has an idle CPU, but how far it is searched is not known: one of its two it is;
    // and if the two change partners often it is not drawn at all.
    const near = decisionsOf(wake(far(), 'a', { prev: 2, chosen: 1, flags: TTWU | SYNC }))['select_among'];
    assertCounts(near, 1, 1, 1);
    const wrong = decisionsOf(wake(far(), 'a', { prev: 2, chosen: 3, flags: TTWU | SYNC }))['select_among'];
    assertCounts(wrong, 1, 1, 0);
    assert.equal(wrong!.disagreements[0]!.expected, '0 or 1 or 2');
  });
});

/** CPU 0 runs `a`, which was picked at 100 us; `b` came at 200 us and has waited since 300 us, when `a` ran again. */
function twoOnOne(): TraceBuilder {
  const t = trace(4).at(100).onCpu(0).switch('idle', 'a').at(200).wakeup('b', 0).after(2).switch('a', 'b', 'R');
  return t.at(300).switch('b', 'a', 'R');
}

/** A newidle pass on CPU 1 looks at tasks of CPU 0; the last answer decides whether it is taken. */
function looks(t: TraceBuilder, ...tasks: readonly (readonly [name: string, answer: number])[]): TraceBuilder {
  t.onCpu(1).lbEnter('MC/newidle', 1).after(2);
  tasks.forEach(([name, answer], i) => {
    t.event(Ev.CAN_MIGRATE, t.id(name), [0, 1, 2, 1, 2, i + 1, 100, 500]).after(1);
    t.event(Ev.CAN_MIGRATE_RET, -1, [answer]).after(1);
    if (answer !== 0) t.event(Ev.DETACH, t.id(name), [0, 1]).after(1).migrate(name, 0, 1, 'MC/newidle').after(1);
  });
  return t.lbLeave('MC/newidle', tasks.at(-1)![1]);
}

describe('can_migrate', () => {
  test('a running task stays, one that has not run for 500 us may go', () => {
    const { can_migrate } = decisionsOf(looks(twoOnOne().at(900), ['b', 1]));
    assertCounts(can_migrate, 1, 1, 1);
    const wrong = decisionsOf(looks(twoOnOne().at(900), ['b', 0]))['can_migrate'];
    assertCounts(wrong, 1, 1, 0);
    assert.deepEqual([wrong!.disagreements[0]!.expected, wrong!.disagreements[0]!.got], ['yes', 'no']);
    const running = decisionsOf(looks(twoOnOne().at(900), ['b', 0], ['a', 1]))['can_migrate'];
    assertCounts(running, 2, 2, 0);
  });

  test('one that has run just now stays', () => {
    assertCounts(decisionsOf(looks(twoOnOne().at(600), ['b', 0]))['can_migrate'], 1, 1, 1);
    assertCounts(decisionsOf(looks(twoOnOne().at(600), ['b', 1]))['can_migrate'], 1, 1, 0);
  });

  test('near 500 us it is not known', () => {
    const { can_migrate } = decisionsOf(looks(twoOnOne().at(798), ['b', 1]));
    assertCounts(can_migrate, 1, 0, 0);
    assert.deepEqual(can_migrate!.undecidable, { 'whether the task ran in the last 500 us': 1 });
  });

  test('one that has been moved and not run since may go', () => {
    const t = looks(twoOnOne().at(900), ['b', 1]).at(910).onCpu(2).lbEnter('MC/newidle', 2).after(1);
    t.event(Ev.CAN_MIGRATE, t.id('b'), [1, 2, 2, 1, 2, 1, 100, 500]).after(1).event(Ev.CAN_MIGRATE_RET, -1, [1]);
    assertCounts(decisionsOf(t)['can_migrate'], 2, 2, 2);
  });

  test('the last in the list is looked at first, and goes to its head if it stays', () => {
    // a has been picked after b was put, so b is last; then a.
    const order = (...names: string[]) =>
      decisionsOf(looks(twoOnOne().at(700), ...names.map((name) => [name, 0] as const)))['can_migrate_order'];
    assertCounts(order('b', 'a', 'b'), 3, 2, 2);
    assertCounts(order('a'), 1, 1, 0);
    assert.match(order('a')!.disagreements[0]!.expected, /^b:/);
  });

  test('a running task may have been picked again after others came, which no event tells', () => {
    const t = trace(4).at(100).onCpu(0).switch('idle', 'a').at(200).wakeup('b', 0).at(700);
    const { can_migrate_order } = decisionsOf(looks(t, ['a', 0]));
    assertCounts(can_migrate_order, 1, 0, 0);
  });
});

const FORK = 4;
/** A group by its CPUs; none: the local one. */
type Group = readonly number[] | null;

/** The parent on the present CPU forks: groups chosen from one level and CPU after the other, then a CPU. */
function forks(
  t: TraceBuilder,
  cpu: number,
  calls: readonly (readonly [level: number, from: number, group: Group])[],
  chosen: number,
): TraceBuilder {
  t.event(Ev.SELECT, t.id('child'), [cpu, FORK, cpu, 0]).after(1);
  for (const [level, from, group] of calls) {
    const mask = (group ?? []).reduce((bits, c) => bits | (1 << c), 0);
    t.event(Ev.IDLEST, t.id('child'), [level, from]).after(1);
    t.event(Ev.IDLEST_RET, -1, [group === null ? 0 : 77, mask, 0]).after(1);
  }
  return t.event(Ev.SELECT_RET, -1, [chosen]).after(1).wakeupNew('child', chosen);
}

const MC = 2;
const DIE = 3;

describe('idlest', () => {
  test('the only group with an idle CPU is taken', () => {
    const busy = () => trace(4).running('parent', 0).running('h1', 1).running('h3', 3).at(1000).onCpu(0);
    assertCounts(decisionsOf(forks(busy(), 0, [[MC, 0, [2]]], 2))['idlest'], 1, 1, 1);
    for (const group of [[3], null]) {
      const { idlest } = decisionsOf(forks(busy(), 0, [[MC, 0, group]], 3));
      assertCounts(idlest, 1, 1, 0);
      const [found] = idlest!.disagreements;
      assert.deepEqual([found!.expected, found!.got], ['0x4', group === null ? 'local' : '0x8']);
    }
  });

  test('which of two idle ones has less utilisation is not known, but it must be one of them', () => {
    const t = () => trace(4).running('parent', 0).running('h1', 1).at(1000).onCpu(0);
    const { idlest, idlest_among } = decisionsOf(forks(t(), 0, [[MC, 0, [3]]], 3));
    assertCounts(idlest, 1, 0, 0);
    assertCounts(idlest_among, 1, 1, 1);
    const among = decisionsOf(forks(t(), 0, [[MC, 0, [1]]], 1))['idlest_among'];
    assertCounts(among, 1, 1, 0);
    assert.equal(among!.disagreements[0]!.expected, '0x8 or 0x4');
  });

  test('a task that execs does not count on its own CPU', () => {
    const t = trace(2).running('a', 0).at(1000).onCpu(0).event(Ev.SELECT, 0, [0, 2, 0, 0]).after(1);
    t.event(Ev.IDLEST, 0, [MC, 0]).after(1).event(Ev.IDLEST_RET, -1, [0, 0, 0]).after(1).event(Ev.SELECT_RET, -1, [0]);
    assertCounts(decisionsOf(t)['idlest'], 1, 1, 1);
  });
});

describe('select of a new task', () => {
  /** Two caches of two CPUs; those of the other cache went idle one after the other. */
  const twoCaches = () =>
    trace(machine(4, { llcs: 2 }))
      .running('parent', 0)
      .running('a', 2)
      .running('b', 3)
      .at(200)
      .onCpu(3)
      .newidle()
      .after(1)
      .newidleRet(0)
      .switch('b', 'idle')
      .at(400)
      .onCpu(2)
      .newidle()
      .after(1)
      .newidleRet(0)
      .switch('a', 'idle')
      .at(1000)
      .onCpu(0);

  test('of the CPUs of a group the one that went idle last is taken, and the search goes on from there', () => {
    const right = decisionsOf(
      forks(
        twoCaches(),
        0,
        [
          [DIE, 0, [2, 3]],
          [MC, 2, null],
        ],
        2,
      ),
    );
    assertCounts(right['select'], 1, 1, 1);
    const wrong = decisionsOf(
      forks(
        twoCaches(),
        0,
        [
          [DIE, 0, [2, 3]],
          [MC, 3, null],
        ],
        3,
      ),
    );
    assertCounts(wrong['select'], 1, 1, 0);
    const [found] = wrong['select']!.disagreements;
    assert.match(found!.expected, /^level 3 from 0: level 2 from 2: CPU 2$/);
  });

  test('a wakeup since makes a CPU forget when it went idle', () => {
    const t = twoCaches().at(600).onCpu(2).wakeup('x', 2).after(1).switch('idle', 'x').at(700);
    t.switch('x', 'idle').at(1000).onCpu(0);
    assertCounts(
      decisionsOf(
        forks(
          t,
          0,
          [
            [DIE, 0, [2, 3]],
            [MC, 3, null],
          ],
          3,
        ),
      )['select'],
      1,
      1,
      1,
    );
  });

  test('a domain must be searched whose turn it is', () => {
    const { select } = decisionsOf(forks(twoCaches(), 0, [[MC, 0, null]], 0));
    assertCounts(select, 1, 1, 0);
  });
});

/** CPUs that idle since 1 ms and become tickless; a hog keeps CPU 0 busy, whose ticks raise softirqs. */
function ticklessBut0(...tickless: readonly number[]): TraceBuilder {
  const t = trace(4).running('hog', 0).at(2000).onCpu(0).event(Ev.SOFTIRQ_RAISE, -1, [7]).at(2100);
  for (const cpu of tickless) t.onCpu(cpu).event(Ev.NOHZ_ENTER, -1, [cpu]);
  return t;
}

/** A kick arrives at a CPU with the tick at 14 ms, with flags. */
function kicked(t: TraceBuilder, cpu: number, flags: number): TraceBuilder {
  t.at(14_000).onCpu(0).event(Ev.SOFTIRQ_RAISE, -1, [7]).after(3).onCpu(cpu).event(Ev.ILB_KICKED, -1, [cpu, 0]);
  return t.after(2).event(Ev.NOHZ_IDLE_BALANCE, -1, [cpu, flags]).after(1).event(Ev.SOFTIRQ_EXIT, -1, [7]);
}

describe('nohz kicks', () => {
  /** CPUs 1 and 3 are busy at the tick of 6 ms: they are not tickless when they idle again. */
  const onlyTickless = (t: TraceBuilder, ...cpus: readonly number[]) => {
    for (const cpu of cpus) t.at(5000).onCpu(cpu).switch('idle', `t${cpu}`);
    for (const cpu of cpus) t.at(8000).onCpu(cpu).switch(`t${cpu}`, 'idle');
    return t;
  };

  test('the lowest CPU that is tickless and idles is kicked', () => {
    const t = () => onlyTickless(ticklessBut0(1, 2, 3), 1);
    assertCounts(decisionsOf(kicked(t(), 2, 3))['nohz_kick'], 1, 1, 1);
    const { nohz_kick } = decisionsOf(kicked(t(), 3, 3));
    assertCounts(nohz_kick, 1, 1, 0);
    const [found] = nohz_kick!.disagreements;
    assert.deepEqual([found!.expected, found!.got], ['CPU 2', 'CPU 3']);
  });

  test('a CPU that was busy for less than a tick may still be tickless', () => {
    const t = ticklessBut0(1, 2, 3).at(5600).onCpu(1).switch('idle', 'x').at(6300).switch('x', 'idle');
    const { nohz_kick, nohz_kick_among } = decisionsOf(kicked(t, 2, 3));
    assertCounts(nohz_kick, 1, 0, 0);
    assertCounts(nohz_kick_among, 1, 1, 1);
  });

  test('one that becomes tickless makes the next kick look when balance is due', () => {
    const t = () => {
      const before = kicked(onlyTickless(ticklessBut0(2), 1), 2, 11);
      return before.at(17_000).onCpu(1).event(Ev.NOHZ_ENTER, -1, [1]);
    };
    const again = (flags: number) => {
      const end = t().at(22_000).onCpu(0).event(Ev.SOFTIRQ_RAISE, -1, [7]).after(3).onCpu(1);
      end.event(Ev.ILB_KICKED, -1, [1, 0]).after(2);
      return decisionsOf(end.event(Ev.NOHZ_IDLE_BALANCE, -1, [1, flags]))['nohz_flags']!;
    };
    // The first kick is of what was before the trace.
    assertCounts(again(11), 2, 1, 1);
    assertCounts(again(3), 2, 1, 0);
    assert.deepEqual([again(3).disagreements[0]!.expected, again(3).disagreements[0]!.got], ['flags 11', 'flags 3']);
  });
});

test('of loads with SCHED_IDLE tasks no placement is decided, for a CPU that runs them may be free', () => {
  const { workload } = loadWorkload('hackbench:groups=1,fds=2,loops=5', 4);
  const [main, ...kinds] = workload.kinds;
  const idle = { ...workload, kinds: [main!, ...kinds.map((kind) => ({ ...kind, policy: 'idle' as const }))] };
  const seen = (options: { workload: typeof workload }) =>
    wake(twoBusy(), 'a', { prev: 2, chosen: 2 }).end(100_000).play(new DecisionComparison(options)).result['select']
      ?.seen;
  assert.deepEqual([seen({ workload }), seen({ workload: idle })], [1, undefined]);
});

test('decisions that come out otherwise are listed in the document and on the page', () => {
  const found = {
    record: 'r1',
    timeNs: 1_500_000_000,
    cpu: 3,
    task: 'a:10',
    expected: '2',
    got: '1',
    reason: 'CPUs x<x',
  };
  const decisions = { select: { seen: 5, decidable: 4, agree: 3, disagreements: [found] } };
  const report = { policy: 'linux-6.1', records: [], exact: {}, decisions };
  const markdown = fidelityMarkdown(report);
  assert.ok(markdown.includes('| select | 5 | 4 | 3 |'));
  assert.ok(markdown.includes('| select | r1 | 1.500000 | 3 | a:10 | 2 | 1 | CPUs x<x |'));
  const html = fidelityHtml(report);
  assert.ok(html.includes('<td>r1</td><td>1.500000</td>'));
  assert.ok(html.includes('CPUs x&lt;x'));
  assert.ok(!fidelityMarkdown({ ...report, decisions: {} }).includes('come out otherwise'));
});

const KINDS = [
  'lb_enter',
  'lb_leave',
  'rebalance',
  'select',
  'select_among',
  'can_migrate',
  'can_migrate_order',
  'idlest',
  'idlest_among',
];

test('the records agree in at least 98 of 100 of what can be decided, kind by kind', needsShared, async () => {
  const names = ['smp4-shortsleep', 'smp4-nohzkick', 'smt8-unpin', 'smt8-periodic', 'llc16-forkburst', 'numa16-unpin'];
  const records = findRecords(sharedPath('ground-truth')).filter((path) =>
    names.some((name) => path.endsWith(`/${name}`)),
  );
  const { decisions } = await compareExactly(records.map(loadRecord));
  for (const kind of KINDS) {
    const { seen, decidable, agree } = decisions[kind]!;
    assert.ok(decidable > 0 && decidable <= seen, kind);
    assert.ok(agree >= 0.98 * decidable, `${kind}: ${agree} of ${decidable}`);
  }
});
