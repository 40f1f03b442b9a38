/** Every package we ship with, or build with, has a licence that lets us. Reads the lockfile. */
import { readFileSync } from 'node:fs';

const ALLOWED = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0']);
const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));

const allowed = (licence) => licence.split(' AND ').every((part) => part.split(' OR ').some((one) => ALLOWED.has(one)));
const wrong = Object.entries(packages)
  .filter(([path, { license }]) => path !== '' && !allowed((license ?? 'none').replace(/[()]/g, '')))
  .map(([path, { license }]) => `${path}: ${license ?? 'no licence'}`);

for (const line of wrong) console.error(line);
process.exitCode = wrong.length === 0 ? 0 : 1;
