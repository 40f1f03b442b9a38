/**
 * The folder of shared material beside the checkout (recordings, other people's files). Users do not have it: tests that
 * need it pass `needsShared` as their options and are skipped, and counted as skipped, without it.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../shared/', import.meta.url));

export const hasShared = existsSync(folder);

/** Options for a test that reads shared material. */
export const needsShared: { skip: string | false } = {
  skip: hasShared ? false : 'the shared folder is not beside the checkout',
};

/** Path of a file or folder of the shared material. */
export function sharedPath(relative: string): string {
  return folder + relative;
}
