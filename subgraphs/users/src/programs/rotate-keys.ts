// `node rotate-keys.ts FILE`: adds a signing key to the file of SIGNING_KEYS_FILE and prints when each key signs and ends. The lead and
// the life of tokens come from the environment, as for the service. Of a key, only its id is printed.
import { readKeyTimes } from '../config.ts';
import { rotateKeys } from '../keys/key-rotation.ts';
import type { ScheduledKey } from '../keys/key-schedule.ts';
import type { SigningKey } from '../keys/signing-keys.ts';

const at = (ms: number): string => new Date(ms).toISOString();

function describe({ key, signsFrom, endsAt }: ScheduledKey<SigningKey>, now: number): string {
  const signs = signsFrom > now ? `signs from ${at(signsFrom)}` : 'signs';
  const ends = Number.isFinite(endsAt)
    ? `until it is replaced, verifies until ${at(endsAt)}`
    : 'until rotated';
  return `${key.published.kid}  ${signs} ${ends}`;
}

async function rotate([file, ...more]: string[]): Promise<string[]> {
  if (file === undefined || more.length > 0) throw new Error('expected one argument, the file with the keys');
  const now = Date.now();
  const { schedule, added, dropped } = await rotateKeys(file, readKeyTimes(process.env), now);
  return [
    `added ${added}`,
    ...dropped.map((kid) => `dropped ${kid}: its last token has expired`),
    ...schedule.map((key) => describe(key, now)),
  ];
}

try {
  for (const line of await rotate(process.argv.slice(2))) console.log(line);
} catch (error) {
  console.error(`rotate-keys: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
