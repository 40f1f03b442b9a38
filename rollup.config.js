/**
 * Joins what the compiler emitted into few modules. Not for size: V8 reads a typed array that is a `const` of the same
 * module far faster than one imported from another, and the simulator's state is such arrays (docs/architecture.md).
 */
import { readFileSync } from 'node:fs';

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const external = (id) =>
  id.startsWith('node:') || Object.keys(dependencies).some((name) => id === name || id.startsWith(`${name}/`));

export default {
  input: {
    index: 'build/index.js',
    'cli/main': 'build/cli/main.js',
    'experiment/worker': 'build/experiment/worker.js',
    register: 'build/register.js',
    'register-hooks': 'build/register-hooks.js',
  },
  external,
  output: {
    dir: 'dist',
    format: 'es',
    generatedCode: 'es2015',
    // Where `pool.ts` is, so that it finds the worker beside it, as it does in the sources.
    chunkFileNames: 'experiment/[name].js',
    // One module for everything that the entries share: the hot core must not be split.
    manualChunks: (id) => (/\/build\/(?:index|register|register-hooks|cli\/.*|experiment\/worker)\.js$/.test(id) ? undefined : 'core'),
  },
};
