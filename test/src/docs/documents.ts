// The Markdown of the repository, and the blocks of code in it.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/settings/settings';

export interface Block {
  /** Of the document, from the root of the repository. */
  readonly path: string;
  /** Of the fence that opens it. */
  readonly line: number;
  readonly language: string;
  /** What stands behind the language: why the block is not run, the name of a file, or `variables`. */
  readonly mark: string;
  /** Why the documents' tests do not run it: what it needs, or the test that runs it. */
  readonly reason: string | undefined;
  readonly text: string;
}

export const DOCUMENTS = globSync('{*,docs/**/*,k8s/*,bench/*/*}.md', {
  cwd: ROOT,
  exclude: (path) => path.includes('node_modules'),
}).sort();

export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What a block needs that a test run does not have. */
const NOT_HERE = ['cluster', 'images', 'internet', 'minutes'];

/** The path of the test that runs a block, from the root of the repository. */
export const testOf = (mark: string): string | undefined => /^tested=(.+)$/.exec(mark)?.[1];

const FENCED = /^( *)```(\S*)(?: (.*))?\n([\s\S]*?)^ *```$/gm;

/** In their order. The indentation of a block in a list is not part of its text. */
export function blocksOf(path: string): Block[] {
  const document = textOf(path);
  return [...document.matchAll(FENCED)].map(
    ({ index, 1: indent = '', 2: language = '', 3: mark = '', 4: text = '' }) => ({
      path,
      line: document.slice(0, index).split('\n').length,
      language,
      mark,
      reason: NOT_HERE.includes(mark) ? mark : testOf(mark),
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
}

/** A document without its blocks: what is prose. */
export const proseOf = (path: string): string => textOf(path).replaceAll(FENCED, '');
