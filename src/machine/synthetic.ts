/**
 * Machines in hwloc's synthetic notation, such as `pack:2 numa:1 l3:4 core:8 pu:2`: from the outside in, how many of each
 * are in one of those before. The product is the number of CPUs. What is not mentioned is not there: without a cache no
 * CPUs share one, without `numa` there is one node. Written in `synthetic-parser.ts`, numbered in `synthetic-indexes.ts`.
 */
import { assembleMachine, type Part } from './machine-parts.ts';
import { parseSize } from './size.ts';
import { readIndexes } from './synthetic-indexes.ts';
import { type LevelType, levelTypeOf, SyntheticText, type SyntheticWord } from './synthetic-parser.ts';
import { type Cache, MAX_CPUS, type NumaNode, type Topology } from './topology.ts';

/** What levels without types are, by their number; all beyond are groups. */
const UNTYPED: readonly (readonly LevelType[])[] = [
  [],
  ['pu'],
  ['numa', 'pu'],
  ['package', 'numa', 'pu'],
  ['package', 'numa', 'core', 'pu'],
  ['package', 'numa', 'l2', 'core', 'pu'],
  ['package', 'numa', 'l2', 'l1d', 'core', 'pu'],
  ['package', 'numa', 'l3', 'l2', 'l1d', 'core', 'pu'],
  ['package', 'numa', 'l3', 'l2', 'l1d', 'l1i', 'core', 'pu'],
];

/** A level with its type, and how many of it there are in the whole machine. */
interface Level {
  readonly type: LevelType;
  readonly word: SyntheticWord;
  readonly total: number;
}

/** Whether it looks like such a string, so that what is wrong in it is worth telling. */
export function isSyntheticString(text: string): boolean {
  return /^\s*(?:\[|[a-z]\w*:|\d+(?:[\s(]|$))/i.test(text) && !/[/\\]/.test(text);
}

/** Throws `UserError` with the column. */
export function topologyFromSynthetic(text: string): Topology {
  const source = new SyntheticText(text);
  const levels = levelsOf(source, source.words());
  const pu = levels[levels.length - 1]!;
  const cpuOf = numbersOf(source, pu, levels);
  cpuOf.forEach((cpu) => {
    if (cpu >= MAX_CPUS) source.fail(`CPU ${cpu}: numbers must be below ${MAX_CPUS}`, pu.word.at, '', 'limit');
  });

  const cpusIn = (level: Level, i: number): number[] => {
    const each = pu.total / level.total;
    return cpuOf.slice(i * each, (i + 1) * each).sort((a, b) => a - b);
  };
  const all = (level: Level): Part[] => {
    const ids = numbersOf(source, level, levels);
    return ids.map((id, i) => ({ id, cpus: cpusIn(level, i) }));
  };
  const parts = (type: LevelType): Part[] => levels.filter((level) => level.type === type).flatMap(all);
  const caches = levels.flatMap((level): Cache[] => {
    if (!isCache(level.type)) return [];
    const type = level.type.endsWith('i') ? 'Instruction' : level.type.endsWith('d') ? 'Data' : 'Unified';
    const sizeBytes = sizeOf(source, level.word);
    return all(level).map(({ cpus }) => ({ level: Number(level.type[1]), type, sizeBytes, cpus }));
  });
  return assembleMachine({
    name: text.trim(),
    nrCpus: Math.max(...cpuOf) + 1,
    online: cpuOf,
    cores: parts('core'),
    dies: parts('die'),
    packages: parts('package'),
    caches,
    nodes: nodesOf(source, levels, cpusIn),
  });
}

function levelsOf(source: SyntheticText, words: readonly SyntheticWord[]): Level[] {
  const plain = words.filter((w) => !w.isBeside);
  const types = plain.every((w) => w.type === undefined) ? untypedLevels(plain.length) : undefined;
  const seen = new Set<LevelType>();
  const levels: Level[] = [];
  let total = 1;
  let next = 0;
  for (const word of words) {
    const isLast = next === plain.length - 1;
    const type = word.type ?? types?.[next] ?? (isLast ? 'pu' : undefined);
    if (type === undefined) source.fail('a level without a type among levels with types', word.at, 'such as core:4');
    if (levels.some((level) => level.type === 'pu')) source.fail('nothing can be in a pu', word.at);
    total *= word.count;
    if (total > MAX_CPUS) source.fail(`more than ${MAX_CPUS} CPUs`, word.at, '', 'limit');
    if (!word.isBeside) {
      next++;
      if (type !== 'group' && seen.has(type)) source.fail(`a second level of type ${type}`, word.at);
      seen.add(type);
    }
    levels.push({ type, word, total });
  }
  const last = levels[levels.length - 1];
  if (last?.type !== 'pu') source.fail('the last level must be of CPUs', source.text.length, 'add pu:1');
  return levels;
}

function untypedLevels(n: number): readonly LevelType[] {
  const longest = UNTYPED[UNTYPED.length - 1]!;
  if (n <= longest.length) return UNTYPED[n]!;
  const groups = new Array<LevelType>(n - longest.length).fill('group');
  return [...longest.slice(0, 2), ...groups, ...longest.slice(2)];
}

/** The number of each object of the level. */
function numbersOf(source: SyntheticText, level: Level, levels: readonly Level[]): number[] {
  const indexes = level.word.attributes.get('indexes');
  if (indexes === undefined) return Array.from({ length: level.total }, (_, i) => i);
  return readIndexes(source, indexes, level.total, (name) => {
    const type = levelTypeOf(name);
    const above = levels.find((l) => l.type === type && l.total <= level.total && !l.word.isBeside);
    return above === undefined ? undefined : level.total / above.total;
  });
}

/**
 * Nodes in the order of the tree, those that are within something before those beside it. What has the same CPUs as a
 * node before it is memory of its own.
 */
function nodesOf(
  source: SyntheticText,
  levels: readonly Level[],
  cpusIn: (level: Level, i: number) => number[],
): NumaNode[] {
  const found = levels.flatMap((level, depth) => {
    if (level.type !== 'numa') return [];
    const numbers = level.word.attributes.has('indexes') ? numbersOf(source, level, levels) : undefined;
    return Array.from({ length: level.total }, (_, i) => {
      return { depth, end: (i + 1) / level.total, number: numbers?.[i], cpus: cpusIn(level, i), at: level.word.at };
    });
  });
  // A fraction of the machine is where an object ends, whatever its level.
  found.sort((a, b) => a.end - b.end || b.depth - a.depth);
  const taken = new Set<number>();
  return found.map(({ number, cpus, at }, i) => {
    const node = number ?? i;
    if (taken.has(node)) source.fail(`a second node ${node}`, at, 'number all levels of nodes, or none');
    taken.add(node);
    return { node, cpus };
  });
}

function sizeOf(source: SyntheticText, word: SyntheticWord): number {
  const size = word.attributes.get('size');
  if (size === undefined) return 0;
  return parseSize(size.value) ?? source.fail(`"${size.value}" is no size`, size.at, 'such as 32MB');
}

function isCache(type: LevelType): boolean {
  return /^l\d/.test(type);
}
