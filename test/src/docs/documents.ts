// Reads the Markdown of the repository and its blocks of code.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';

export interface Block {
  /** The path of the document, from the root of the repository. */
  readonly path: string;
  /** The line of the opening fence. */
  readonly line: number;
  readonly language: string;
  /** The text behind the language: the reason why the block is not run, the name of a file, or `variables`. */
  readonly mark: string;
  /** Why the tests of the documents do not run the block: its needs, or the test that runs it. */
  readonly reason: string | undefined;
  readonly text: string;
}

export const DOCUMENTS = globSync('{*,docs/**/*,k8s/*,bench/*/*}.md', {
  cwd: ROOT,
  exclude: (path) => path.includes('node_modules'),
}).sort();

export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Needs that a test run cannot fulfil. */
const NOT_HERE = ['cluster', 'images', 'internet', 'minutes'];

/** The path of the test that runs a block, from the root of the repository. */
export const testOf = (mark: string): string | undefined => /^tested=(.+)$/.exec(mark)?.[1];

const FENCED = /^( *)```(\S*)(?: (.*))?\n([\s\S]*?)^ *```$/gm;

/** Lists the blocks of a document in their order, without the indentation of blocks in lists. */
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

/** The prose of a document: its text without the blocks. */
export const proseOf = (path: string): string => textOf(path).replaceAll(FENCED, '');
