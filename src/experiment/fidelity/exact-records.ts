/** The exact comparisons and the decisions of records, kind by kind. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { presetOfKernel } from '../../balance/presets.ts';
import { labRepetitions } from '../../trace/lab-text-reader.ts';
import { zstdDecompress } from '../../trace/zstd.ts';
import type { Disagreement } from './decision-tally.ts';
import { DecisionComparison } from './decisions.ts';
import { ExactComparison } from './exact.ts';
import type { LabRecord } from './record.ts';

export interface ExactTotal {
  compared: number;
  equal: number;
  /** Updates that a trace does not tell enough about. */
  notComparable: number;
}

export interface DecisionTotal {
  seen: number;
  /** Of which the trace tells what they saw. */
  decidable: number;
  agree: number;
  /** The first ones; there are `decidable - agree`. */
  disagreements: RecordDisagreement[];
}

export interface RecordDisagreement extends Disagreement {
  readonly record: string;
}

/** Disagreements of a kind that are listed. */
const MAX_LISTED = 20;

export interface RecordTotals {
  readonly exact: Record<string, ExactTotal>;
  readonly decisions: Record<string, DecisionTotal>;
}

/** Plays the records' traces; `onRecord` is called before each. Records of kernels without a preset are left out. */
export async function compareExactly(
  records: readonly LabRecord[],
  onRecord: (name: string) => void = () => {},
): Promise<RecordTotals> {
  const totals: Record<string, ExactTotal> = {};
  const decisions: Record<string, DecisionTotal> = {};
  for (const record of records) {
    const preset = presetOfKernel(record.kernel);
    if (preset === undefined) continue;
    onRecord(record.name);
    const exact = new ExactComparison({ groups: record.workload.workload.groups.length > 0, preset });
    const text = await zstdDecompress(readFileSync(traceFile(record)));
    const decided = new DecisionComparison({ workload: record.workload.workload });
    // Both use the simulator's tables, so one after the other.
    for (const repetition of labRepetitions(text, { topology: record.machine, source: record.kernel })) {
      repetition.play(exact);
      // The decisions of 6.12 have not been looked at.
      if (preset === 'linux-6.1') repetition.play(decided);
    }
    for (const [kind, { seen, decidable, agree, disagreements }] of Object.entries(decided.result)) {
      const total = (decisions[kind] ??= { seen: 0, decidable: 0, agree: 0, disagreements: [] });
      const room = MAX_LISTED - total.disagreements.length;
      total.disagreements.push(...disagreements.slice(0, room).map((d) => ({ record: record.name, ...d })));
      total.seen += seen;
      total.decidable += decidable;
      total.agree += agree;
    }
    for (const [kind, { compared, equal, notComparable }] of Object.entries(exact.result)) {
      const total = (totals[kind] ??= { compared: 0, equal: 0, notComparable: 0 });
      total.compared += compared;
      total.equal += equal;
      total.notComparable += Object.values(notComparable).reduce((sum, n) => sum + n, 0);
    }
  }
  const byKind = Object.entries(decisions).sort(([a], [b]) => (a < b ? -1 : 1));
  return { exact: totals, decisions: Object.fromEntries(byKind) };
}

function traceFile(record: LabRecord): string {
  return join(record.folder, 'trace.txt.zst');
}
