/** Records of the kernel lab, for tests that compare with them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import { zstdDecompress } from '../../src/trace/zstd.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

interface LabCpu {
  readonly core: number;
  readonly llc: number;
  readonly die: number;
  readonly package: number;
  readonly node: number;
}

export interface LabRecord {
  readonly name: string;
  readonly folder: string;
  readonly topology: Topology;
  /** The kernel's version line. */
  readonly kernel: string;
  text(): Promise<Uint8Array>;
}

/** A record by its path, such as `ground-truth/smp4-one`. */
export function labRecord(path: string): LabRecord {
  const folder = sharedPath(path);
  const json = (file: string) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'));
  const { cpus } = json('topology.json') as { cpus: LabCpu[] };
  return {
    name: path,
    folder,
    topology: buildTopology({
      name: path,
      cpus: cpus.map(({ core, llc, die, package: pkg, node }) => ({
        core,
        llc,
        die: pkg * 64 + die,
        package: pkg,
        node,
      })),
    }),
    kernel: json('run.json').kernel,
    text: () => zstdDecompress(readFileSync(`${folder}/trace.txt.zst`)),
  };
}

/** Paths of all records, or of those with a trace no larger than `maxBytes` compressed. */
export function labRecordPaths(maxBytes = Number.POSITIVE_INFINITY): string[] {
  if (!hasShared) return [];
  return ['ground-truth', 'ground-truth-6.12'].flatMap((group) =>
    readdirSync(sharedPath(group))
      .map((name) => `${group}/${name}`)
      .filter((path) => {
        const file = sharedPath(`${path}/trace.txt.zst`);
        return existsSync(file) && readFileSync(file).length <= maxBytes;
      }),
  );
}
