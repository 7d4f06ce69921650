// Which web sites may read replies (CORS, the Fetch standard): settings of @fastify/cors. A reply names only origins of the
// list. The gateway uses no cookies, so credentials are never allowed.
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

/** Whether the text is `scheme://host[:port]`, as browsers send it. */
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
/** The header fields that a page may read in addition to those that the Fetch standard allows. */
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
/** Two hours: Chromium caches a preflight no longer than that. */
const PREFLIGHT_MAX_AGE_S = 7_200;

declare module 'fastify' {
  interface FastifyContextConfig {
    cors?: ReturnType<typeof preflightOf>;
  }
}

/** Lets the origins read every reply of `app`, errors included. Without origins, no reply has CORS headers. */
export function allowOrigins(app: FastifyInstance, origins: ReadonlySet<string>): void {
  if (origins.size === 0) return;
  app.register(cors, {
    // A function, because with a list the plugin would send the exposed headers to every origin.
    origin: (origin, allow) => allow(null, origin !== undefined && origins.has(origin)),
    exposedHeaders: REPLY_HEADERS,
    preflight: false,
  });
}

/** The settings of the plugin for the route that answers OPTIONS at a path: a browser receives the methods of `allow`. */
export const preflightOf = (allow: string) => ({
  methods: allow,
  allowedHeaders: REQUEST_HEADERS,
  exposedHeaders: null,
  maxAge: PREFLIGHT_MAX_AGE_S,
  preflight: true,
  // The route itself answers, with `Allow`, also an OPTIONS request that is not a preflight.
  preflightContinue: true,
  strictPreflight: false,
});
