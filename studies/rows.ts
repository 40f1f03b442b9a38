/** Rows of a study as a Markdown table, which is also what is printed. */
import { UserError } from 'steelyard';
import type { Cell, Column, Row } from './study.ts';

const BEGIN = '<!-- rows -->';
const END = '<!-- /rows -->';

/** Misses are marked in the table and explained below it. */
export function rowsTable(columns: readonly Column[], rows: readonly Row[]): string {
  const lines = rows.map((row) => columns.map(({ key }) => cellText(row[key])));
  const misses = rows.map(({ miss }) => miss ?? null);
  const hasMisses = misses.some((miss) => miss !== null);
  const head = [...columns.map(({ title }) => title), ...(hasMisses ? [''] : [])];
  let nr = 0;
  const body = lines.map((line, i) => (hasMisses ? [...line, misses[i] === null ? '' : `miss ${++nr}`] : line));
  const widths = head.map((title, i) => Math.max(3, title.length, ...body.map((line) => line[i]!.length)));
  const text = (line: readonly string[]) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |\n`;
  const notes = misses.filter((miss) => miss !== null).map((miss, i) => `${i + 1}. ${miss}\n`);
  const table = text(head) + text(widths.map((width) => '-'.repeat(width))) + body.map(text).join('');
  return hasMisses ? `${table}\nMisses:\n\n${notes.join('')}` : table;
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  if (cell === null) return 'not observed';
  return String(cell).replaceAll('|', '\\|');
}

/** The README with the table between its marks. */
export function withRows(readme: string, table: string, file: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new UserError('format', 'the README of a study has a place for its rows', { file }, `${BEGIN} and ${END}`);
  }
  return `${readme.slice(0, begin + BEGIN.length)}\n${table}${readme.slice(end)}`;
}
