// Rules for browsers: which sites may read a reply, what a page may load, and what caches must not store.
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { corsOrigins } from '../http/cors.ts';
import { SITE, shop } from './shop.ts';
import type { StubSystem } from './stub-system.ts';

/** @param bare gives a gateway without settings for browsers */
export function describeBrowsers(bare: () => StubSystem): void {
  const call = (path: string, init: RequestInit = {}, { url } = shop) =>
    fetch(url + path, { redirect: 'manual', ...init });
  const preflight = (path: string, origin: string, method = 'POST', from = shop) =>
    call(
      path,
      {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': 'content-type,authorization',
        },
      },
      from,
    );

  const corsOf = ({ headers }: Response) =>
    Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));

  describe('a preflight', () => {
    it.each([
      ['/graphql', 'GET, POST, OPTIONS'],
      ['/products', 'GET, HEAD, POST, OPTIONS'],
      ['/products/1', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'],
      ['/orders', 'GET, HEAD, POST, OPTIONS'],
      ['/orders/1/cancel', 'POST, OPTIONS'],
      ['/login', 'POST, OPTIONS'],
      ['/profile/password', 'PUT, OPTIONS'],
    ])('of %s is answered with its methods', async (path, methods) => {
      const reply = await preflight(path, SITE);
      expect(reply.status).toBe(204);
      expect(reply.headers.get('vary')).toBe('Origin');
      expect(corsOf(reply)).toEqual({
        'access-control-allow-origin': SITE,
        'access-control-allow-methods': methods,
        'access-control-allow-headers': expect.any(String),
        'access-control-max-age': '7200',
      });
      const allowed = reply.headers.get('access-control-allow-headers')?.toLowerCase().split(', ');
      for (const name of [
        'authorization',
        'content-type',
        'if-match',
        'if-none-match',
        'idempotency-key',
        'prefer',
      ])
        expect(allowed).toContain(name);
      for (const name of ['apollographql-client-name', 'x-apollo-operation-name', 'apollo-require-preflight'])
        expect(allowed).toContain(name);
    });

    it('allows no origin that is not listed, and no origin at all without a list', async () => {
      for (const origin of [
        'https://evil.example',
        `${SITE}.evil.example`,
        SITE.toUpperCase(),
        'http://shop.example.com',
        `${SITE}:8443`,
        'null',
        '*',
      ]) {
        const reply = await preflight('/graphql', origin);
        expect(reply.status).toBe(204);
        expect(corsOf(reply)).toEqual({});
        expect(reply.headers.get('vary')).toBe('Origin');
      }
      const reply = await preflight('/graphql', SITE, 'POST', bare());
      expect(corsOf(reply)).toEqual({});
      expect(reply.headers.has('vary')).toBe(false);
    });

    it('of an unknown path is 404', async () => {
      expect((await preflight('/nowhere', SITE)).status).toBe(404);
    });
  });

  describe('OPTIONS without an origin', () => {
    it('lists the methods of the path', async () => {
      const reply = await call('/orders', { method: 'OPTIONS' });
      expect([reply.status, reply.headers.get('allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
      expect(corsOf(reply)).toEqual({});
    });
  });

  describe('a reply', () => {
    it('can be read by the sites that are listed, errors included, and never with credentials', async () => {
      for (const path of ['/products/1', '/nowhere', '/profile', '/', '/graphql?query={me{id}}'])
        for (const origin of [SITE, 'http://localhost:5173']) {
          const reply = await call(path, { headers: { origin, 'apollo-require-preflight': 'yes' } });
          expect(corsOf(reply)).toEqual({
            'access-control-allow-origin': origin,
            'access-control-expose-headers': expect.stringMatching(
              /ETag.*Link.*RateLimit.*Retry-After.*X-Request-Id/,
            ),
          });
          expect(reply.headers.get('vary')).toMatch(/(^|, )Origin$/);
        }
      for (const path of ['/products/%zz', `/products/${'1'.repeat(200)}`])
        expect(corsOf(await call(path, { headers: { origin: SITE } }))).toHaveProperty(
          'access-control-allow-origin',
          SITE,
        );
      const other = await call('/products/1', { headers: { origin: 'https://evil.example' } });
      expect(corsOf(other)).toEqual({});
      expect((await call('/')).headers.get('vary')).toBe('accept, Origin');
    });

    it('has the security header fields for browsers', async () => {
      for (const path of [
        '/products/1',
        '/nowhere',
        '/',
        '/docs',
        '/openapi.json',
        '/graphql?query={me{id}}',
      ]) {
        const { headers } = await call(path, { headers: { accept: '*/*' } });
        expect(headers.get('x-content-type-options')).toBe('nosniff');
        expect(headers.get('referrer-policy')).toBe('no-referrer');
        expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
        expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'.*frame-ancestors 'none'/);
        expect(headers.has('server') || headers.has('x-powered-by')).toBe(false);
      }
    });

    it('requires HTTPS only when a trusted proxy reports that HTTPS was used', async () => {
      const hsts = async (proto: string, from = shop) =>
        (await call('/', { headers: { 'x-forwarded-proto': proto } }, from)).headers.get(
          'strict-transport-security',
        );
      expect(await hsts('https')).toBe('max-age=31536000');
      expect(await hsts('http')).toBeNull();
      expect(await hsts('https, http')).toBeNull();
      expect(await hsts('https', bare())).toBeNull();
      expect((await call('/')).headers.has('strict-transport-security')).toBe(false);
    });

    it('with personal data is stored by no cache', async () => {
      const headers = {
        authorization: `Bearer ${await shop.token('1')}`,
        'content-type': 'application/json',
      };
      for (const [path, body] of [
        ['/profile'],
        ['/orders'],
        ['/orders/1'],
        ['/login', '{"username":"ada","password":"x"}'],
        ['/token/refresh', '{"refresh_token":"x"}'],
        ['/graphql', '{"query":"{ me { id } }"}'],
      ] as const) {
        const reply = await call(path, { headers, ...(body && { method: 'POST', body }) });
        expect(`${path} ${reply.headers.get('cache-control')}`).toBe(`${path} no-store`);
      }
    });
  });

  describe('a page', () => {
    const html = { accept: 'text/html,*/*;q=0.8' };
    const REST_OF_POLICY =
      "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    it.each([
      ['/', "'self'"],
      ['/console', "'self'"],
      ['/console/products/1', "'self'"],
      ['/graphql', "'self' 'unsafe-inline'"],
      ['/explorer', "'self' 'unsafe-inline'"],
      ['/docs', "'self' 'unsafe-inline'"],
    ])('%s runs scripts of this server alone', async (path, styles) => {
      const reply = await call(path, { headers: html });
      expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(reply.headers.get('content-security-policy')).toBe(
        `default-src 'none'; script-src 'self'; style-src ${styles}; ${REST_OF_POLICY}`,
      );
    });

    it('is not sent again to a browser that has it', async () => {
      const etag = (await call('/', { headers: html })).headers.get('etag') ?? '';
      const known = await call('/', { headers: { ...html, 'if-none-match': `"other", W/${etag}` } });
      expect([known.status, await known.text(), known.headers.get('etag')]).toEqual([304, '', etag]);
      expect((await call('/', { headers: { ...html, 'if-none-match': '"other"' } })).status).toBe(200);
    });

    it('lists whether there are an explorer and demo accounts, so that it links to no others', async () => {
      const offers = async (from: StubSystem) =>
        /<html [^>]*data-offers="([^"]*)"/.exec(
          await (await call('/console', { headers: html }, from)).text(),
        )?.[1];
      expect(await offers(shop)).toBe('explorer demo');
      // Demo accounts have published passwords, so the gateway offers them only when DEMO is on.
      expect(await offers(bare())).toBe('explorer');
    });

    it('is for browsers: programs receive JSON at / and GraphQL at /graphql', async () => {
      const index = await call('/', { headers: { accept: '*/*' } });
      expect(await index.json()).toMatchObject({ docs: '/docs', explorer: '/explorer', console: '/console' });
      const graphql = await call('/graphql?query={me{id}}', { headers: { accept: 'application/json' } });
      expect(await graphql.json()).toEqual({ data: { me: null } });
    });
  });

  describe('an asset', () => {
    it('is cached by browsers for a year, and is sent compressed to clients that accept it', async () => {
      const page = await (await call('/console', { headers: { accept: 'text/html' } })).text();
      const path = /src="(\/assets\/console-[\w-]+\.js)"/.exec(page)?.[1] ?? '';
      const bodies: string[] = [];
      for (const [accepted, encoding] of [
        ['gzip, deflate, br', 'br'],
        ['gzip, br;q=0', 'gzip'],
        ['identity', null],
      ] as const) {
        const reply = await call(path, { headers: { 'accept-encoding': accepted } });
        expect(reply.headers.get('content-encoding')).toBe(encoding);
        expect(reply.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
        expect(reply.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
        expect(reply.headers.get('vary')).toMatch(/^accept-encoding\b/);
        bodies.push(await reply.text());
      }
      expect(new Set(bodies).size).toBe(1);
    });

    it('has a hash in its name, so that a browser requests a new file after a change', async () => {
      const names = await readdir(new URL('../../../web/dist/', import.meta.url));
      const hashed = /-[\w-]{8}\.\w+$/;
      const others = names.filter((name) => !hashed.test(name) && !/\.(html|br|gz)$/.test(name));
      expect(others).toEqual(['licences.md']);
      const notices = await call('/assets/licences.md');
      expect([notices.status, notices.headers.get('cache-control')]).toEqual([200, 'no-cache']);
      expect(await notices.text()).toContain('MIT');
    });

    it.each(['unknown.js', 'home.html', '..%2f..%2fpackage.json', 'unknown.txt', 'x'.repeat(101), ''])(
      '%s is none',
      async (name) => {
        const reply = await call(`/assets/${name}`);
        expect([reply.status, reply.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
      },
    );
  });

  describe('a page that a mailed link leads to', () => {
    it.each(['verify-email', 'reset-password', 'confirm-login'])(
      '/account/%s runs its own script only, which sends a request at a click only',
      async (name) => {
        const reply = await call(`/account/${name}`, { headers: { accept: 'text/html' } });
        const page = await reply.text();
        const [, script = ''] = /<script>(.*)<\/script>/s.exec(page) ?? [];
        const hash = createHash('sha256').update(script).digest('base64');
        expect(reply.headers.get('content-security-policy')).toBe(
          `default-src 'none'; script-src 'sha256-${hash}'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
        );
        expect(reply.headers.get('referrer-policy')).toBe('no-referrer');
        // The only request is made in the handler of a click.
        expect(script.split('submit')[1]).toContain('await send(');
        expect(script.split('await send(')).toHaveLength(2);
      },
    );
  });

  describe('the setting CORS_ORIGINS', () => {
    it('is a list of origins', () => {
      expect(corsOrigins.parse(undefined)).toEqual(new Set());
      expect(corsOrigins.parse('https://a.example, http://localhost:5173')).toEqual(
        new Set(['https://a.example', 'http://localhost:5173']),
      );
    });

    it.each([
      '*',
      'https://a.example/',
      'a.example',
      'https://*',
      'null',
      'ftp://a.b',
      'HTTPS://A.b',
      'https://a.b/c',
    ])('refuses %s', (text) => {
      const { error } = corsOrigins.safeParse(`https://a.example,${text}`);
      expect(error?.issues.map(({ message }) => message)).toEqual([
        `expected origins such as https://shop.example.com, got ${JSON.stringify(text)}`,
      ]);
    });
  });
}
