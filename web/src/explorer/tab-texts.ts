// Changes the variables and headers of the explorer's tabs. They are texts, which the reader may be editing.

type JsonObject = Readonly<Record<string, unknown>>;

/** A product that the story has created. */
export interface Created {
  readonly id: string;
  readonly version: number;
}

export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const pretty = (value: JsonObject): string => JSON.stringify(value, null, 2);

/** The variables with the product's id and version; undefined when the text has no place for them. */
export function variablesWith({ id, version }: Created, text: string | null | undefined): string | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  if ('productId' in value) return pretty({ ...value, productId: id, expectedVersion: version });
  const { input } = value;
  if (!isRecord(input) || !('productId' in input)) return undefined;
  return pretty({ ...value, input: { ...input, productId: id, idempotencyKey: `order-of-${id}` } });
}

/** The headers with that token, or without one. */
export function headersWith(token: string | undefined, text: string | null | undefined): string {
  const { authorization: _, ...others } = parseObject(text) ?? {};
  const headers = token === undefined ? others : { authorization: `Bearer ${token}`, ...others };
  return Object.keys(headers).length === 0 ? '' : pretty(headers);
}

function parseObject(text: string | null | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isRecord(value) ? value : undefined;
  } catch {
    // The reader has not finished the text.
    return undefined;
  }
}
