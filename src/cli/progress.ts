/** Progress of long work: a bar on a terminal, nothing in a pipe. */
import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** How much of the total is done, and a few words beside it. */
  update(done: number, words: string): void;
  stop(): void;
}

const QUIET: Progress = { update: () => {}, stop: () => {} };

export function startProgress(total: number): Progress {
  if (!process.stderr.isTTY || !Number.isFinite(total) || total <= 0) return QUIET;
  const bar = new SingleBar(
    {
      format: '{bar} {percentage} %  {words}',
      clearOnComplete: true,
      hideCursor: true,
      stream: process.stderr,
      etaBuffer: 20,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { words: '' });
  return {
    update: (done, words) => bar.update(Math.min(done, total), { words }),
    stop: () => bar.stop(),
  };
}
