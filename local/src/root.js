// The folder of the repository, with a slash at its end. Plain JavaScript, because the set-up needs it before TypeScript runs.
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
