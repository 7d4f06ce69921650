// The page at the `type` of a problem: what the problem means, and which calls can have it.

import { templateOf } from '../http/routes.ts';
import { escapeHtml, type SmallPage } from '../pages/html.ts';
import { problemsOf } from './openapi.ts';
import { PROBLEMS, type ProblemCode, statusOf } from './problem.ts';
import type { Route } from './route.ts';

const callOf = ({ description: { method, url } }: Route): string =>
  `<li><code>${method} ${escapeHtml(templateOf(url))}</code></li>`;

export function problemPage(code: ProblemCode, routes: readonly Route[]): SmallPage {
  const calls = routes.filter(({ description }) => problemsOf(description).includes(code)).map(callOf);
  const where =
    calls.length === 0 ? '' : `<p>These calls can have this problem:</p><ul>${calls.join('')}</ul>`;
  return {
    title: PROBLEMS[code][1],
    body: `<p>A reply of status ${statusOf(code)} with the code <code>${code}</code>. Its <code>detail</code> says what was expected and what came.</p>
${where}<p><a href="/docs">The REST API</a></p>`,
  };
}
