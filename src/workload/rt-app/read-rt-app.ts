/**
 * rt-app files as workloads. @spec 25 §11
 */
import { PlacedText, WarningList } from '../places.ts';
import type { WorkloadReading } from '../reading.ts';
import { compileRtApp } from './compile.ts';
import type { RtAppOptions } from './model.ts';
import { readRtAppModel } from './read-model.ts';

/** Reads the text of an rt-app file; `file` is what messages call it. Throws `UserError`. */
export function readRtApp(text: string, options: RtAppOptions, file?: string): WorkloadReading {
  const source = new PlacedText(text, file);
  const warnings = new WarningList();
  const workload = compileRtApp(readRtAppModel(source, warnings), source, options, warnings);
  return { workload, warnings: warnings.all, features: [], repetitions: 1, seed0: 1, samples: [] };
}
