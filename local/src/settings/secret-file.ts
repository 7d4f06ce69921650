// A file with one secret in JSON. One that is there and cannot be used is never replaced: it may be all that opens the data.
import { join } from 'node:path';
import { errorCode } from '../error-code.js';
import { readIfPresent } from '../files.ts';

export type SecretFile<Content> = {
  name: string;
  /** What the file should hold, for people. */
  expected: string;
  /** Undefined when `content` is not what is expected. */
  parse: (content: unknown) => Content | undefined;
  /** What happens on the next start when the file is deleted, for people. */
  withoutIt: string;
};

/** What the file in `folder` says; undefined when there is none. Throws with one line that shows nothing of its content. */
export async function readSecretFile<Content>(
  folder: string,
  { name, expected, parse, withoutIt }: SecretFile<Content>,
): Promise<Content | undefined> {
  const path = join(folder, name);
  const unusable = (what: string, cause?: unknown) =>
    new Error(`${path} ${what}; mend or restore it, or delete it: then ${withoutIt}`, { cause });
  const text = await readIfPresent(path).catch((error: unknown) => {
    throw unusable(`cannot be read (${errorCode(error) ?? error})`, error);
  });
  if (text === undefined) return undefined;
  if (text.trim() === '') throw unusable('is empty');
  const content = parse(parseJson(text));
  if (content === undefined) throw unusable(`does not hold what is expected (${expected})`);
  return content;
}

/** Undefined when it is no JSON. A SyntaxError would quote the secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
