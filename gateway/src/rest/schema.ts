// JSON Schemas (2020-12, as OpenAPI 3.1 has them) of what the REST shim takes and gives.

/** The part of JSON Schema that is used here. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  /** In a parameter or a request's member this is the rule in words: it is quoted when the rule is broken. */
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: JsonSchema;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly default?: string | number | boolean;
  readonly examples?: readonly unknown[];
  readonly readOnly?: boolean;
  /** A secret: its value is never quoted. */
  readonly writeOnly?: boolean;
}

/** A schema that has its own place under `components/schemas` of the OpenAPI document. */
export interface NamedSchema {
  readonly name: string;
  readonly schema: JsonSchema;
}

/** The largest GraphQL Int. */
export const MAX_INT = 2_147_483_647;

export const uuid: JsonSchema = {
  type: 'string',
  format: 'uuid',
  examples: ['0198c0de-7a11-7e57-8000-0000c0ffee01'],
};
export const dateTime: JsonSchema = {
  type: 'string',
  format: 'date-time',
  examples: ['2026-11-23T08:15:30.000Z'],
};
export const version: JsonSchema = {
  type: 'integer',
  minimum: 1,
  maximum: MAX_INT,
  description: 'Grows by one with every change.',
};
export const amount: JsonSchema = {
  type: 'number',
  minimum: 0,
  description: 'An amount of money with two decimals.',
  examples: [19.99],
};

/** An object that has all of these members. */
export function record(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties) };
}

/** A request body: these members and no others. */
export function request(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false };
}

/** Members of a representation that a client may send back with a change and that change nothing. */
export const readOnlyMembers: Readonly<Record<string, JsonSchema>> = {
  id: { ...uuid, description: 'the id, as it came', readOnly: true },
  created_at: { ...dateTime, description: 'the time, as it came', readOnly: true },
  updated_at: { ...dateTime, description: 'the time, as it came', readOnly: true },
};

export const PAGE_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  limit: {
    type: 'integer',
    minimum: 1,
    maximum: 100,
    default: 20,
    description: 'a whole number of 1 to 100',
  },
  cursor: { type: 'string', minLength: 1, description: 'the cursor of the Link to the next page' },
};

/** A request header field that a route looks at. */
export interface Header {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly required?: boolean;
}

export const IF_MATCH: Header = {
  name: 'If-Match',
  schema: {
    type: 'string',
    description: 'The ETag of the version to change, a list of them, or `*` for whatever is current.',
    examples: ['"7"'],
  },
};

export const IF_NONE_MATCH: Header = {
  name: 'If-None-Match',
  schema: { type: 'string', description: 'The ETag of the version that the client has.', examples: ['"7"'] },
};

/** `If-None-Match` of a write. */
export const UNLESS_MATCH: Header = {
  name: 'If-None-Match',
  schema: {
    type: 'string',
    description: 'ETags of versions at which nothing is to be changed, or `*` for every version.',
    examples: ['*'],
  },
};
