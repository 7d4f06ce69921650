// The files of the pages, which the set-up builds from web/ into web/dist: HTML, and assets with a hash of their
// contents in their names. The build also writes each asset compressed (web/vite.config.js), so that no request compresses.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { HttpError, type HttpRequest, type Reply } from '@holdfast/platform/http/server';
import type { Logger } from '@holdfast/platform/observability/log';
import Negotiator from 'negotiator';
import { parseTagCondition } from '../rest/entity-tag.ts';

/** A feature that not every gateway has. The scripts and styles of a page read the list from its root element. */
export type Offer = 'explorer' | 'demo';

export interface WebFiles {
  /** The name of the style sheet that all pages share; undefined when the pages were not built. */
  readonly stylesheet: string | undefined;
  /** The page, or 304 for a browser that has it. @throws {HttpError} 404 when the pages were not built */
  page(name: string, request: HttpRequest): Reply;
  /** @throws {HttpError} 404 when there is no such file */
  asset(name: string, request: HttpRequest): Promise<Reply>;
}

const NOT_BUILT = 'The pages were not built here: `npm run setup` builds them.';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
};
/** A name with a hash from Vite: when the contents change, the name changes, so browsers may cache the file. */
const HASHED = /-[\w-]{8}\.\w+$/;
/** The encodings, the preferred one first. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

interface Page {
  readonly body: string;
  readonly tag: string;
}

async function readPage(path: string, offers: readonly Offer[]): Promise<Page> {
  const built = await readFile(path, 'utf8');
  const body = built.replace(/(<html [^>]*data-offers=")[^"]*/, `$1${offers.join(' ')}`);
  return { body, tag: createHash('sha256').update(body).digest('base64url').slice(0, 22) };
}

function hasPage({ headers }: HttpRequest, tag: string): boolean {
  const condition = parseTagCondition(headers['if-none-match'] ?? '');
  return condition?.kind === 'tags' && condition.tags.some(({ opaque }) => opaque === tag);
}

/** Reads the pages, and the names of the assets. @param folder the folder of the build; it may be absent */
export async function openWebFiles(folder: string, offers: readonly Offer[], log: Logger): Promise<WebFiles> {
  const names = new Set(existsSync(folder) ? await readdir(folder) : []);
  if (names.size === 0) log.warn({ folder }, `There are no pages for browsers. ${NOT_BUILT}`);
  const pages = new Map<string, Page>();
  for (const name of names)
    if (name.endsWith('.html'))
      pages.set(name.slice(0, -'.html'.length), await readPage(join(folder, name), offers));

  return {
    stylesheet: [...names].find((name) => /^theme-[\w-]+\.css$/.test(name)),
    page: (name, request) => {
      const page = pages.get(name);
      if (page === undefined) throw new HttpError(404, NOT_BUILT);
      const headers = { etag: `"${page.tag}"`, 'cache-control': 'no-cache' };
      if (hasPage(request, page.tag)) return { status: 304, headers };
      return {
        status: 200,
        headers: { ...headers, 'content-type': 'text/html; charset=utf-8' },
        body: page.body,
      };
    },
    asset: async (name, { headers }) => {
      const type = MEDIA_TYPES[extname(name)];
      if (type === undefined || !names.has(name)) throw new HttpError(404, 'There is no such file.');
      const accepted = new Negotiator({ headers }).encodings(['br', 'gzip', 'identity']);
      const [encoding, suffix] =
        ENCODINGS.find(([encoding, suffix]) => accepted.includes(encoding) && names.has(name + suffix)) ?? [];
      return {
        status: 200,
        headers: {
          'content-type': type,
          'cache-control': HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
          vary: 'accept-encoding',
          ...(encoding && { 'content-encoding': encoding }),
        },
        body: await readFile(join(folder, name + (suffix ?? ''))),
      };
    },
  };
}
