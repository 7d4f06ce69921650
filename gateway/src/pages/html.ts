// Small HTML pages that the gateway writes itself, with the style sheet of all pages.
import { createHash } from 'node:crypto';
import type { Reply } from '@holdfast/platform/http/server';
import { contentSecurityPolicy } from './content-security-policy.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

export interface SmallPage {
  readonly title: string;
  /** HTML; the code that calls this function escapes untrusted text. */
  readonly body: string;
  /** The only script that the page runs. */
  readonly script?: string;
}

/** @param stylesheet the name of the asset; the page is plain without it */
export function htmlPage({ title, body, script }: SmallPage, stylesheet: string | undefined): Reply {
  const hash = script && createHash('sha256').update(script).digest('base64');
  const link = stylesheet === undefined ? '' : `<link rel="stylesheet" href="/assets/${stylesheet}">`;
  return {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy({
        'script-src': hash === undefined ? "'none'" : `'sha256-${hash}'`,
      }),
      'cache-control': 'no-cache',
    },
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>${escapeHtml(title)}</title>${link}</head>
<body class="small"><main><h1>${escapeHtml(title)}</h1>
${body}</main>${script === undefined ? '' : `<script>${script}</script>`}</body></html>
`,
  };
}
