import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { gzipSync, strToU8 } from 'fflate';
import { createTar } from 'nanotar';
import { UserError } from '../../src/base/errors.ts';
import { listMachines, loadMachine } from '../../src/experiment/machine-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function refused(spec: string, what: RegExp, code: string): void {
  assert.throws(
    () => loadMachine(spec),
    (e) => {
      assert.ok(e instanceof UserError, String(e));
      assert.match(e.message, what);
      assert.equal(e.code, code, e.message);
      return true;
    },
  );
}

const XML =
  '<?xml version="1.0"?>\n<topology version="2.0"><object type="Machine" complete_cpuset="0x3">\n' +
  '<object type="NUMANode" os_index="0" cpuset="0x3"/><object type="L3Cache" depth="3" cache_size="1048576">' +
  '<object type="Core"><object type="PU" os_index="0"/></object><object type="Core"><object type="PU" os_index="1"/>' +
  '</object></object></object></topology>\n';
const JSON_TEXT = '{"cpus": [{"cpu": 0, "smt": [0, 1]}, {"cpu": 1, "smt": [0, 1]}]}';

/** The tree of two threads of a core. */
const TREE: Readonly<Record<string, string>> = {
  'sys/devices/system/cpu/online': '0-1\n',
  'sys/devices/system/cpu/cpu0/topology/core_cpus': '3\n',
  'sys/devices/system/cpu/cpu1/topology/core_cpus': '3\n',
  'sys/devices/system/node/node0/cpulist': '0-1\n',
  'sys/devices/system/node/node0/distance': '10\n',
  'proc/meminfo': 'MemTotal: 1 kB\n',
};
const tarOf = (prefix: string) =>
  createTar(Object.entries(TREE).map(([name, text]) => ({ name: prefix + name, data: text })));

/** `bzip2` of XML, made once by the tool, since nothing here can pack it. */
const BZIP2_OF_EMPTY = Uint8Array.from(Buffer.from('QlpoORdyRThQkAAAAAA=', 'base64'));

test('what a file is, its content decides and not its name', () => {
  assert.equal(loadMachine(file('a.json', XML)).nrCpus, 2);
  assert.equal(loadMachine(file('b.xml', `\ufeff  ${XML.slice(22)}`)).llc[1], 0);
  assert.deepEqual([...loadMachine(file('c.txt', JSON_TEXT)).core], [0, 0]);
  assert.deepEqual([...loadMachine(file('d.bin', tarOf('m/'))).core], [0, 0]);
  assert.deepEqual([...loadMachine(file('e.tar.bz2', gzipSync(tarOf('./some/where/')))).core], [0, 0]);
  assert.equal(loadMachine(file('f', gzipSync(strToU8(XML)))).nrCpus, 2);
});

test('a folder is a /sys, a gathered tree, or a record', () => {
  for (const [name, text] of Object.entries(TREE)) file(`tree/${name}`, text);
  assert.deepEqual([...loadMachine(join(folder, 'tree')).core], [0, 0]);
  assert.deepEqual([...loadMachine(join(folder, 'tree/sys')).core], [0, 0]);
  file('smp2-record/topology.json', JSON_TEXT);
  assert.equal(loadMachine(join(folder, 'smp2-record')).name, 'smp2-record');
  refused(tmpdir(), /no devices\/system\/cpu \(such as \/sys/, 'file');
});

test('the machine we run on is one', { skip: process.platform !== 'linux' }, () => {
  const host = loadMachine('host');
  assert.ok(host.online.includes(1));
  assert.equal(host.name, 'host');
  assert.deepEqual(loadMachine('/sys').core, host.core);
});

test('names and strings come before files', () => {
  assert.equal(loadMachine('smp4').nrCpus, 4);
  assert.equal(loadMachine('flat:3').nrCpus, 3);
  assert.equal(loadMachine('pack:2 core:2 pu:1').nrCpus, 4);
  for (const { name } of listMachines()) assert.ok(loadMachine(name).nrCpus > 0);
});

test('machines are called after their files', () => {
  assert.equal(loadMachine(file('big.tar.gz', gzipSync(tarOf('m/')))).name, 'big');
  assert.equal(loadMachine(file('big.iron.xml', XML)).name, 'big.iron');
});

test('what is not there is said so, with the name that may have been meant', () => {
  refused('epic-7763', /epic-7763: no such file, and no machine of that name \(did you mean "epyc-7763"/, 'file');
  refused(join(folder, 'nothing.xml'), /nothing\.xml: no such file.*machines: host, smp4/, 'file');
  refused(join(file('plain', 'x'), 'inner'), /no such file/, 'file');
  refused('x'.repeat(100_000), /^x{200}\.\.\.: no such file/, 'file');
  refused('a\0b', /no such file/, 'file');
  refused('pack:2 cor:1', /"pack:2 cor:1":1:8: unknown type/, 'format');
});

test('errors name the file and the place in it', () => {
  refused(file('broken.xml', XML.slice(0, 200)), /broken\.xml:3:\d+: this is no good XML/, 'format');
  refused(file('broken.json', '{"cpus": [\n'), /broken\.json:2:1: this is no JSON/, 'format');
  refused(file('text', 'hello'), /text at byte 0: this is no machine/, 'format');
  refused(file('empty', ''), /empty: the file is empty/, 'format');
  refused(file('a.xz', '\xfd7zXZ'), /no machine/, 'format');
  refused(file('b.xz', Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)), /packed with xz \(unpack it first/, 'format');
  refused(file('empty.bz2', BZIP2_OF_EMPTY), /no machine/, 'format');
  const whole = gzipSync(tarOf('m/'), { mtime: 0 });
  for (let length = 2; length < whole.length; length++)
    refused(file('half.gz', whole.subarray(0, length)), /half\.gz at byte \d+: this is no good gzip/, 'format');
  refused(file('other.tar', createTar([{ name: 'a/b', data: 'x' }])), /other\.tar: no machine in this tar/, 'format');
  const files = ['present', 'online'].map((name) => ({
    name: `m/sys/devices/system/cpu/${name}`,
    data: name === 'online' ? 'x' : '0',
  }));
  const tree = file('bad.tar', createTar(files));
  refused(tree, /bad\.tar: sys\/devices\/system\/cpu\/online: "x" is no list of CPUs/, 'format');
});

test('a damaged tar says where', () => {
  const tar = tarOf('m/');
  const damaged = tar.slice();
  damaged[1024 + 3]! ^= 1;
  refused(file('damaged.tar', damaged), /damaged\.tar at byte 1024: this is no good tar: a damaged header/, 'format');
  refused(file('cut.tar', tar.subarray(0, 1030)), /cut\.tar at byte 1024: .* it ends in the middle/, 'format');
});

test('too much is refused early: long files unread, bombs at their first block or at the limit', () => {
  const started = process.cpuUsage();
  const long = file('long.xml', '<topology>');
  truncateSync(long, 200e6);
  refused(long, /more than 128 MB/, 'limit');
  refused(file('zeros.gz', gzipSync(new Uint8Array(40e6))), /zeros\.gz at byte 0: this is no machine/, 'format');
  refused(file('deep.xml', '<topology>'.repeat(1e5)), /deep\.xml:1:\d+: elements nested deeper/, 'limit');
  const set = `${'0xffffffff,'.repeat(1e5)}0x1`;
  refused(file('set.xml', XML.replace('"0x3"', `"${set}"`)), /set\.xml:2:\d+: complete_cpuset .* is no set/, 'format');
  refused(file('many.json', `{"cpus": [${'{},'.repeat(9000)}{}]}`), /many\.json:1:10: cpus: 9001 entries/, 'format');
  assert.ok(process.cpuUsage(started).user < 5e6, 'CPU time, us');
  if (process.platform === 'linux') refused('/dev/zero', /no machine/, 'format');
});

test('property: files with some bytes changed, cut or doubled are machines or errors of the user', () => {
  const tar = tarOf('m/');
  const originals = [strToU8(XML), strToU8(JSON_TEXT), tar.subarray(0, 6144), gzipSync(tar), gzipSync(strToU8(XML))];
  const path = join(folder, 'mutated');
  const edit = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'cut', 'double', 'insert') });
  fc.assert(
    fc.property(fc.nat(originals.length - 1), fc.array(edit, { minLength: 1, maxLength: 6 }), (which, edits) => {
      let bytes = Array.from(originals[which]!);
      for (const { at, byte, kind } of edits) {
        const i = at % Math.max(1, bytes.length);
        if (kind === 'set') bytes[i] = byte;
        else if (kind === 'insert') bytes.splice(i, 0, byte, byte);
        else if (kind === 'cut') bytes.splice(i, 1 + (byte >> 3));
        else bytes = [...bytes, ...bytes.slice(i, i + byte)];
      }
      writeFileSync(path, Uint8Array.from(bytes));
      try {
        assert.ok(loadMachine(path).nrCpus > 0);
      } catch (e) {
        assert.ok(e instanceof UserError, e instanceof Error ? e.stack : String(e));
        assert.match(e.message, /mutated/);
      }
    }),
    { numRuns: 1500 },
  );
});
