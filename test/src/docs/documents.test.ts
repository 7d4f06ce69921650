// What the documents name is there: links, headings, files, scripts, tests. What they tell people to paste can be pasted.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DEFAULT_LIMITS } from '@holdfast/gateway/src/admission/limits.ts';
import { ROOT } from '@holdfast/local/root';
import { describe, expect, it } from '@jest/globals';
import { blocksOf, DOCUMENTS, proseOf, testOf, textOf } from './documents.ts';

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const blocks = DOCUMENTS.flatMap(blocksOf);
const shellBlocks = blocks.filter(({ language }) => language === 'sh');

/** The names that GitHub gives to the headings of a document. */
const anchorsOf = (path: string): string[] =>
  [...proseOf(path).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

function isThere(from: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const path = file === '' ? from : join(dirname(from), file);
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || anchorsOf(path).includes(anchor);
}

/** Where a path of the prose begins: `src/config.ts` is that of the service in question. */
const FOLDERS = ['', 'gateway', 'gateway/src', 'subgraphs/users'];
const TESTS = globSync('{bench,gateway,local,platform,prisma,subgraphs,test,web}/**/*.test.{ts,tsx}', {
  cwd: ROOT,
  exclude: (path) => path.includes('node_modules'),
});
const PATH = /`((?:[\w.-]+\/)+[\w.-]+\.(?:graphql|json|md|mjs|prisma|sql|tsx?|yaml))/g;

describe.each(DOCUMENTS)('%s', (path) => {
  const prose = proseOf(path);

  it('links to what is there', () => {
    const links = [...prose.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !isThere(path, link))).toEqual([]);
  });

  it('names files that there are', () => {
    const files = [...prose.matchAll(PATH)].map(([, file = '']) => file);
    const folders = [dirname(path), ...FOLDERS];
    expect(files.filter((file) => !folders.some((folder) => existsSync(join(ROOT, folder, file))))).toEqual(
      [],
    );
  });

  it('names commands that there are', () => {
    const named = [...textOf(path).matchAll(/npm run ([a-z][\w:]*)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const files = [...textOf(path).matchAll(/\bnode ((?:[\w.-]+\/)+[\w.-]+\.m?[jt]s)\b/g)].map(
      ([, file = '']) => file,
    );
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });

  it('names tests that there are', () => {
    // A code span may be wrapped. Each word is a pattern of paths.
    const patterns = [...textOf(path).matchAll(/`npm\s+test\s+--\s+([^`]+)`/g)]
      .flatMap(([, words = '']) => words.split(/\s+/))
      .filter((word) => word !== '' && word !== 'PATH');
    expect(patterns.filter((pattern) => !TESTS.some((test) => new RegExp(pattern).test(test)))).toEqual([]);
  });
});

it('docs/operations.md quotes log messages that a service writes', () => {
  const sources = globSync('{platform,gateway,subgraphs/*}/src/**/*.ts', {
    cwd: ROOT,
    exclude: (path) => /\.test\.ts$|\/src\/test(\/|$)/.test(path),
  });
  const code = sources.map(textOf).join('\n');
  const page = proseOf('docs/operations.md').replaceAll('\n', ' ');
  const messages = [...page.matchAll(/`([^`]+)`/g)]
    .map(([, text = '']) => text)
    .filter((text) => /^[A-Za-z]+( [a-z]+){3,}$/.test(text));
  expect(messages.length).toBeGreaterThan(3);
  expect(messages.filter((message) => !code.includes(message))).toEqual([]);
});

it('docs/api.md has each rate limit: its row in the table, and its name in the list', () => {
  const [, limits = ''] = textOf('docs/api.md').split('\n## Limits\n');
  const [, names = ''] = /Its names are ([^.]*)\./.exec(limits) ?? [];
  expect(names.match(/(?<=`)\w+(?=`)/g)).toEqual(DEFAULT_LIMITS.map(({ name }) => name));
  const rows = limits.split('\n').filter((line) => line.startsWith('| '));
  const fields = DEFAULT_LIMITS.filter((limit) => 'field' in limit);
  const missing = fields.filter(
    ({ field, max }) =>
      !rows.some((row) => row.includes(`\`${field}\``) && row.includes(`| ${max} a minute`)),
  );
  expect(missing).toEqual([]);
});

it('the index of the decisions has a row for each record, with its title, date and status', () => {
  const records = DOCUMENTS.filter((path) => /^docs\/decisions\/\d{4}-/.test(path)).map((path, index) => {
    const [, number, title] = /^# (\d+)\. (.+)$/m.exec(textOf(path)) ?? [];
    const [, date, status] = /^Date: (\d{4}-\d\d-\d\d)\. Status: (.+)\.$/m.exec(textOf(path)) ?? [];
    expect([path, number]).toEqual([path, String(index + 1)]);
    for (const part of ['Context', 'Decision', 'Consequences'])
      expect(textOf(path)).toContain(`\n## ${part}\n`);
    return `| ${number} | [${title}](${basename(path)}) | ${date} | ${status} |`;
  });
  const rows = textOf('docs/decisions/README.md').match(/^\| \d.*$/gm);
  expect(rows).toEqual(records);
});

describe('a block', () => {
  it('says its language', () => {
    expect(blocks.filter(({ language }) => language === '')).toEqual([]);
  });

  it('that another test runs names that test, which reads the document', () => {
    const unread = blocks.filter(({ mark, path }) => {
      const test = testOf(mark);
      // In a string, and not only in a comment.
      return test !== undefined && !textOf(test).includes(`${path}'`);
    });
    expect(unread).toEqual([]);
  });

  it('of commands is what bash can read, run or not', () => {
    for (const { text } of shellBlocks) execFileSync('bash', ['-n'], { input: text });
  });

  it('that places an order sends an idempotency key', () => {
    const placing = shellBlocks
      .flatMap(({ path, text }) => text.split(/^(?=\s*curl|[A-Z]+=)/m).map((command) => ({ path, command })))
      .filter(({ command }) => /\/orders\b[\s\S]* -d|createOrder/.test(command));
    expect(placing.length).toBeGreaterThan(3);
    expect(placing.filter(({ command }) => !/idempotency-?key/i.test(command))).toEqual([]);
  });

  it('that is run can be pasted into any shell: no comment, which some take for a command, and no history sign', () => {
    for (const { text } of shellBlocks.filter(({ reason }) => reason === undefined)) {
      expect(text).not.toMatch(/(^|\s)#/m);
      expect(text.replaceAll(/'[^']*'/g, '')).not.toContain('!');
    }
  });
});
