/**
 * The tar file that hwloc-gather-topology makes of a machine's /sys and /proc, as files to read. The chain of headers is
 * checked before the library walks it: their sums, and that no member reaches over the end.
 */
import { parseTar } from 'nanotar';
import { UserError } from '../base/errors.ts';
import type { RootReader } from '../machine/sysfs.ts';

const BLOCK = 512;
const MAX_MEMBERS = 2_000_000;
/** Longer files are not what sysfs tells of CPUs. */
const MAX_MEMBER_BYTES = 1 << 20;

/** What is read of a tree; the rest (PCI devices, DMI, meminfo) is left in the tar. */
const WANTED = /(?:^|\/)((?:sys\/devices\/(?:system\/(?:cpu|node)|cpu_core|cpu_atom)|proc\/sys\/kernel)\/.*)$/;

/** Throws `UserError` with the byte offset. */
export function readerOfTar(bytes: Uint8Array): RootReader {
  checkHeaders(bytes);
  const files = new Map<string, Uint8Array>();
  const folders = new Map<string, Set<string>>();
  const isFile = (type: string | undefined) => type === 'file' || type === 'contiguousFile';
  const filter = (m: { name: string; type: string | undefined; size: number }) =>
    isFile(m.type) && m.size <= MAX_MEMBER_BYTES && WANTED.test(m.name);
  for (const { name, data } of parseTar(bytes, { filter })) {
    const path = WANTED.exec(name)![1]!;
    files.set(path, data ?? new Uint8Array());
    addToFolders(folders, path);
  }
  if (!folders.has('sys/devices/system/cpu')) {
    const hint = 'hwloc-gather-topology makes such tarballs';
    throw new UserError('format', 'no machine in this tar: it has no sys/devices/system/cpu', {}, hint);
  }
  const decoder = new TextDecoder('latin1');
  return {
    read: (path) => {
      const data = files.get(path);
      return data === undefined ? undefined : decoder.decode(data);
    },
    list: (path) => [...(folders.get(path) ?? [])],
  };
}

function addToFolders(folders: Map<string, Set<string>>, path: string): void {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const folder = path.slice(0, end);
    const known = folders.get(folder);
    const name = path.slice(end + 1).split('/', 1)[0]!;
    if (known === undefined) folders.set(folder, new Set([name]));
    else known.add(name);
  }
}

/** A header says of itself what its bytes sum up to, its sum taken for spaces. */
export function isTarHeader(bytes: Uint8Array, at: number): boolean {
  if (at + BLOCK > bytes.length || bytes[at] === 0) return false;
  const said = octal(bytes, at + 148, 8);
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : bytes[at + i]!;
  return said === sum;
}

function checkHeaders(bytes: Uint8Array): void {
  let members = 0;
  let at = 0;
  while (at + BLOCK <= bytes.length && bytes[at] !== 0) {
    if (!isTarHeader(bytes, at)) throw new UserError('format', 'this is no good tar: a damaged header', { offset: at });
    const size = octal(bytes, at + 124, 12);
    if (size === undefined) throw new UserError('format', 'this is no good tar: a size is no number', { offset: at });
    const next = at + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (at + BLOCK + size > bytes.length)
      throw new UserError('format', 'this is no good tar: it ends in the middle of a file', { offset: at });
    if (++members > MAX_MEMBERS) throw new UserError('limit', `more than ${MAX_MEMBERS} files in this tar`);
    at = next;
  }
  if (at + BLOCK > bytes.length && at !== bytes.length)
    throw new UserError('format', 'this is no good tar: it ends in the middle', { offset: at });
}

/** A number in octal digits, ended by a space or a zero; undefined if it is anything else. */
function octal(bytes: Uint8Array, at: number, length: number): number | undefined {
  const text = String.fromCharCode(...bytes.subarray(at, at + length));
  const m = /^ *([0-7]+)[ \0]*$/.exec(text);
  return m === null ? undefined : Number.parseInt(m[1]!, 8);
}
