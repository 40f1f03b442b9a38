/** Runs in Node's loader thread; see register.ts. Alone, as nothing of the simulator should be there. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type * as Swc from '@swc/wasm-typescript';

interface Loaded {
  readonly format: string;
  readonly source?: string;
  readonly shortCircuit?: boolean;
}

export async function load(
  url: string,
  context: unknown,
  nextLoad: (url: string, context: unknown) => Promise<Loaded>,
): Promise<Loaded> {
  if (!/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context);
  const { transformSync } = createRequire(import.meta.url)('@swc/wasm-typescript') as typeof Swc;
  const filename = fileURLToPath(url);
  try {
    const { code } = transformSync(await readFile(filename, 'utf8'), { mode: 'strip-only', filename });
    return { format: 'module', source: code, shortCircuit: true };
  } catch (error) {
    // The eraser throws plain objects.
    const { message, startLine } = error as { message: string; startLine?: number };
    throw error instanceof Error ? error : new SyntaxError(`${filename}:${startLine ?? 1}: ${message}`);
  }
}
