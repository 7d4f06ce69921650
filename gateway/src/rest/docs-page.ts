// The REST docs page: the route table for people, without a script.
import type { Reply } from '@holdfast/platform/http';
import { z } from 'zod';
import { escapeHtml, htmlPage, prose } from '../pages/html.ts';
import { templateOf } from '../routes.ts';
import { ID_EXAMPLE } from './ids.ts';
import { problemsOf } from './openapi.ts';
import { isProblemCode, PROBLEMS, type ProblemCode, problemName, statusOf } from './problem.ts';
import { isSecured, mediaTypesOf, type ReplySchema, type Route, type RouteDescription } from './route.ts';
import { type JsonSchema, jsonSchema } from './schema.ts';

const row = (...cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;

const table = (rows: readonly string[]): string =>
  rows.length === 0 ? '' : `<table>${rows.join('')}</table>`;

const code = (text: string): string => `<code>${escapeHtml(text)}</code>`;

function typeOf({ type, anyOf = [] }: JsonSchema): string {
  if (anyOf.length > 0) return anyOf.map(typeOf).join(' or ');
  return Array.isArray(type) ? type.join(' or ') : String(type ?? '');
}

/** The members of an object and their schemas. */
const propertiesOf = (schema: JsonSchema): [string, JsonSchema][] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, member]): [string, JsonSchema][] =>
    typeof member === 'object' ? [[name, member]] : [],
  );

function members(schema: JsonSchema): string {
  const required = new Set(schema.required ?? []);
  return table(
    propertiesOf(schema).map(([name, member]) =>
      row(
        code(name) + (required.has(name) ? '' : ' <em>optional</em>'),
        escapeHtml(typeOf(member)),
        prose(member.description ?? ''),
      ),
    ),
  );
}

function parameters({ querystring, headers }: RouteDescription['schema']): string {
  const query = querystring ? propertiesOf(jsonSchema(querystring, 'input')) : [];
  const fields: JsonSchema = headers ? jsonSchema(headers, 'input') : {};
  return table([
    ...query.map(([name, schema]) =>
      row(code(`?${name}=`), escapeHtml(typeOf(schema)), prose(schema.description ?? '')),
    ),
    ...propertiesOf(fields).map(([name, schema]) =>
      row(
        code(`${name}:`),
        fields.required?.includes(name) ? 'required' : 'optional',
        prose(schema.description ?? ''),
      ),
    ),
  ]);
}

/** Of a reply: the representation that it is, or is a list of. */
function representationOf({
  content,
}: ReplySchema): { name: string; schema: z.ZodObject; isList: boolean }[] {
  const whole = content?.['application/json'].schema;
  const schema = whole instanceof z.ZodArray ? whole.element : whole;
  if (!(schema instanceof z.ZodObject)) return [];
  return [{ name: schema.meta()?.id ?? '', schema, isList: schema !== whole }];
}

function replyRow([status, reply]: readonly [string, ReplySchema]): string {
  const { description, headers = [] } = reply;
  const what = representationOf(reply).map(
    ({ name, isList }) => `${isList ? 'array of ' : ''}<a href="#${name}">${name}</a>`,
  );
  return row(code(status), prose(description), [...what, ...headers.map(code)].join(', '));
}

const problemLink = (problem: ProblemCode): string =>
  `<a href="#${problemName(problem)}">${statusOf(problem)}&nbsp;${problem}</a>`;

function routeSection(description: RouteDescription): string {
  const { method, url, schema } = description;
  const { operationId, summary, body, isBodyOptional, response } = schema;
  const lock = isSecured(schema) ? '<span class="lock">needs an access token</span>' : '';
  return `<section id="${operationId}">
<h3><span class="method">${method}</span>${code(templateOf(url))} ${lock}</h3>
<p>${prose(summary)}.</p>
${parameters(schema)}
${body ? `<p>${isBodyOptional ? 'Body, if you like' : 'Body'}, ${mediaTypesOf(schema).map(code).join(' or ')}:</p>${members(jsonSchema(body, 'input'))}` : ''}
<p>Replies:</p>${table(Object.entries(response).map(replyRow))}
<p>Problems: ${problemsOf(description).map(problemLink).join(', ')}</p>
</section>`;
}

function representations(descriptions: readonly RouteDescription[]): string {
  const all = descriptions.flatMap(({ schema }) => Object.values(schema.response).flatMap(representationOf));
  const byName = new Map(all.map(({ name, schema }) => [name, schema]));
  return [...byName]
    .map(
      ([name, schema]) =>
        `<section id="${name}"><h3>${name}</h3>${members(jsonSchema(schema, 'output'))}</section>`,
    )
    .join('');
}

const problems = (): string =>
  table(
    Object.keys(PROBLEMS)
      .filter(isProblemCode)
      .map(
        (problem) =>
          `<tr id="${problemName(problem)}"><td>${statusOf(problem)}</td><td>${code(problem)}</td><td>${escapeHtml(PROBLEMS[problem][1])}</td></tr>`,
      ),
  );

/** The page at /docs. Each problem's `type` leads to its row. */
export function docsPage(routes: readonly Route[]): Reply {
  const descriptions = routes.map(({ description }) => description);
  const tags = Map.groupBy(descriptions, ({ schema }) => schema.tags[0]);
  const sections = [...tags].map(
    ([tag, ofTag]) => `<h2>${escapeHtml(tag)}</h2>${ofTag.map(routeSection).join('')}`,
  );
  return htmlPage(
    'holdfast: the REST API',
    `<h1>The REST API</h1>
<p>JSON in and out. The same contract for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).
Lists are arrays with a <code>Link</code> to the next page; faults are <code>application/problem+json</code> (RFC 9457).</p>
<pre>TOKEN=$(curl -s localhost:4000/login -H 'content-type: application/json' \\
  -d '{"username": "ada", "password": "…"}' | jq -r .token)
curl -i localhost:4000/profile -H "authorization: Bearer $TOKEN"
curl -i localhost:4000/orders -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\
  -H "idempotency-key: $(uuidgen)" -d '{"product_id": ${JSON.stringify(ID_EXAMPLE)}, "quantity": 1}'</pre>
<p>Send an <code>Idempotency-Key</code> of your own making with a new order or product: the call can then be sent again
when its reply was lost, and happens once.</p>
${sections.join('')}
<h2>Representations</h2>${representations(descriptions)}
<h2>Problems</h2>${problems()}`,
  );
}
