// What a route takes beside the id in its path: nothing, the parameters of a query, or a body; each checked by its schema.
import type { HttpRequest } from '@holdfast/platform/http';
import { parseJson } from '@holdfast/platform/json';
import { requireTextOfType } from '@holdfast/platform/media-type';
import { z } from 'zod';
import type { NamedSchema } from './schema.ts';
import { bodyReader, queryReader } from './validation.ts';

const JSON_BODY: readonly string[] = ['application/json'];
/** A PATCH is a merge patch (RFC 7396) of flat objects, which plain JSON says as well. */
export const MERGE_PATCH_BODY: readonly string[] = ['application/json', 'application/merge-patch+json'];

export interface Intake<Input> {
  readonly query: z.ZodObject;
  readonly body?: { readonly schema: NamedSchema; readonly mediaTypes: readonly string[] };
  /** @throws {AppError | HttpFault} what of it is not as described */
  readonly read: (request: HttpRequest) => Promise<Input>;
}

const NO_PARAMETERS = z.strictObject({});
const refuseParameters = queryReader(NO_PARAMETERS);

export const NOTHING: Intake<undefined> = {
  query: NO_PARAMETERS,
  read: async ({ query }) => {
    refuseParameters(query);
  },
};

/** The parameters of a query. */
export function queryOf<Query extends z.ZodObject>(schema: Query): Intake<z.infer<Query>> {
  const read = queryReader(schema);
  return { query: schema, read: async ({ query }) => read(query) };
}

/** A body, and no query. */
export function bodyOf<Body extends z.ZodObject>(
  schema: NamedSchema<Body>,
  mediaTypes = JSON_BODY,
): Intake<z.infer<Body>> {
  const check = bodyReader(schema.schema);
  return {
    query: NO_PARAMETERS,
    body: { schema, mediaTypes },
    read: async (request) => {
      const { method, headers, query } = request;
      refuseParameters(query);
      requireTextOfType(headers['content-type'], mediaTypes, method === 'PATCH' ? 'accept-patch' : 'accept');
      return check(parseJson(await request.body()));
    },
  };
}
