/**
 * /proc/PID/sched as Linux 6.1 prints it. @spec 09 §2
 *
 *   ping-0 (940, #threads: 1)
 *   -------------------------------------------------------------------
 *   se.exec_start                                :         33042.240394      ns, as ms
 *   se.nr_migrations                             :                   35      plain
 *
 * Lines of what was not observed are left out; the order of the others is the kernel's.
 */

export interface ProcSched {
  readonly comm: string;
  readonly pid: number;
  readonly threads: number;
  readonly lines: readonly ProcSchedLine[];
}

export interface ProcSchedLine {
  readonly label: string;
  /** A whole number; `ns` are printed as ms with six decimals. */
  readonly value: number;
  readonly unit: 'ns' | 'plain';
}

/** The whole file. */
export function formatProcSched({ comm, pid, threads, lines }: ProcSched): string {
  const head = `${comm} (${pid}, #threads: ${threads})\n${'-'.repeat(67)}\n`;
  return head + lines.map(({ label, value, unit }) => `${label.padEnd(45)}:${valueText(value, unit)}\n`).join('');
}

function valueText(value: number, unit: 'ns' | 'plain'): string {
  if (unit === 'plain') return String(value).padStart(21);
  // Each part is divided by itself, so that -1 ns is 0.000001: the kernel's words for "none".
  const ms = Math.trunc(value / 1e6) + 0;
  const rest = Math.abs(value) % 1e6;
  return `${String(ms).padStart(14)}.${String(rest).padStart(6, '0')}`;
}
