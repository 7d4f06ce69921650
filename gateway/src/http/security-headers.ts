// Security header fields for every reply. @fastify/helmet defines them. The gateway reads them from helmet once, at the start,
// because as a hook helmet would compute the same fields for every request.
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import { type HttpRequest, NO_COMPILERS, type Reply } from '@holdfast/platform/http/server';
import { fastify } from 'fastify';
import { z } from 'zod';

/** For data, which is not a page: a browser must not load, run or frame any part of it. Fields for pages are left out. */
const FOR_DATA: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
  },
  strictTransportSecurity: { includeSubDomains: false },
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

/** Adds the missing header fields, and `fields`, to a reply. */
export type SecureReply = (request: HttpRequest, reply: Reply, fields?: Reply['headers']) => Reply;

/**
 * Whether the client used HTTPS, according to the outermost trusted proxy. What the client itself wrote into the field is
 * ignored.
 */
function cameByHttps({ headers }: HttpRequest, trustedProxies: number): boolean {
  const header = headers['x-forwarded-proto'];
  if (trustedProxies === 0 || header === undefined) return false;
  const [outermost] = String(header).split(',').slice(-trustedProxies);
  return outermost?.trim().toLowerCase() === 'https';
}

async function helmetFields(): Promise<Record<string, string>> {
  const app = fastify({ schemaController: NO_COMPILERS });
  app.register(helmet, FOR_DATA);
  app.get('/', async (_, reply) => reply.raw.getHeaders());
  const reply = await app.inject('/');
  return z.record(z.string(), z.string()).parse(reply.json());
}

/** @param trustedProxies how many proxies in front of the gateway are trusted */
export async function createSecureReply(trustedProxies: number): Promise<SecureReply> {
  // A reply without Cache-Control is stored by no cache, because it may contain personal data.
  const overHttps = { ...(await helmetFields()), 'cache-control': 'no-store' };
  const { 'strict-transport-security': _, ...overHttp }: Record<string, string> = overHttps;
  return (request, { status, headers, body }, fields) => ({
    status,
    headers: { ...(cameByHttps(request, trustedProxies) ? overHttps : overHttp), ...fields, ...headers },
    ...(body !== undefined && { body }),
  });
}
