// The operations that persisted mode allows: a manifest in the format of @apollo/generate-persisted-query-manifest.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type GraphQLSchema, parse, validate } from 'graphql';
import { z } from 'zod';

export interface PersistedOperation {
  readonly name: string;
  readonly type: string;
  readonly body: string;
}

/** The operations by id, which is the SHA-256 of the body in lower-case hexadecimal. */
export type Manifest = ReadonlyMap<string, PersistedOperation>;

const manifestShape = z.strictObject({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      type: z.enum(['query', 'mutation', 'subscription']),
      body: z.string().min(1),
    }),
  ),
});

export const idOf = (body: string): string => createHash('sha256').update(body).digest('hex');

/** Reads the manifest from the file, or gives all its errors. */
function readManifest(path: string): Manifest | string[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return [`${path} ${error instanceof SyntaxError ? 'is not valid JSON' : 'cannot be read'}`];
  }
  const { data, error } = manifestShape.safeParse(content);
  if (error) return error.issues.map((issue) => `${path}: ${issue.path.join('.')}: ${issue.message}`);
  const errors = data.operations
    .filter(({ id, body }) => id !== idOf(body))
    .map(({ id, name }) => `${name}: expected the SHA-256 of the body for an id, got ${JSON.stringify(id)}`);
  return errors.length > 0
    ? errors
    : new Map(data.operations.map(({ id, name, type, body }) => [id, { name, type, body }]));
}

/** The setting PERSISTED_OPERATIONS_FILE: the path of a manifest, read once. */
export const manifestFile = z
  .string()
  .transform((path, context): Manifest => {
    const manifest = readManifest(path);
    if (!Array.isArray(manifest)) return manifest;
    for (const message of manifest) context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .optional();

/** The error of a body; undefined when the graph can execute it. */
export function validateBody(schema: GraphQLSchema, body: string, maxTokens: number): string | undefined {
  try {
    return validate(schema, parse(body, { maxTokens }), undefined, { maxErrors: 1 })[0]?.message;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
