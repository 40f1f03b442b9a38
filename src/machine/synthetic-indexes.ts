/**
 * How the objects of a synthetic level are numbered, as hwloc's attribute `indexes` says. The k-th object of the level, in
 * the order of the tree, gets the number at k:
 *
 *   indexes=0,2,1,3         a list
 *   indexes=4*2:1*4         loops of step*count, the first one fastest: numbers 0, 1, 2, ... go to objects 0, 4, 1, 5, ...
 *   indexes=pack:core       loops over the objects of these levels: neighbours in number are in different packages
 *
 * What loops leave over is a last loop of step 1.
 */
import type { SyntheticText } from './synthetic-parser.ts';

interface Loop {
  readonly step: number;
  readonly count: number;
}

/**
 * Numbers of `total` objects. `stepOf` tells how many of them one object of the level named has below it, undefined for
 * no such level.
 */
export function readIndexes(
  source: SyntheticText,
  { value, at }: { readonly value: string; readonly at: number },
  total: number,
  stepOf: (name: string) => number | undefined,
): number[] {
  const numbers = /^\d+(?:,\d+)*$/.test(value)
    ? value.split(',').map(Number)
    : numbersOfLoops(source, loopsOf(source, value, at, total, stepOf), at, total);
  if (numbers.length !== total) source.fail(`${numbers.length} indexes for ${total} objects`, at);
  if (new Set(numbers).size !== total) source.fail('two objects of one number', at);
  return numbers;
}

function loopsOf(
  source: SyntheticText,
  value: string,
  at: number,
  total: number,
  stepOf: (name: string) => number | undefined,
): Loop[] {
  const words = value.split(':');
  const offsets = words.map((_, i) => at + words.slice(0, i).join(':').length + (i === 0 ? 0 : 1));
  if (words.every((word) => /^\d{1,9}\*\d{1,9}$/.test(word))) {
    return words.map((word) => {
      const [step, count] = word.split('*').map(Number) as [number, number];
      return { step, count };
    });
  }
  const steps = words.map((word, i) => {
    const step = stepOf(word);
    return step ?? source.fail(`"${word}" is no level above this one, no list and no step*count`, offsets[i]!);
  });
  return steps.map((step) => {
    // As many as there are in the next larger object that is looped over.
    const around = Math.min(total, ...steps.filter((other) => other > step));
    return { step, count: around / step };
  });
}

function numbersOfLoops(source: SyntheticText, loops: Loop[], at: number, total: number): number[] {
  const product = loops.reduce((p, loop) => p * loop.count, 1);
  if (product < 1 || total % product !== 0) source.fail(`loops over ${product} of ${total} objects`, at);
  const all = product === total ? loops : [...loops, { step: 1, count: total / product }];
  const numbers = new Array<number>(total).fill(-1);
  for (let number = 0; number < total; number++) {
    let object = 0;
    let rest = number;
    for (const { step, count } of all) {
      object += (rest % count) * step;
      rest = Math.floor(rest / count);
    }
    if (object >= total || numbers[object] !== -1) source.fail('loops that do not reach every object once', at);
    numbers[object] = number;
  }
  return numbers;
}
