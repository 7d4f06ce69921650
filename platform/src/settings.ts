// Typed settings, read once from the environment. Each room declares the settings that it needs; the `config` module of a
// service puts them together. docs/settings.md is made from their descriptions and units.
import { z } from 'zod';

/** Settings that cannot be used. The message lists every error, one a line, and never a value, which may be secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A duration in milliseconds. */
export const milliseconds = (fallback: number, max = 600_000, min = 0) =>
  z.coerce.number().int().min(min).max(max).default(fallback).meta({ unit: 'ms' });

/** A whole number of `unit`. */
export const count = (unit: string, fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback).meta({ unit });

/** The URL of an HTTP server. */
export const httpUrl = z.url({ protocol: /^https?$/ });

const SECRET_LENGTH = 32;

/** Secrets, separated by commas. An error says which one is too short and shows none. */
export const secrets = z.string().transform((text, context): readonly [string, ...string[]] => {
  const [first = '', ...others] = text.split(',').map((secret) => secret.trim());
  const short = [first, ...others].findIndex((secret) => secret.length < SECRET_LENGTH);
  if (short >= 0) {
    const message = `expected secrets of at least ${SECRET_LENGTH} characters, separated by commas; number ${short + 1} is shorter`;
    context.addIssue({ code: 'custom', message });
  }
  return [first, ...others];
});

/**
 * Reads the settings of `shape` from `env`.
 * @throws {ConfigError} naming every setting that is missing or malformed, all at once
 */
export function readSettings<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: NodeJS.ProcessEnv,
): Readonly<z.infer<z.ZodObject<Shape>>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = z.object(shape).safeParse(present);
  if (result.success) return Object.freeze(result.data);
  const errors = result.error.issues.map((issue) => {
    const name = issue.path.join('.');
    return `${name}: ${present[name] === undefined ? 'is required' : issue.message}`;
  });
  throw new ConfigError(`Settings cannot be used:\n  ${errors.join('\n  ')}`);
}
