// The outbox of `npm start`: a folder takes the mails, and a page shows them. A person who sees the page can use the tokens in the
// mails, so only a service that listens on an address of its own machine has an outbox (config.ts).
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Handler } from '@holdfast/platform/http/server';
import { z } from 'zod';
import type { Mailer } from './mailer.ts';
import type { Mail } from './texts.ts';

/** How many mails are kept and shown; older ones are deleted. */
const KEPT = 100;

const kept = z.object({ at: z.string(), to: z.string(), subject: z.string(), text: z.string() });

export interface Outbox extends Mailer {
  /** `GET /outbox`. */
  readonly page: Handler;
}

/** File names sort by the number of the job, the newest last. */
const fileName = (id: string): string => `${id.padStart(20, '0')}.json`;
const isMail = (name: string): boolean => /^\d{20}\.json$/.test(name);

export function createOutbox(folder: string): Outbox {
  const newest = async (): Promise<string[]> => (await readdir(folder)).filter(isMail).sort().reverse();

  async function write(id: string, mail: Mail): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, fileName(id));
    await writeFile(`${path}.new`, JSON.stringify({ at: new Date().toISOString(), ...mail }), {
      mode: 0o600,
    });
    await rename(`${path}.new`, path);
  }

  return {
    async send(id, mail) {
      await write(id, mail);
      for (const name of (await newest()).slice(KEPT)) await rm(join(folder, name), { force: true });
    },
    async page() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = (await newest()).slice(0, KEPT);
      const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
      return writePage(texts.map((text) => kept.parse(JSON.parse(text))));
    },
    close: () => undefined,
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

const withLinks = (text: string): string =>
  escapeHtml(text).replace(/https?:\/\/[^\s]+/g, (url) => `<a href="${url}">${url}</a>`);

const writeArticle = ({ at, to, subject, text }: z.infer<typeof kept>): string =>
  `<article><h2>${escapeHtml(subject)}</h2><p>${escapeHtml(at)} to ${escapeHtml(to)}</p><pre>${withLinks(text)}</pre></article>`;

const writePage = (mails: readonly z.infer<typeof kept>[]) => ({
  status: 200,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
  },
  body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Outbox</title></head>
<body><h1>Outbox</h1><p>The mails of this service, newest first. They were not sent.</p>
${mails.map(writeArticle).join('\n') || '<p>There are no mails yet.</p>'}</body></html>
`,
});
