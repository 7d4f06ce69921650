// The signing key is rotated under load, from the first publication of the new key to the end of the old key. No user is signed out.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import { expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { eventually, secretsUsed } from '../support/client.ts';
import { createForge } from '../support/forgeries.ts';
import { whileTestsRun } from '../support/use-system.ts';
import { account, client, KEY_TIMES, system } from './loaded-shop.ts';

/** How long before its end a client exchanges its token. */
const REFRESH_BEFORE_MS = 3_000;

const product = whileTestsRun(() => client.product(account.token, { stock: 1_000_000 }));

const readPublishedKids = async (): Promise<string[]> => {
  // A key is published for seconds, so to ask more often would only cost time.
  await sleep(500);
  const { keys } = JSON.parse(await (await fetch(`${system.url}/.well-known/jwks.json`)).text());
  return keys.map(({ kid }: { kid: string }) => kid);
};

/** Runs the program of `npm run keys:rotate` on the system's file. Returns its output. */
async function rotate(): Promise<string> {
  const program = join(ROOT, 'subgraphs/users/src/programs/rotate-keys.ts');
  const env = { ...process.env, ...KEY_TIMES };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, system.signingKeysFile], {
    env,
  });
  return stdout + stderr;
}

interface Load {
  calls: number;
  readonly refused: unknown[];
  /** The key ids of all tokens that were used. */
  readonly kids: Set<string>;
}

/** A client that stays signed in and calls the shop again and again, until `ended`. */
async function keepShopping(load: Load, ended: AbortSignal): Promise<void> {
  const { username, password } = await client.register();
  const note = (call: string, status: number, answer: unknown) => {
    load.calls += 1;
    if (status >= 400) load.refused.push({ call, status, answer });
  };
  const open = async (path: string, body: object) => {
    const reply = await client.rest('POST', path, { body });
    note(path, reply.status, reply.body);
    const session: { token: string; refresh_token: string } = reply.body;
    secretsUsed.add(session.token).add(session.refresh_token);
    load.kids.add(decodeProtectedHeader(session.token).kid ?? '');
    return session;
  };
  let session = await open('/login', { username, password });
  let renewals = 0;
  while (!ended.aborted) {
    if ((decodeJwt(session.token).exp ?? 0) * 1_000 - Date.now() < REFRESH_BEFORE_MS) {
      const { refresh_token } = session;
      renewals += 1;
      session =
        renewals % 2 === 0
          ? await open('/login', { username, password })
          : await open('/token/refresh', { refresh_token });
    }
    const { token } = session;
    const profile = await client.rest('GET', '/profile', { token });
    note('/profile', profile.status, profile.body);
    const { data, errors } = await client.graphql(
      '{ me { username orders(first: 1) { edges { cursor } } } }',
      {},
      token,
    );
    note('me', errors.length > 0 || data.me?.username !== username ? 400 : 200, errors);
    const order = await client.rest('POST', '/orders', {
      token,
      body: { product_id: product.id, quantity: 1 },
    });
    note('/orders', order.status, order.body);
    await sleep(1_200);
  }
}

it('a rotation signs no user out, and afterwards no service accepts the old key', async () => {
  const [oldKid] = await readPublishedKids();
  const load: Load = { calls: 0, refused: [], kids: new Set() };
  const ended = new AbortController();
  const shopping = keepShopping(load, ended.signal);
  await eventually(
    async () => load.calls,
    (calls) => calls > 4,
  );

  const said = await rotate();
  expect(said).not.toContain(system.signingKey.d);
  const both = await eventually(readPublishedKids, (kids) => kids.length === 2);
  const newKid = both.find((kid) => kid !== oldKid);
  expect(load.kids).toEqual(new Set([oldKid]));

  // The last token that the old key may sign is valid until its end. A reply that comes later, on a busy machine, proves nothing.
  const signsFrom = Date.parse(/signs from (\S+)/.exec(said)?.[1] ?? '');
  const endS = Math.floor(signsFrom / 1_000) + Number(KEY_TIMES.ACCESS_TOKEN_TTL_S);
  const sign = createForge(system, account);
  const last = await sign({ claims: { exp: endS } });
  await sleep(endS * 1_000 - 1_500 - Date.now());
  for (const path of ['/profile', '/orders']) {
    const { status } = await client.rest('GET', path, { token: last });
    if (status !== 200 && Date.now() < endS * 1_000) load.refused.push({ path, status, token: 'last' });
  }

  await eventually(readPublishedKids, (kids) => kids.length === 1, 120_000);
  const before = load.calls;
  await eventually(
    async () => load.calls,
    (calls) => calls > before + 4,
  );
  ended.abort();
  await shopping;

  expect(load.refused).toEqual([]);
  expect(load.kids).toEqual(new Set([oldKid, newKid]));
  expect(await readPublishedKids()).toEqual([newKid]);

  for (const path of ['/profile', '/orders'])
    await eventually(
      async () => (await client.rest('GET', path, { token: await sign({}) })).status,
      (status) => status === 401,
    );
}, 300_000);
