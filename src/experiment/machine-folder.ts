/** A folder as a machine: a /sys, the root of a gathered tree (with sys and proc in it), or a record of the kernel lab. */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { RootReader } from '../machine/sysfs.ts';

/** No file about CPUs is longer; sysfs gives a page, or as much as a list of 8192 CPUs takes. */
const MAX_FILE_BYTES = 1 << 18;
const buffer = new Uint8Array(MAX_FILE_BYTES);

export type MachineFolder =
  | { readonly kind: 'record'; readonly path: string }
  | { readonly kind: 'tree'; readonly reader: RootReader };

/** Throws `UserError` if it is none of these. */
export function machineFolder(folder: string): MachineFolder {
  const record = join(folder, 'topology.json');
  if (existsSync(record)) return { kind: 'record', path: record };
  if (existsSync(join(folder, 'sys/devices/system/cpu'))) return { kind: 'tree', reader: readerOfFolder(folder) };
  if (existsSync(join(folder, 'devices/system/cpu'))) {
    const { read, list } = readerOfFolder(folder);
    // The folder is the sys of a root we do not see the rest of.
    const within = (path: string) => (path.startsWith('sys/') ? path.slice('sys/'.length) : 'no such file');
    return { kind: 'tree', reader: { read: (path) => read(within(path)), list: (path) => list(within(path)) } };
  }
  const hint = 'such as /sys, a tree gathered by hwloc-gather-topology, or a record with its topology.json';
  throw new UserError('file', 'this folder is no machine: it has no devices/system/cpu', { file: folder }, hint);
}

export function readerOfFolder(root: string): RootReader {
  return {
    read: (path) => readText(join(root, path)),
    list: (path) => {
      try {
        return readdirSync(join(root, path));
      } catch {
        return [];
      }
    },
  };
}

/** What is not there, or is not for us, is not known. */
function readText(path: string): string | undefined {
  try {
    const fd = openSync(path, 'r');
    try {
      return new TextDecoder('latin1').decode(buffer.subarray(0, readSync(fd, buffer)));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}
