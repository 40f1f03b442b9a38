/**
 * A heat map as a file: JSON with everything in it, CSV with a line for each CPU and bin, or a picture (SVG) that needs
 * nothing else. The picture has a row for each CPU, by node, and a colour for how much there was to run:
 *
 *   idle: its own colour · up to one task: from pale to full · more: towards red · marks: wakeups onto busy CPUs while an
 *   idle one was there, from the CPU that woke to the CPU that got the task
 *
 * @spec 23 §6
 */
import type { HeatMapData } from '../analysis/heat-map.ts';

const WIDTH = 1200;
const LEFT = 70;
const TOP = 40;
const BOTTOM = 60;
const MIN_ROW = 3;
const MAX_ROW = 14;
const MAX_MARKS = 4000;
/** Mean number of runnable tasks below which a bin has the colour, and what the legend says of it. */
const COLOURS: readonly (readonly [below: number, colour: string, words: string])[] = [
  [0.005, '#10104a', 'idle'],
  [0.5, '#d6e6f4', 'below 0.5'],
  [0.995, '#9fcae4', 'below 1'],
  [1.05, '#4f9bcb', '1 task'],
  [2.05, '#fdd49e', 'to 2'],
  [4.05, '#fc8d59', 'to 4'],
  [8.05, '#d7301f', 'to 8'],
  [Number.POSITIVE_INFINITY, '#7f0000', 'more'],
];

export function heatMapJson(data: HeatMapData): string {
  const { topology, ...rest } = data;
  const { name, nrCpus, node, core, llc } = topology;
  const round = (rows: HeatMapData['runnable']) => rows.map((row) => row.map((x) => Number(x.toFixed(4))));
  const runnable = round(data.runnable);
  const load = round(data.load);
  const machine = { name, nrCpus, node: [...node], core: [...core], llc: [...llc] };
  return `${JSON.stringify({ machine, ...rest, runnable, load })}\n`;
}

export function heatMapCsv(data: HeatMapData): string {
  const lines = ['time_ms,cpu,node,runnable_tasks,load_weight,considered_count'];
  for (let cpu = 0; cpu < data.topology.nrCpus; cpu++) {
    data.runnable[cpu]!.forEach((runnable, bin) => {
      const timeMs = (data.startNs + bin * data.binNs) / 1e6;
      const considered = data.considered?.[cpu]?.[bin] ?? '';
      const load = Number(data.load[cpu]![bin]!.toFixed(1));
      lines.push(`${timeMs},${cpu},${data.topology.node[cpu]},${Number(runnable.toFixed(4))},${load},${considered}`);
    });
  }
  return `${lines.join('\n')}\n`;
}

export function heatMapSvg(data: HeatMapData, title: string): string {
  const { topology, startNs, endNs, binNs } = data;
  const { nrCpus, node } = topology;
  const order = Array.from({ length: nrCpus }, (_, cpu) => cpu).sort((a, b) => node[a]! - node[b]! || a - b);
  const rowOf = new Int32Array(nrCpus);
  order.forEach((cpu, row) => {
    rowOf[cpu] = row;
  });
  const height = Math.min(MAX_ROW, Math.max(MIN_ROW, Math.floor(900 / nrCpus)));
  const bottom = TOP + nrCpus * height;
  const xOf = (timeNs: number) => Math.round((LEFT + ((timeNs - startNs) / (endNs - startNs)) * WIDTH) * 10) / 10;
  const parts: string[] = [];
  for (const cpu of order) {
    const y = TOP + rowOf[cpu]! * height;
    for (const { from, to, colour } of runsOf(data.runnable[cpu]!)) {
      const x = xOf(startNs + from * binNs);
      const width = Math.round((xOf(Math.min(endNs, startNs + to * binNs)) - x) * 10) / 10;
      parts.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${colour}"/>`);
    }
  }
  order.forEach((cpu, row) => {
    const isFirst = row === 0 || node[cpu] !== node[order[row - 1]!];
    if (!isFirst) return;
    const y = TOP + row * height;
    if (row > 0) parts.push(`<line x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${y}" y2="${y}" stroke="#fff"/>`);
    parts.push(`<text x="${LEFT - 6}" y="${y + 11}" text-anchor="end">node ${node[cpu]}</text>`);
  });
  const marks = data.arrows.filter(({ isOverloaded }) => isOverloaded);
  for (const { timeNs, from, to, task } of marks.slice(0, MAX_MARKS)) {
    const x = xOf(timeNs);
    const y = (cpu: number) => TOP + (rowOf[cpu]! + 0.5) * height;
    const words = `${task} woken at ${timeNs / 1e6} ms from CPU ${from} on CPU ${to}, busy`;
    parts.push(`<path class="w" d="M${x - 1.5} ${y(from)}L${x} ${y(to)}"><title>${escapeXml(words)}</title></path>`);
  }
  for (let i = 0; i <= 5; i++) {
    const timeNs = startNs + ((endNs - startNs) * i) / 5;
    const anchor = i === 0 ? 'start' : i === 5 ? 'end' : 'middle';
    const ms = Number((timeNs / 1e6).toPrecision(6));
    parts.push(`<text x="${xOf(timeNs)}" y="${bottom + 16}" text-anchor="${anchor}">${ms} ms</text>`);
  }
  COLOURS.forEach(([, colour, words], i) => {
    const x = LEFT + i * 105;
    parts.push(`<rect x="${x}" y="${bottom + 30}" width="12" height="12" fill="${colour}"/>`);
    parts.push(`<text x="${x + 16}" y="${bottom + 40}">${words}</text>`);
  });
  const more = marks.length > MAX_MARKS || data.nrMoreArrows > 0 ? ' (not all drawn)' : '';
  const words = `${title}: tasks to run by CPU; ${marks.length} wakeups on busy CPUs beside idle ones${more}`;
  parts.push(`<text x="${LEFT}" y="24" font-size="14">${escapeXml(words)}</text>`);
  const size = `width="${LEFT + WIDTH + 20}" height="${bottom + BOTTOM}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">
<style>.w{stroke:#00c000;stroke-opacity:.5;fill:none}</style>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}

/** Neighbouring bins of one colour. */
function runsOf(row: readonly number[]): { from: number; to: number; colour: string }[] {
  const runs: { from: number; to: number; colour: string }[] = [];
  row.forEach((value, bin) => {
    const colour = COLOURS.find(([below]) => value < below)![1];
    const last = runs.at(-1);
    if (last?.colour === colour) last.to = bin + 1;
    else runs.push({ from: bin, to: bin + 1, colour });
  });
  return runs;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
