import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { maskOf } from '../../src/machine/cpumask.ts';
import {
  type DomainStat,
  domainStat,
  formatSchedstat,
  parseSchedstat,
  SCHEDSTAT_VERSIONS,
  type Schedstat,
  type SchedstatVersion,
  schedstatDelta,
} from '../../src/trace/schedstat.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

const count = (from: number, n: number) => Array.from({ length: n }, (_, i) => from + i);
const LENGTH = { 15: 36, 16: 36, 17: 45 } as const;

function snapshot(version: SchedstatVersion, domains: DomainStat[] = []): Schedstat {
  const cpu = {
    yldCount: 1,
    schedCount: 2,
    schedGoidle: 3,
    ttwuCount: 4,
    ttwuLocal: 5,
    rqCpuTime: 6e9,
    runDelay: 7,
    pcount: 8,
  };
  return { version, timestamp: 4294892854, nrCpuIds: 8, cpus: [{ cpu: 0, ...cpu, domains }] };
}

test('spec 09 check 3: version 15 has idle first, one imbalance and no names', () => {
  const domain = domainStat(15, 'SMT', maskOf(8, [0, 4]), count(1, 36));
  const text = `version 15\ntimestamp 4294892854\ncpu0 1 0 2 3 4 5 6000000000 7 8\ndomain0 11 ${count(1, 36).join(' ')}\n`;
  assert.equal(formatSchedstat(snapshot(15, [domain])), text);
  assert.deepEqual(
    [domain.balance.idle.count, domain.balance.busy.count, domain.balance.newidle.count, domain.balance.idle.imbalance],
    [1, 9, 17, 4],
  );
  assert.deepEqual([domain.albCount, domain.ttwuWakeRemote, domain.ttwuMoveAffine], [25, 34, 35]);
});

test('spec 09 check 3: version 16 has busy first', () => {
  const domain = domainStat(15, '', maskOf(8, count(0, 8)), count(1, 36));
  const line = formatSchedstat(snapshot(15, [domain]), 16).split('\n')[3]!;
  assert.deepEqual(line.split(' '), ['domain0', 'ff', ...count(9, 8), ...count(1, 8), ...count(17, 20)].map(String));
});

test('spec 09 check 2: a domain has 36 numbers up to version 16, and 45 and a name in 17', () => {
  const tokens = (version: SchedstatVersion) => {
    const domain = domainStat(version, 'MC', maskOf(8, count(0, 8)), count(1, LENGTH[version]));
    return formatSchedstat(snapshot(version, [domain]))
      .split('\n')[3]!
      .split(' ').length;
  };
  assert.deepEqual([tokens(15), tokens(16), tokens(17)], [1 + 1 + 36, 1 + 1 + 36, 1 + 2 + 45]);
});

test('version 17 has names, and imbalances by type', () => {
  const domain = domainStat(17, 'MC', maskOf(8, count(0, 8)), count(1, 45));
  const line = formatSchedstat(snapshot(17, [domain])).split('\n')[3]!;
  assert.equal(line, `domain0 MC ff ${count(1, 45).join(' ')}`);
  assert.deepEqual(domain.balance.busy.imbalanceByType, [4, 5, 6, 7]);
  assert.deepEqual([domain.balance.busy.imbalance, domain.balance.busy.gained, domain.balance.idle.count], [22, 8, 12]);
  // an older version has one sum instead
  assert.equal(
    formatSchedstat(snapshot(17, [domain]), 16)
      .split('\n')[3]!
      .split(' ')[5],
    '22',
  );
});

test('spec 09 check 1: a mask has as many digits as there are possible CPUs', () => {
  const of = (nrCpuIds: number, cpus: readonly number[] = [0]) => {
    const domain = domainStat(15, '', maskOf(nrCpuIds, cpus), count(0, 36));
    return formatSchedstat({ ...snapshot(15, [domain]), nrCpuIds })
      .split('\n')[3]!
      .split(' ')[1];
  };
  assert.deepEqual([of(8, count(0, 8)), of(8, [0, 4]), of(64, count(0, 64))], ['ff', '11', 'ffffffff,ffffffff']);
  assert.deepEqual([of(4), of(6), of(8), of(40), of(64)], ['1', '01', '01', '00,00000001', '00000000,00000001']);
});

test('counters wrap at 32 bits, times do not', () => {
  const numbers = count(0, 36);
  numbers[0] = 2 ** 32 + 5;
  numbers[3] = -1;
  const stat = snapshot(15, [domainStat(15, '', maskOf(8, [0]), numbers)]);
  const lines = formatSchedstat({
    ...stat,
    cpus: [{ ...stat.cpus[0]!, schedCount: 2 ** 32, runDelay: 2 ** 40 }],
  }).split('\n');
  assert.equal(lines[2], `cpu0 1 0 0 3 4 5 6000000000 ${2 ** 40} 8`);
  assert.match(lines[3]!, /^domain0 01 5 1 2 4294967295 4 /);
});

test('what is printed is read back', () => {
  const u32 = fc.nat({ max: 2 ** 32 - 1 });
  const stat = fc.constantFrom(...SCHEDSTAT_VERSIONS).chain((version) =>
    fc.integer({ min: 1, max: 70 }).chain((nrCpuIds) =>
      fc
        .array(
          fc.record({
            online: fc.boolean(),
            counts: fc.array(u32, { minLength: 5, maxLength: 5 }),
            times: fc.array(fc.maxSafeNat(), { minLength: 3, maxLength: 3 }),
            domains: fc.array(
              fc.record({
                name: fc.constantFrom('SMT', 'MC', 'PKG', 'NUMA'),
                cpus: fc.uniqueArray(fc.nat(nrCpuIds - 1), { minLength: 1 }),
                numbers: fc.array(u32, { minLength: LENGTH[version], maxLength: LENGTH[version] }),
              }),
              { minLength: 1, maxLength: 3 },
            ),
          }),
          { minLength: nrCpuIds, maxLength: nrCpuIds },
        )
        .map((cpus): Schedstat => {
          const all = cpus.map(({ counts, times, domains }, cpu) => ({
            cpu,
            yldCount: counts[0]!,
            schedCount: counts[1]!,
            schedGoidle: counts[2]!,
            ttwuCount: counts[3]!,
            ttwuLocal: counts[4]!,
            rqCpuTime: times[0]!,
            runDelay: times[1]!,
            pcount: times[2]!,
            domains: domains.map((d) =>
              domainStat(version, version === 17 ? d.name : '', maskOf(nrCpuIds, d.cpus), d.numbers),
            ),
          }));
          const online = all.filter((_, cpu) => cpu === 0 || cpus[cpu]!.online);
          return { version, timestamp: 77, nrCpuIds: Math.ceil(nrCpuIds / 4) * 4, cpus: online };
        }),
    ),
  );
  fc.assert(
    fc.property(stat, (original) => {
      const read = parseSchedstat(formatSchedstat(original));
      assert.deepEqual(read, original);
    }),
  );
});

test('a difference is right across a wrap, and new domains count from nothing', () => {
  const at = (numbers: number[], cpus = [0, 1]) => domainStat(15, '', maskOf(8, cpus), numbers);
  const before = snapshot(15, [at(count(2 ** 32 - 3, 36).map((x) => x % 2 ** 32)), at(count(100, 36))]);
  const after = snapshot(15, [at(count(7, 36)), at(count(5, 36), [0, 1, 2, 3])]);
  const later = {
    ...after,
    timestamp: before.timestamp + 250,
    cpus: [{ ...after.cpus[0]!, schedCount: 1, runDelay: 10 }],
  };
  const [first, second] = schedstatDelta(before, later).cpus[0]!.domains;
  assert.deepEqual([first!.balance.idle.count, first!.balance.newidle.failed, first!.ttwuMoveAffine], [10, 10, 10]);
  assert.equal(second!.balance.idle.count, 5);
  const delta = schedstatDelta(before, later);
  assert.deepEqual([delta.timestamp, delta.cpus[0]!.schedCount, delta.cpus[0]!.runDelay], [250, 2 ** 32 - 1, 3]);
  assert.deepEqual(schedstatDelta({ ...before, cpus: [] }, later).cpus, later.cpus);
  assert.throws(() => schedstatDelta(before, snapshot(16)), /versions 15 and 16/);
});

test('what is wrong with a file is said with its line', () => {
  const good = formatSchedstat(snapshot(15, [domainStat(15, '', maskOf(8, [0]), count(1, 36))])).split('\n');
  const refused = (lines: string[], line: number, what: RegExp) =>
    assert.throws(
      () => parseSchedstat(lines.join('\n')),
      (error) => error instanceof UserError && error.place.line === line && what.test(error.what),
    );
  const replaced = (line: number, text: string) => good.with(line - 1, text);
  refused([''], 1, /no schedstat/);
  refused(replaced(1, 'version 14'), 1, /version 14/);
  refused(replaced(2, 'stamp 3'), 2, /timestamp/);
  refused(replaced(3, 'cpu0 1 2 3'), 3, /3 numbers instead of the 9/);
  refused(replaced(3, 'cpu0 1 0 2 3 4 5 6 -7 8'), 3, /"-7" is no number/);
  refused(replaced(3, 'cpu9000 1 0 2 3 4 5 6 7 8'), 3, /beyond/);
  refused(replaced(4, 'domain1 ff 1'), 4, /domain0 is missing/);
  refused(replaced(4, 'domain0 fg 1'), 4, /"fg" is no CPU mask/);
  refused(replaced(4, 'domain0 ff 1 2'), 4, /2 numbers instead of the 36/);
  refused(replaced(4, 'what 1 2'), 4, /neither/);
  refused([...good.slice(0, 3), good[2]!], 4, /ascending/);
  refused([...good.slice(0, 2), good[3]!], 3, /before the first CPU/);
  refused([...good.slice(0, 4), good[3]!.replace('domain0 01', 'domain1 0001')], 5, /one width/);
});

test('garbage is refused, not believed', () => {
  const good = formatSchedstat(snapshot(17, [domainStat(17, 'MC', maskOf(8, [0]), count(1, 45))]));
  const mutated = fc
    .tuple(fc.nat(good.length), fc.nat(9), fc.string({ maxLength: 5 }))
    .map(([at, cut, put]) => good.slice(0, at) + put + good.slice(at + cut));
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string()), (text) => {
      try {
        parseSchedstat(text);
      } catch (error) {
        assert.ok(error instanceof UserError, String(error));
      }
    }),
  );
});

test('the snapshots of all records are printed as they were read', needsShared, () => {
  let files = 0;
  for (const group of ['ground-truth', 'ground-truth-6.12']) {
    for (const path of readdirSync(sharedPath(group), { recursive: true, encoding: 'utf8' })) {
      if (!/schedstat[01]$/.test(path)) continue;
      const text = readFileSync(sharedPath(`${group}/${path}`), 'utf8');
      assert.equal(formatSchedstat(parseSchedstat(text)), text, path);
      files++;
    }
  }
  assert.ok(files > 300);
});

test('differences over a repetition add up as the lab found them', needsShared, () => {
  const folder = sharedPath('ground-truth/numa16-hackbench');
  const read = (file: string) => parseSchedstat(readFileSync(`${folder}/${file}`, 'utf8'));
  const expected = JSON.parse(readFileSync(`${folder}/summary.json`, 'utf8')).each[0].schedstat;
  const names = (
    JSON.parse(readFileSync(`${folder}/topology.json`, 'utf8')) as { cpus: { domains: { name: string }[] }[] }
  ).cpus;
  const sums: Record<string, number> = {};
  for (const { cpu, domains } of schedstatDelta(read('r1/schedstat0'), read('r1/schedstat1')).cpus) {
    domains.forEach((d, i) => {
      const key = names[cpu]!.domains[i]!.name;
      sums[key] = (sums[key] ?? 0) + d.balance.newidle.gained + 1000 * d.balance.busy.count + 1e9 * d.ttwuWakeRemote;
    });
  }
  const level = (s: Record<string, number>) =>
    s['newidle_gained']! + 1000 * s['busy_count']! + 1e9 * s['ttwu_wake_remote']!;
  assert.deepEqual(
    sums,
    Object.fromEntries(Object.entries(expected).map(([name, s]) => [name, level(s as Record<string, number>)])),
  );
});

test('spec 22 check 11: the same counters as versions 15, 16 and 17', () => {
  const numbers = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
  const text = (version: number, domain: string) =>
    `version ${version}\ntimestamp 1\ncpu0 0 0 1 1 1 1 1 1 1\n${domain}\n`;
  const of15 = parseSchedstat(text(15, `domain0 f ${numbers(36).join(' ')}`));
  const swapped = [...numbers(16).slice(8), ...numbers(8), ...numbers(36).slice(16)];
  assert.equal(formatSchedstat(of15, 16), text(16, `domain0 f ${swapped.join(' ')}`));
  const of17 = parseSchedstat(text(17, `domain0 MC f ${numbers(45).join(' ')}`));
  assert.equal(formatSchedstat(of17), text(17, `domain0 MC f ${numbers(45).join(' ')}`));
  // Busy, idle and newly idle: 4 to 7 are one sum, then 15 to 18, and 26 to 29.
  const sums = [
    [1, 2, 3, 22, 8, 9, 10, 11],
    [12, 13, 14, 66, 19, 20, 21, 22],
    [23, 24, 25, 110, 30, 31, 32, 33],
  ];
  const tail = numbers(45).slice(33);
  assert.equal(formatSchedstat(of17, 16), text(16, `domain0 f ${[...sums.flat(), ...tail].join(' ')}`));
});
