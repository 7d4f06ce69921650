// A file with one secret in JSON. An existing file that cannot be used is never replaced, because it may be the only key to the data.
import { join } from 'node:path';
import { errorCode } from '../error-code.js';
import { readIfPresent } from '../files.ts';

export type SecretFile<Content> = {
  name: string;
  /** The expected content, for the error message. */
  expected: string;
  /** Returns undefined when `content` is not as expected. */
  parse: (content: unknown) => Content | undefined;
  /** What the next start does when the file is deleted, for the error message. */
  withoutIt: string;
};

/** The secret of the file in `folder`; undefined when the file does not exist. Throws with one line that shows no part of the secret. */
export async function readSecretFile<Content>(
  folder: string,
  { name, expected, parse, withoutIt }: SecretFile<Content>,
): Promise<Content | undefined> {
  const path = join(folder, name);
  const unusable = (what: string, cause?: unknown) =>
    new Error(`${path} ${what}; correct or restore it, or delete it: then ${withoutIt}`, { cause });
  const text = await readIfPresent(path).catch((error: unknown) => {
    throw unusable(`cannot be read (${errorCode(error) ?? error})`, error);
  });
  if (text === undefined) return undefined;
  if (text.trim() === '') throw unusable('is empty');
  const content = parse(parseJson(text));
  if (content === undefined) throw unusable(`does not have the expected content (${expected})`);
  return content;
}

/** Returns undefined when the text is not JSON. A SyntaxError would quote the secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
