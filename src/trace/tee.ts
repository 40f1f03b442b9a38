/**
 * One stream of events into several sinks, each of which sees it as if it were alone. Arguments are handed on in the one
 * array that the source uses: a sink that changed it would change it for those after it.
 */
import type { TraceSink } from './sink.ts';

export function tee(...sinks: readonly TraceSink[]): TraceSink {
  if (sinks.length === 1) return sinks[0]!;
  return {
    begin(tables, startNs) {
      for (const sink of sinks) sink.begin?.(tables, startNs);
    },
    event(kind, timeNs, cpu, task, args) {
      for (let i = 0; i < sinks.length; i++) sinks[i]!.event(kind, timeNs, cpu, task, args);
    },
    end(endNs) {
      for (const sink of sinks) sink.end?.(endNs);
    },
  };
}
