// The variables and headers of the explorer's tabs, which are texts that the reader may be writing in.

type JsonObject = Readonly<Record<string, unknown>>;

/** A product that the story has created. */
export interface Created {
  readonly id: string;
  readonly version: number;
}

export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const pretty = (value: JsonObject): string => JSON.stringify(value, null, 2);

/** The variables with the product in its places; undefined when they have none. */
export function variablesWith({ id, version }: Created, text: string | null | undefined): string | undefined {
  const value = parsed(text);
  if (value === undefined) return undefined;
  if ('productId' in value) return pretty({ ...value, productId: id, expectedVersion: version });
  const { input } = value;
  if (!isRecord(input) || !('productId' in input)) return undefined;
  return pretty({ ...value, input: { ...input, productId: id, idempotencyKey: `order-of-${id}` } });
}

/** The headers with that token, or without one. */
export function headersWith(token: string | undefined, text: string | null | undefined): string {
  const { authorization: _, ...others } = parsed(text) ?? {};
  const headers = token === undefined ? others : { authorization: `Bearer ${token}`, ...others };
  return Object.keys(headers).length === 0 ? '' : pretty(headers);
}

function parsed(text: string | null | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isRecord(value) ? value : undefined;
  } catch {
    // The reader is still writing it.
    return undefined;
  }
}
