/** The exact comparisons over records, kind by kind. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { labRepetitions } from '../../trace/lab-text-reader.ts';
import { zstdDecompress } from '../../trace/zstd.ts';
import { ExactComparison } from './exact.ts';
import type { LabRecord } from './record.ts';

export interface ExactTotal {
  compared: number;
  equal: number;
  /** Updates that a trace does not tell enough about. */
  notComparable: number;
}

/** Plays the records' traces; `onRecord` is called before each. Records of another kernel than `release` are left out. */
export async function compareExactly(
  records: readonly LabRecord[],
  onRecord: (name: string) => void = () => {},
): Promise<Record<string, ExactTotal>> {
  const totals: Record<string, ExactTotal> = {};
  for (const record of records) {
    if (!/Linux version 6\.1\./.test(record.kernel)) continue;
    onRecord(record.name);
    const exact = new ExactComparison({ groups: record.workload.workload.groups.length > 0 });
    const text = await zstdDecompress(readFileSync(traceFile(record)));
    for (const repetition of labRepetitions(text, { topology: record.machine, source: record.kernel })) {
      repetition.play(exact);
    }
    for (const [kind, { compared, equal, notComparable }] of Object.entries(exact.result)) {
      const total = (totals[kind] ??= { compared: 0, equal: 0, notComparable: 0 });
      total.compared += compared;
      total.equal += equal;
      total.notComparable += Object.values(notComparable).reduce((sum, n) => sum + n, 0);
    }
  }
  return totals;
}

function traceFile(record: LabRecord): string {
  return join(record.folder, 'trace.txt.zst');
}
