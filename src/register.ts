/** `node --import steelyard/register --test my-policy.test.ts`: lets Node import TypeScript files, by erasing their types. */
import { register } from 'node:module';

register('./register-hooks.js', import.meta.url);
