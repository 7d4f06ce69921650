// Which web sites may read replies (CORS, the Fetch standard): settings of @fastify/cors. Only origins that are listed are ever
// named; no cookie is in use, so credentials are never allowed.
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

/** `scheme://host[:port]` as browsers send it. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]*$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** The setting CORS_ORIGINS. None by default. */
export const corsOrigins = z
  .string()
  .default('')
  .transform((text, context): ReadonlySet<string> => {
    const origins = text.split(',').flatMap((part) => part.trim() || []);
    for (const origin of origins)
      if (!isOrigin(origin))
        context.addIssue({
          code: 'custom',
          message: `expected origins such as https://shop.example.com, got ${JSON.stringify(origin)}`,
        });
    return new Set(origins);
  })
  .describe(
    'The web sites whose scripts may call ([CORS](api.md#browsers-cors)), as `https://shop.example.com,http://localhost:5173`.',
  );

const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'If-Match',
  'If-None-Match',
  'Idempotency-Key',
  'Prefer',
  'X-Request-Id',
  'Apollo-Require-Preflight',
  'X-Apollo-Operation-Name',
  'ApolloGraphQL-Client-Name',
  'ApolloGraphQL-Client-Version',
];
/** Beside those that any web site may read. */
const REPLY_HEADERS = [
  'ETag',
  'Location',
  'Link',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
];
/** Two hours, which is as long as Chromium remembers it; others would longer. */
const PREFLIGHT_MAX_AGE_S = 7_200;

declare module 'fastify' {
  interface FastifyContextConfig {
    cors?: ReturnType<typeof preflightOf>;
  }
}

/** Lets the origins read every reply of `app`, errors included. Without any, nothing is said of origins. */
export function allowOrigins(app: FastifyInstance, origins: ReadonlySet<string>): void {
  if (origins.size === 0) return;
  app.register(cors, {
    // A function, because the plugin would show what may be read to origins that a list does not have.
    origin: (origin, allow) => allow(null, origin !== undefined && origins.has(origin)),
    exposedHeaders: REPLY_HEADERS,
    preflight: false,
  });
}

/** The plugin's settings for the route that answers OPTIONS at a path, where a browser learns the methods of `allow`. */
export const preflightOf = (allow: string) => ({
  methods: allow,
  allowedHeaders: REQUEST_HEADERS,
  exposedHeaders: null,
  maxAge: PREFLIGHT_MAX_AGE_S,
  preflight: true,
  // The route answers, with `Allow`, and OPTIONS that is no preflight as well.
  preflightContinue: true,
  strictPreflight: false,
});
