/**
 * A machine by what a user calls it: a preset (`smp4`), a synthetic string (`pack:2 l3:1 core:8 pu:2`), `host`, or a file
 * or folder. Names come first; a file of such a name is reached as `./smp4`. What a file is, its first bytes decide:
 *
 *   <            hwloc XML                       1f 8b, BZh, or a tar header   a tree gathered by hwloc-gather-topology
 *   {            the topology.json of a record   a folder                      a /sys, a gathered tree, or a record
 */
import { statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { suggest, UserError } from '../base/errors.ts';
import { isPreset, listPresets, presetMachine } from '../machine/presets.ts';
import { isSyntheticString, topologyFromSynthetic } from '../machine/synthetic.ts';
import { topologyFromSysfs } from '../machine/sysfs.ts';
import type { Topology } from '../machine/topology.ts';
import { topologyFromJson } from '../machine/topology-json.ts';
import { readMachineBytes } from './machine-bytes.ts';
import { machineFolder, readerOfFolder } from './machine-folder.ts';
import { readerOfTar } from './machine-tar.ts';
import { topologyFromXml } from './machine-xml.ts';

/** The machines that need no file. */
export function listMachines(): readonly { readonly name: string; readonly about: string }[] {
  return listPresets();
}

/** Loads the machine `spec` names. Throws `UserError`. */
export function loadMachine(spec: string): Topology {
  if (isPreset(spec)) return presetMachine(spec);
  if (spec === 'host') return topologyFromSysfs(readerOfFolder('/'), 'host');
  const stat = statOf(spec);
  if (stat === undefined) {
    if (isSyntheticString(spec)) return topologyFromSynthetic(spec);
    throw missing(spec);
  }
  try {
    return stat.isDirectory() ? fromFolder(spec) : fromFile(spec);
  } catch (e) {
    throw e instanceof UserError ? e.inFile(spec) : e;
  }
}

function fromFile(file: string): Topology {
  const { content, bytes } = readMachineBytes(file);
  const name = nameOf(file);
  switch (content) {
    case 'xml':
      return topologyFromXml(bytes, name);
    case 'tar':
      return topologyFromSysfs(readerOfTar(bytes), name);
    case 'json':
      return topologyFromJson(new TextDecoder().decode(bytes), name);
  }
}

function fromFolder(folder: string): Topology {
  const found = machineFolder(folder);
  if (found.kind === 'record') return loadMachine(found.path);
  return topologyFromSysfs(found.reader, nameOf(folder));
}

/** The file without what tells its form; a `topology.json` is called after its folder. */
function nameOf(path: string): string {
  const full = resolve(path);
  const name = basename(full) === 'topology.json' ? basename(dirname(full)) : basename(full);
  return name.replace(/\.(xml|json|tar|tgz|tbz2?)?(\.(gz|bz2))?$/, '') || name || 'machine';
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (e) {
    // What cannot be a path at all (a string too long, one with a zero in it) is not there.
    const code = (e as NodeJS.ErrnoException).code;
    if (code === 'ENAMETOOLONG' || code === 'ENOTDIR' || code === 'ERR_INVALID_ARG_VALUE') return undefined;
    throw new UserError('file', `cannot be read: ${(e as Error).message}`, { file: path });
  }
}

function missing(spec: string): UserError {
  const names = ['host', ...listPresets().map((p) => p.name)];
  const close = suggest(spec, names);
  const shown = spec.length > 200 ? `${spec.slice(0, 200)}...` : spec;
  return new UserError(
    'file',
    'no such file, and no machine of that name',
    { file: shown },
    close === undefined ? `machines: ${names.join(', ')}` : `did you mean "${close}"?`,
  );
}
