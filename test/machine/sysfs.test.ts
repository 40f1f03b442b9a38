import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { type RootReader, topologyFromSysfs } from '../../src/machine/sysfs.ts';

/** A root with these files. */
function rootOf(files: Readonly<Record<string, string>>): RootReader {
  return {
    read: (path) => files[path],
    list: (path) => {
      const within = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      return [...new Set(within.map((file) => file.slice(path.length + 1).split('/', 1)[0]!))];
    },
  };
}

interface Cpu {
  readonly [file: string]: string;
}

/** `sys/devices/system/cpu` of these CPUs; files as `topology/core_id`. */
function cpus(list: readonly Cpu[], more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const files: Record<string, string> = { 'sys/devices/system/cpu/online': `0-${list.length - 1}\n` };
  list.forEach((cpu, i) => {
    for (const [file, text] of Object.entries(cpu)) files[`sys/devices/system/cpu/cpu${i}/${file}`] = `${text}\n`;
  });
  return { ...files, ...more };
}

const node = (n: number, cpulist: string, distance: string) => ({
  [`sys/devices/system/node/node${n}/cpulist`]: `${cpulist}\n`,
  [`sys/devices/system/node/node${n}/distance`]: `${distance}\n`,
});

/** A core of two threads with an L2, under an L3 of all four CPUs. */
const thread = (core: string): Cpu => ({
  'topology/core_cpus_list': core,
  'topology/physical_package_id': '0',
  'cache/index2/level': '2',
  'cache/index2/type': 'Unified',
  'cache/index2/size': '1024K',
  'cache/index2/shared_cpu_list': core,
  'cache/index3/level': '3',
  'cache/index3/type': 'Unified',
  'cache/index3/shared_cpu_map': '0000000f',
});
const SMT = [thread('0,2'), thread('1,3'), thread('0,2'), thread('1,3')];

function refused(files: Readonly<Record<string, string>>, what: RegExp, code = 'format'): void {
  assert.throws(
    () => topologyFromSysfs(rootOf(files), 'm'),
    (e) => {
      assert.ok(e instanceof UserError, String(e));
      assert.match(e.message, what);
      assert.equal(e.code, code);
      return true;
    },
  );
}

test('threads, caches and sizes, from lists or maps', () => {
  const t = topologyFromSysfs(rootOf(cpus(SMT)), 'm');
  assert.deepEqual(
    [[...t.core], [...t.cluster], [...t.llc]],
    [
      [0, 1, 0, 1],
      [0, 1, 0, 1],
      [0, 0, 0, 0],
    ],
  );
  assert.deepEqual(
    t.caches.map((c) => [c.level, c.sizeBytes, c.cpus]),
    [
      [2, 2 ** 20, [0, 2]],
      [2, 2 ** 20, [1, 3]],
      [3, 0, [0, 1, 2, 3]],
    ],
  );
});

test('old kernels call threads siblings and give maps; tar files pad with zeros', () => {
  const cpu = (map: string): Cpu => ({ 'topology/thread_siblings': `${map}\n\0\0\0` });
  const t = topologyFromSysfs(rootOf(cpus([cpu('00000000,00000003'), cpu('00000000,00000003'), cpu('4')])), 'm');
  assert.deepEqual([...t.core], [0, 0, 2]);
});

test('CPUs that are offline have columns; sockets that may be filled some day count while they can', () => {
  const files = cpus(SMT.slice(0, 2), {
    'sys/devices/system/cpu/online': '1',
    'sys/devices/system/cpu/possible': '0-3',
  });
  const t = topologyFromSysfs(rootOf({ ...files, 'sys/devices/system/cpu/present': '0-1' }), 'm');
  assert.deepEqual([...t.online], [0, 1, 0, 0]);
  const many = { ...files, 'sys/devices/system/cpu/present': '0-1', 'sys/devices/system/cpu/possible': '0-9999' };
  assert.equal(topologyFromSysfs(rootOf(many), 'm').nrCpus, 2);
});

test('nodes have distances, some have memory only, and an L3 across nodes is cut', () => {
  const files = {
    ...cpus(SMT),
    ...node(0, '0,2', '10 21 30'),
    ...node(1, '1,3', '21 10 40'),
    ...node(4, '', '30 40 10'),
  };
  const t = topologyFromSysfs(rootOf(files), 'm');
  assert.deepEqual(
    t.nodes.map((n) => [n.node, ...n.cpus]),
    [[0, 0, 2], [1, 1, 3], [4]],
  );
  assert.deepEqual([...t.llc], [0, 1, 0, 1]);
  assert.deepEqual(t.distance[2], [30, 40, 10]);
});

test('clusters are the machine’s own, unless they hold the whole cache; capacities are taken over', () => {
  const arm = (capacity: string, cluster: string, llc: string): Cpu => ({
    'topology/cluster_cpus_list': cluster,
    'topology/die_id': '-1',
    'topology/die_cpus_list': '7',
    cpu_capacity: capacity,
    'cache/index3/level': '3',
    'cache/index3/shared_cpu_list': llc,
  });
  const t = topologyFromSysfs(
    rootOf(
      cpus([arm('512', '0-1', '0-3'), arm('512', '0-1', '0-3'), arm('512', '2-3', '0-3'), arm('1024', '2-3', '0-3')]),
    ),
    'm',
  );
  assert.deepEqual([...t.cluster], [0, 0, 2, 2]);
  assert.deepEqual([...t.capacity], [512, 512, 512, 1024]);
  const whole = topologyFromSysfs(rootOf(cpus([arm('1024', '0-1', '0-1'), arm('1024', '0-1', '0-1')])), 'm');
  assert.deepEqual([...whole.cluster], [0, 1]);
});

test('P and E cores make a hybrid, whose CPUs are preferred by their highest performance', () => {
  const hybrid = cpus([{ 'acpi_cppc/highest_perf': '64' }, { 'acpi_cppc/highest_perf': '40' }], {
    'sys/devices/cpu_core/cpus': '0\n',
    'sys/devices/cpu_atom/cpus': '1\n',
  });
  const t = topologyFromSysfs(rootOf(hybrid), 'm');
  assert.deepEqual([t.hybrid, ...t.priority], [true, 64, 40]);
  // The same numbers on a machine without ITMT mean nothing to the scheduler.
  const { 'sys/devices/cpu_atom/cpus': _, ...plain } = hybrid;
  assert.deepEqual([...topologyFromSysfs(rootOf(plain), 'm').priority], [0, 0]);
  const itmt = { ...plain, 'proc/sys/kernel/sched_itmt_enabled': '1\n' };
  assert.deepEqual([...topologyFromSysfs(rootOf(itmt), 'm').priority], [64, 40]);
});

test('what makes no sense is said with the file it is in', () => {
  const cpu = 'sys/devices/system/cpu';
  refused({}, /no CPUs/);
  refused({ [`${cpu}/present`]: '0-3', [`${cpu}/online`]: '' }, /no CPU online/, 'machine');
  refused({ [`${cpu}/online`]: '0-9999', [`${cpu}/present`]: '0' }, /cpu\/online: "0-9999" is no list/);
  refused(cpus([{ 'topology/core_cpus_list': '1' }, {}]), /core_cpus: CPU 0 is not in its own set/);
  refused(cpus([{ 'topology/core_cpus': 'xyz' }]), /core_cpus: "xyz" is no map/);
  refused(cpus([{ cpu_capacity: '99999' }]), /cpu_capacity: "99999" is no number within 1\.\.1024/);
  refused(cpus([{ 'topology/physical_package_id': '1e9' }]), /physical_package_id: "1e9"/);
  refused(
    { ...cpus([{ online: '1' }]), ...node(0, '0', '10 20') },
    /node0\/distance: "10 20" are not the distances to 1 nodes/,
  );
});
