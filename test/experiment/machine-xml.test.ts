import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { topologyFromXml } from '../../src/experiment/machine-xml.ts';
import type { Topology } from '../../src/machine/topology.ts';

function load(text: string): Topology {
  return topologyFromXml(new TextEncoder().encode(text), 'm');
}

function refused(text: string, what: RegExp, line: number, column: number, code = 'format'): void {
  assert.throws(
    () => load(text),
    (e) => {
      assert.ok(e instanceof UserError, String(e));
      assert.match(e.message, what);
      assert.deepEqual([e.code, e.place.line, e.place.column], [code, line, column], e.message);
      return true;
    },
  );
}

const pu = (...cpus: number[]) => cpus.map((cpu) => `<object type="PU" os_index="${cpu}"/>`).join('');
const core = (...cpus: number[]) => `<object type="Core" os_index="${cpus[0]}">${pu(...cpus)}</object>`;

test('version 2: memory beside its CPUs, distances in pieces, offline CPUs in the complete set only', () => {
  const pack = (n: number, set: string, inner: string) =>
    `<object type="Package" os_index="${n}" cpuset="${set}"><object type="NUMANode" os_index="${n}" cpuset="${set}"/>
      <object type="L3Cache" depth="3" cache_size="1024" cache_type="0">${inner}</object></object>`;
  const t = load(`<?xml version="1.0"?><!DOCTYPE topology SYSTEM "hwloc2.dtd">
    <topology version="2.0"><object type="Machine" complete_cpuset="0x0000001f">
      ${pack(0, '0x3', core(0, 1))} ${pack(1, '0xc', core(2, 3))}</object>
    <distances2 type="NUMANode" nbobjs="2" kind="5" indexing="os"><indexes length="4">0 1 </indexes>
      <u64values length="6">10 21 </u64values><u64values length="6">21 10</u64values></distances2></topology>`);
  assert.deepEqual(
    [[...t.online], [...t.core], [...t.llc], [...t.node]],
    [
      [1, 1, 1, 1, 0],
      [0, 0, 2, 2, 4],
      [0, 0, 2, 2, 4],
      [0, 0, 1, 1, 0],
    ],
  );
  assert.deepEqual(t.distance, [
    [10, 21],
    [21, 10],
  ]);
});

test('version 1: sockets, caches by depth, nodes around their CPUs, latencies as factors', () => {
  const half = (n: number, ...cpus: number[]) =>
    `<object type="NUMANode" os_index="${n}"><object type="Socket" os_index="${n}">
      <object type="Cache" depth="2" cache_type="0">${cpus.map((c) => core(c)).join('')}</object></object></object>`;
  const t = load(`<topology><object type="Machine" os_index="0" complete_cpuset="0xf...f" online_cpuset="0x0000000f">
    <distances nbobjs="2" relative_depth="1" latency_base="10.0"><latency value="1.0"/><latency value="2.1"/>
    <latency value="2.1"/><latency value="1.0"/></distances>${half(0, 0, 1)}${half(1, 2, 3)}</object></topology>`);
  assert.deepEqual(
    [[...t.package], [...t.llc], [...t.cluster]],
    [
      [0, 0, 1, 1],
      [0, 0, 2, 2],
      [0, 0, 2, 2],
    ],
  );
  assert.deepEqual(t.distance[0], [10, 21]);
});

test('high-bandwidth memory with the CPUs of another node is a node without CPUs', () => {
  const node = (n: number) => `<object type="NUMANode" os_index="${n}" cpuset="0x3"/>`;
  const t = load(`<topology version="3.0"><object type="Machine">${node(1)}${node(0)}${pu(0, 1)}</object></topology>`);
  assert.deepEqual(t.nodes, [
    { node: 0, cpus: [0, 1] },
    { node: 1, cpus: [] },
  ]);
});

test('kinds of CPUs make a hybrid, or give capacities', () => {
  const machine = `<object type="Machine">${pu(0, 1)}</object>`;
  const kind = (set: string, name: string, value: string) =>
    `<cpukind cpuset="${set}"><info name="${name}" value="${value}"/></cpukind>`;
  const x86 = kind('0x1', 'CoreType', 'IntelAtom') + kind('0x2', 'CoreType', 'IntelCore');
  assert.ok(load(`<topology version="2.0">${machine}${x86}</topology>`).hybrid);
  const arm = kind('0x1', 'LinuxCapacity', '446') + kind('0x2', 'LinuxCapacity', '1024');
  const t = load(`<topology version="2.0">${machine}${arm}</topology>`);
  assert.deepEqual([t.hybrid, ...t.capacity], [false, 446, 1024]);
});

test('what is wrong is said with line and column', () => {
  const inMachine = (inner: string) =>
    `<topology version="2.0">\n<object type="Machine">\n ${inner}</object></topology>`;
  refused('<topology><object type="Machine">', /unclosed tag/, 1, 34);
  refused('<html><body/></html>', /<html> is not an hwloc <topology>/, 1, 7);
  refused('<topology version="9"/>', /version "9" \(1, 2 and 3 are known/, 1, 1);
  refused('<topology/>', /no objects/, 1, 1);
  refused(inMachine(''), /a machine without CPUs/, 2, 1);
  refused(inMachine('<object type="PU"/>'), /PU without a number/, 3, 2);
  refused(inMachine('<object type="PU" os_index="8192"/>'), /PU 8192: numbers must be below 8192/, 3, 2);
  refused(inMachine(pu(0, 0)), /a second PU 0/, 3, 34);
  refused(inMachine(`${pu(0)}<object type="NUMANode" os_index="0" cpuset="0xzz"/>`), /"0xzz" is no set/, 3, 34);
  refused(`<topology>${'<object type="Group">'.repeat(300)}`, /nested deeper than 256/, 1, 5387, 'limit');
});

test('entities are not expanded, and text that is no text is refused', () => {
  refused('<!DOCTYPE t [<!ENTITY a "b">]><topology version="&a;"/>', /undefined entity/, 1, 53);
  assert.throws(() => topologyFromXml(Uint8Array.of(0x3c, 0xff, 0xfe), 'm'), /UTF-8/);
});
