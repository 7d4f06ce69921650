// `npm run smoke` and the health check of a container: both must tell a working system from a broken one.
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { findFreePort } from '@holdfast/local/processes/ports';
import { ROOT } from '@holdfast/local/root';
import { PROCESSES } from '@holdfast/local/settings/services';
import { describe, expect, it } from '@jest/globals';
import { useClient, useStaff } from '../support/shop.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();

function run(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, program), ...args],
      { env: { ...process.env, ...env } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

const smoke = (...args: string[]) => run('scripts/smoke.mjs', args);
const healthCheck = (opsPort: string | number) =>
  run('platform/src/lifecycle/health-check.js', [], { OPS_PORT: String(opsPort) });

/** Runs `work` beside a server that answers every request with 503. */
async function besideUnavailable(work: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((_, reply) => reply.writeHead(503).end('{"status":"not ready"}'));
  const port = await findFreePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  try {
    await work(port);
  } finally {
    server.close();
  }
}

describe('npm run smoke', () => {
  const client = useClient(system);
  const staff = useStaff(system, client);

  it('places an order, waits until it is confirmed, then cancels it and deletes the product', async () => {
    const { token } = staff;
    const { code, out, err } = await smoke('--base', `${system.url}/`, '--token', token);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.trimEnd().split('\n');
    for (const line of lines.slice(0, -1))
      expect(line).toMatch(/^\w.* (GET|POST|DELETE) \/\S+: 20\d in \d+ ms$/);
    expect(lines.at(-1)).toBe(`PASSED: an order through ${system.url} was CONFIRMED`);
    const order = /GET (\/orders\/\d+): 200/.exec(out)?.[1] ?? 'no order was read';
    expect((await client.rest('GET', order, { token })).body).toMatchObject({ status: 'CANCELLED' });
    const product = /DELETE (\/products\/\d+): 204/.exec(out)?.[1] ?? 'no product was deleted';
    expect((await client.rest('GET', product)).status).toBe(404);
  });
});

describe('npm run smoke fails, in one line', () => {
  it('where no server listens', async () => {
    const base = `http://127.0.0.1:${await findFreePort()}`;
    const { code, out, err } = await smoke('--base', base);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^FAILED: fetch failed \(.*ECONNREFUSED.*\)\n$/);
  });

  it('where a step gets another status', () =>
    besideUnavailable(async (port) => {
      const { code, err } = await smoke('--base', `http://127.0.0.1:${port}`);
      expect({ code, err }).toEqual({
        code: 1,
        err: 'FAILED: POST /register answered 503, expected 201: {"status":"not ready"}\n',
      });
    }));
});

describe('the health check of a container', () => {
  it.each(PROCESSES)('passes when %s is ready', async (name) => {
    expect(await healthCheck(new URL(system.opsUrl(name, '/readyz')).port)).toEqual({
      code: 0,
      out: '{"status":"ready"}\n',
      err: '',
    });
  });

  it('fails when the service is not ready, or does not answer', async () => {
    await besideUnavailable(async (port) => {
      expect(await healthCheck(port)).toEqual({ code: 1, out: '{"status":"not ready"}\n', err: '' });
    });
    const { code, err } = await healthCheck(await findFreePort());
    expect(code).toBe(1);
    expect(err).toContain('ECONNREFUSED');
  });
});
