/** Files of `run` that are made of a trace while it goes by: heat maps, and what the checkers of work conservation find. */
import { InvalidArgumentError } from 'commander';
import { CONFIRM_NS, type ConfirmNs } from '../analysis/confirmed-violations.ts';
import { FiguresSink } from '../analysis/figures.ts';
import { HeatMap } from '../analysis/heat-map.ts';
import { SampledChecker } from '../analysis/sampled-checker.ts';
import { parseTime } from '../balance/settings.ts';
import { UserError } from '../base/errors.ts';
import { OutputFile } from '../experiment/output-file.ts';
import { heatMapCsv, heatMapJson, heatMapSvg } from '../report/heat-map.ts';
import { RECORDINGS } from '../trace/recorder.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';
import { tee } from '../trace/tee.ts';

interface SinkFile {
  readonly sink: TraceSink;
  /** To be called when the trace has ended. */
  readonly commit: () => void;
}

const HEAT_MAP_FORMS = {
  '.svg': heatMapSvg,
  '.json': heatMapJson,
  '.csv': heatMapCsv,
} as const;

/** Throws `UserError` for a name that tells no form. */
export function checkHeatMapName(path: string): void {
  heatMapForm(path);
}

export function openHeatMap(path: string, title: string): SinkFile {
  const form = heatMapForm(path);
  const map = new HeatMap();
  const file = new OutputFile(path);
  return { sink: map, commit: () => commitText(file, form(map.data(), title)) };
}

function heatMapForm(path: string) {
  const form = Object.entries(HEAT_MAP_FORMS).find(([ending]) => path.endsWith(ending));
  if (form !== undefined) return form[1];
  const known = Object.keys(HEAT_MAP_FORMS).join(', ');
  throw new UserError('usage', `"${path}": no form of heat map is known by that ending`, {}, `known: ${known}`);
}

export interface CheckerOptions {
  /** The exact measure is of the time from here on, and lists violations of at least `confirmNs`. */
  readonly fromNs: number;
  readonly confirmNs: ConfirmNs;
  /** Time between two looks of the sampling checker. */
  readonly sampleNs: number;
}

export function openChecker(path: string, { fromNs, confirmNs, sampleNs }: CheckerOptions): SinkFile {
  const exact = new FiguresSink({ fromNs, observed: RECORDINGS.figures, listViolationsNs: confirmNs });
  const sampled = new SampledChecker({ intervalNs: sampleNs });
  let tables!: TraceTables;
  const keep: TraceSink = {
    begin: (t) => {
      tables = t;
    },
    event: () => {},
  };
  const file = new OutputFile(path);
  const named = <T extends { readonly task: number }>({ task, ...rest }: T) => ({
    task: tables.tasks[task]?.comm ?? null,
    ...rest,
  });
  const report = () => ({
    confirmNs,
    idleCpus: exact.idleEpisodes,
    waits: exact.violations.map(named),
    sampled: { intervalNs: sampleNs, looks: sampled.nrLooks, violations: sampled.violations.map(named) },
  });
  return {
    sink: tee(keep, exact, sampled),
    commit: () => commitText(file, `${JSON.stringify(report(), null, 1)}\n`),
  };
}

/** For commander: one of the times that confirm a violation. */
export function confirmTime(text: string): ConfirmNs {
  const ns = CONFIRM_NS.find((limit) => limit === parseTime(text));
  if (ns === undefined) throw new InvalidArgumentError('It is 1ms, 10ms or 100ms.');
  return ns;
}

function commitText(file: OutputFile, text: string): void {
  file.write(new TextEncoder().encode(text));
  file.commit();
}
