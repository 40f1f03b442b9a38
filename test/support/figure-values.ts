/** Figures of a trace as an object, for tests. */
import { type FiguresOptions, FiguresSink } from '../../src/analysis/figures.ts';
import type { TraceSink } from '../../src/trace/sink.ts';

export function figureValues(
  source: { play(sink: TraceSink): unknown },
  options: FiguresOptions = {},
): Record<string, number | null> {
  const sink = new FiguresSink(options);
  source.play(sink);
  return Object.fromEntries(sink.figures().map(({ name, value }) => [name, value]));
}
