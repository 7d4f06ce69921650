// The explorer is Apollo's page with scripts of Apollo's: it says in itself what it loads. The header field says the
// same, and closes what the page leaves open.
import type { Reply } from '@holdfast/platform/http';

const META_POLICY = /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/;
const REST = [
  "default-src 'none'",
  "connect-src 'self'",
  'font-src https://fonts.gstatic.com',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The reply with a policy, when it is the explorer. Without one of its own the page would get that of data. */
export function withExplorerPolicy(reply: Reply): Reply {
  if (!reply.headers?.['content-type']?.startsWith('text/html')) return reply;
  const own = META_POLICY.exec(reply.body ?? '')?.[1];
  if (own === undefined) return reply;
  return { ...reply, headers: { ...reply.headers, 'content-security-policy': `${own}; ${REST}` } };
}
