/** The domains we build against those real kernels built: debugfs of 6.1, schedstat and traces of 6.1 and 6.12. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ZSTDDecoder } from 'zstddec';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { formatCpuMaskHex } from '../../src/machine/cpumask.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { namesFor } from '../../src/sched/kernel-names.ts';
import { hasShared, needsShared, sharedPath } from '../support/shared.ts';
import { domainsOf } from './machines.ts';

const RECORDS = [
  { release: '6.1', folder: 'ground-truth' },
  { release: '6.12', folder: 'ground-truth-6.12' },
].flatMap(({ release, folder }) =>
  hasShared
    ? readdirSync(sharedPath(folder))
        .filter((name) => existsSync(sharedPath(`${folder}/${name}/topology.json`)))
        .map((name) => ({ release, name, path: sharedPath(`${folder}/${name}`) }))
    : [],
);

/** Records with much balancing, read to the last line. */
const TRACED = ['llc16-unpin', 'numa16-numahogs', 'smt8-smtpack', 'smp4-one'];

interface RecordedDomain {
  readonly name: string;
  readonly flags: readonly string[];
  readonly min_interval: number;
  readonly max_interval: number;
  readonly busy_factor: number;
  readonly imbalance_pct: number;
  readonly cache_nice_tries: number;
  readonly span: readonly number[];
}

interface RecordedMachine {
  readonly cpus: readonly {
    readonly cpu: number;
    readonly domains: readonly RecordedDomain[];
  }[];
}

function readMachine(path: string): RecordedMachine {
  return JSON.parse(readFileSync(`${path}/topology.json`, 'utf8'));
}

test('there are recordings of both releases', needsShared, () => {
  assert.ok(RECORDS.filter((r) => r.release === '6.1').length >= 30);
  assert.ok(RECORDS.filter((r) => r.release === '6.12').length >= 10);
});

for (const { release, name, path } of RECORDS) {
  test(`${name} on ${release}: every CPU has the domains debugfs shows`, () => {
    const machine = readMachine(path);
    const tree = buildDomains(loadMachine(path));
    const names = namesFor(release);
    for (const { cpu, domains } of machine.cpus) {
      // The 6.12 records were made without sched_verbose and have no domains in debugfs; see the next tests.
      if (release === '6.12' && domains.length === 0) continue;
      const ours = domainsOf(tree, cpu).map((sd) => ({
        name: names.domain(sd.name),
        flags: names.flags(sd.flags),
        min_interval: sd.minInterval,
        max_interval: sd.maxInterval,
        busy_factor: sd.busyFactor,
        imbalance_pct: sd.imbalancePct,
        cache_nice_tries: sd.cacheNiceTries,
        span: [...sd.cpus],
      }));
      const theirs = domains.map((d) => ({
        name: d.name,
        flags: d.flags,
        min_interval: d.min_interval,
        max_interval: d.max_interval,
        busy_factor: d.busy_factor,
        imbalance_pct: d.imbalance_pct,
        cache_nice_tries: d.cache_nice_tries,
        span: d.span,
      }));
      assert.deepEqual(ours, theirs, `CPU ${cpu}`);
    }
  });

  test(`${name} on ${release}: every CPU has the domain lines of /proc/schedstat`, () => {
    const topology = loadMachine(path);
    const tree = buildDomains(topology);
    const lines = readFileSync(`${path}/r1/schedstat0`, 'utf8').split('\n');
    const theirs: string[] = [];
    for (const line of lines) {
      const cpu = /^cpu(\d+) \d/.exec(line);
      if (cpu !== null) theirs.push(`cpu${cpu[1]}`);
      const domain = /^domain(\d+) ([0-9a-f,]+) /.exec(line);
      if (domain !== null) theirs.push(`domain${domain[1]} ${domain[2]}`);
    }
    const ours = tree.ofCpu.flatMap((_, cpu) => [
      `cpu${cpu}`,
      ...domainsOf(tree, cpu).map((sd, i) => `domain${i} ${formatCpuMaskHex(sd.span, topology.nrCpus)}`),
    ]);
    assert.deepEqual(ours, theirs);
  });
}

for (const { release, name, path } of RECORDS.filter((r) => TRACED.includes(r.name))) {
  test(`${name} on ${release}: balance passes name our domains, levels, intervals and groups`, async () => {
    const tree = buildDomains(loadMachine(path));
    const names = namesFor(release);
    const trace = await decompress(`${path}/trace.txt.zst`);
    const find = (cpu: number, kernelName: string) =>
      domainsOf(tree, cpu).find((sd) => names.domain(sd.name) === kernelName);

    let passes = 0;
    for (const m of trace.matchAll(/lb_enter: .* cpu=(\d+) sd="(\w+)" level=(\d+) .*interval=(\d+)/g)) {
      const sd = find(Number(m[1]), m[2]!);
      assert.ok(sd !== undefined, `no such domain here: ${m[0]}`);
      assert.equal(sd.level, Number(m[3]), m[0]);
      // A balance interval is the minimum or has been doubled from it.
      const doublings = Math.log2(Number(m[4]) / sd.minInterval);
      assert.ok(Number.isInteger(doublings) && doublings >= 0, m[0]);
      passes++;
    }
    assert.ok(passes > 0);

    for (const m of trace.matchAll(/lb_busiest: .* cpu=(\d+) sd="(\w+)" .*group=0x(\w+) gmask=0x(\w+)/g)) {
      if (m[3] === '0') continue;
      const sd = find(Number(m[1]), m[2]!);
      assert.ok(sd !== undefined, `no such domain here: ${m[0]}`);
      const remote = [...sd.ring].filter((_, i) => i !== sd.ringStart).map((id) => tree.groups[id]!.mask[0]!);
      assert.ok(remote.includes(Number.parseInt(m[4]!, 16)), m[0]);
    }
  });
}

async function decompress(path: string): Promise<string> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  // Text compresses less than sixty-fold here; the decoder wants a bound where the frame does not tell the size.
  const packed = readFileSync(path);
  return new TextDecoder().decode(decoder.decode(packed, packed.length * 60));
}
