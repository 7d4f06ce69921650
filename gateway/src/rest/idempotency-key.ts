// The `Idempotency-Key` field: draft-ietf-httpapi-idempotency-key-header.
import { badInput } from '@holdfast/platform/errors';
import { came } from '@holdfast/platform/validation';
import { z } from 'zod';

const KEY = /^[\x20-\x7e]{1,255}$/;
/** A string of RFC 8941, 3.3.3: only the quote and the backslash are escaped. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

/** @param sentence what the key does for this call, and whether it is required */
export const idempotencyKeyHeader = (sentence: string) =>
  z
    .string()
    .min(1)
    .optional()
    .meta({
      description: `${sentence} 1 to 255 printable ASCII characters that the client chooses, such as a random UUID.`,
      examples: ['8e03978e-40d5-43dd-bc93-6894a57f9324'],
    });

/**
 * The key: the draft's quoted form (`"8e03…"`) and the bare one that most clients send mean the same key.
 * @throws {AppError} BAD_USER_INPUT unless it is 1 to 255 printable ASCII characters
 */
export function readIdempotencyKey(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const trimmed = value.trim();
  const key = trimmed.startsWith('"') ? QUOTED.exec(trimmed)?.[1]?.replace(/\\(.)/g, '$1') : trimmed;
  if (key !== undefined && KEY.test(key)) return key;
  throw badInput(
    'Idempotency-Key',
    `expected 1 to 255 printable ASCII characters, bare or in double quotes, got ${came(value)}`,
  );
}
