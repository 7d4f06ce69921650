// Header fields that tell browsers what not to do with a reply, whatever answered it. @fastify/helmet says which; it is asked
// once, when the gateway starts, because as a hook it would make the same fields anew for every request.
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import type { HttpRequest, Reply } from '@holdfast/platform/http/server';
import { fastify } from 'fastify';
import { z } from 'zod';

/** Data is no page: nothing of it loads, runs or is framed. What is for pages and plugins alone is left out. */
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

/** The reply with the header fields that it lacks, and with `fields`. */
export type SecureReply = (request: HttpRequest, reply: Reply, fields?: Reply['headers']) => Reply;

/**
 * Whether the client spoke HTTPS, as the outermost of the trusted proxies wrote it; what the client itself wrote there
 * is not believed.
 */
function cameByHttps({ headers }: HttpRequest, trustedProxies: number): boolean {
  const header = headers['x-forwarded-proto'];
  if (trustedProxies === 0 || header === undefined) return false;
  const [outermost] = String(header).split(',').slice(-trustedProxies);
  return outermost?.trim().toLowerCase() === 'https';
}

async function helmetFields(): Promise<Record<string, string>> {
  const app = fastify();
  app.register(helmet, FOR_DATA);
  app.get('/', async (_, reply) => reply.raw.getHeaders());
  const reply = await app.inject('/');
  return z.record(z.string(), z.string()).parse(reply.json());
}

/** @param trustedProxies how many proxies in front are believed */
export async function createSecureReply(trustedProxies: number): Promise<SecureReply> {
  // A reply that says nothing about caches is kept by none: it may be of one person.
  const overHttps = { ...(await helmetFields()), 'cache-control': 'no-store' };
  const { 'strict-transport-security': _, ...overHttp }: Record<string, string> = overHttps;
  return (request, { status, headers, body }, fields) => ({
    status,
    headers: { ...(cameByHttps(request, trustedProxies) ? overHttps : overHttp), ...fields, ...headers },
    ...(body !== undefined && { body }),
  });
}
