/** `steelyard compare --first-divergence`: where policies part, instead of how figures differ. */
import { type Divergence, firstDivergence } from '../experiment/first-divergence.ts';
import { divergenceJson, divergenceText } from '../report/divergence-text.ts';
import { formatTime } from '../report/numbers.ts';
import type { Experiment } from './experiment-options.ts';
import { printJson } from './output.ts';
import { startProgress } from './progress.ts';
import { finish } from './steps.ts';

/** Where each policy parts from the first. */
export async function compareDecisions(experiment: Experiment, json: boolean): Promise<void> {
  const { machine, workload, policies, seed, durationNs } = experiment;
  const [baseline, ...others] = policies;
  const progress = startProgress(1);
  const found: [policies: [string, string], divergence: Divergence][] = [];
  for (const other of others) {
    const onProgress = (nowNs: number) => progress.update(0, `${other.name}: ${formatTime(nowNs)}`);
    const divergence = await finish(
      firstDivergence({ machine, workload, seed, durationNs, warmupNs: 0 }, [baseline!, other], onProgress),
    );
    found.push([[baseline!.name, other.name], divergence]);
  }
  progress.stop();
  if (json) return printJson({ seed, divergences: found.map((one) => divergenceJson(...one)) });
  process.stdout.write(`${workload.workload.name} on ${machine.name} (${machine.nrCpus} CPUs), seed ${seed}\n`);
  for (const one of found) process.stdout.write(`\n${divergenceText(...one)}`);
}
