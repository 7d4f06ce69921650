// Checks every reply that a test receives against the published contract, /openapi.json. The checks are made by ajv, which the gateway
// does not use to make the document, so two independent programs must agree.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { z } from 'zod';

export interface ReplyToCheck {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const documentShape = z.looseObject({
  openapi: z.string().startsWith('3.1'),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
});
const operationShape = z.looseObject({
  responses: z.record(
    z.string(),
    z.looseObject({
      headers: z.record(z.string(), z.looseObject({ required: z.boolean().optional() })).optional(),
      content: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

const pointer = (...parts: string[]): string =>
  parts.map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

/**
 * Closes the objects of the document. The published ones are open, because a later version may add members; this version sends only
 * members that the document names.
 */
function closeObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closeObjects);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closeObjects(inner)]));
  return 'properties' in value ? { ...copy, additionalProperties: false } : copy;
}

/** Makes the function that checks replies against `document`. It throws an error that says what is wrong with a reply. */
export function createContract(document: unknown): (reply: ReplyToCheck) => void {
  const { paths } = documentShape.parse(document);
  // The meta-schema of JSON Schema knows no member of an OpenAPI document, and its check would be compiled for each suite.
  const ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    validateSchema: false,
    // A suite uses each schema for a few replies, so optimized code would take longer to make than it saves.
    code: { optimize: false },
  });
  formats.default(ajv);
  ajv.addSchema({ ...documentShape.parse(closeObjects(document)), $id: 'contract' });
  const templates = Object.keys(paths).map((template) => ({
    template,
    pattern: new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`),
  }));
  // A fixed path comes before a template that matches it too.
  templates.sort((a, b) => Number(a.template.includes('{')) - Number(b.template.includes('{')));
  const compiled = new Map<string, ValidateFunction>();

  function validator(ref: string): ValidateFunction {
    const known = compiled.get(ref) ?? ajv.compile({ $ref: ref });
    compiled.set(ref, known);
    return known;
  }

  const parsed = new Map<unknown, z.infer<typeof operationShape>>();

  function parseOperation(operation: unknown): z.infer<typeof operationShape> {
    const known = parsed.get(operation) ?? operationShape.parse(operation);
    parsed.set(operation, known);
    return known;
  }

  return ({ method, path, status, headers, text }) => {
    const where = `${method} ${path} → ${status}`;
    const template = templates.find(({ pattern }) => pattern.test(path))?.template;
    const operation = template === undefined ? undefined : paths[template]?.[method.toLowerCase()];
    if (template === undefined || operation === undefined) {
      if (status === 404 || status === 405) return;
      throw new Error(`${where}: the contract has no such call`);
    }
    const response = parseOperation(operation).responses[String(status)];
    if (!response) throw new Error(`${where}: the contract does not name this status; body ${text}`);
    for (const [name, { required }] of Object.entries(response.headers ?? {})) {
      if (required && !headers.has(name)) throw new Error(`${where}: the header ${name} is missing`);
    }
    const type = (headers.get('content-type') ?? '').split(';')[0] ?? '';
    if (!response.content) {
      if (text !== '') throw new Error(`${where}: no body is expected, got ${text}`);
      return;
    }
    if (!(type in response.content)) throw new Error(`${where}: the contract does not name the type ${type}`);
    const validate = validator(
      `contract#${pointer('paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema')}`,
    );
    if (!validate(JSON.parse(text))) {
      throw new Error(`${where}: ${ajv.errorsText(validate.errors)} in ${text}`);
    }
  };
}
