// Starts one of the systems on a new database of an embedded PostgreSQL 18, as its own documentation runs it in production: one
// process, and no other load.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { removePostgres, startPostgres } from '@holdfast/local/postgres/server';
import { spawnGuarded } from '@holdfast/local/processes/guarded-process';
import { findFreePort } from '@holdfast/local/processes/ports';
import { startSystem } from '@holdfast/test/src/support/system.ts';
import { openMedusa } from './medusa.ts';
import { openOurs } from './ours.ts';
import type { Shop } from './shop.ts';
import { openVendure } from './vendure.ts';

export interface Running {
  readonly shop: Shop;
  stop(): Promise<void>;
}

/** The systems by their names on the command line. */
export const SYSTEMS: Readonly<Record<string, () => Promise<Running>>> = {
  holdfast: startOurs,
  vendure: startVendure,
  medusa: () => startMedusa({ name: 'Medusa 2.21.2' }),
  'medusa-postgres-locks': () =>
    startMedusa({ name: 'Medusa 2.21.2, locks in PostgreSQL', locking: 'postgres' }),
};

const READY_WITHIN_MS = 180_000;

async function startOurs(): Promise<Running> {
  const system = await startSystem({ ownPostgres: true });
  return { shop: await openOurs(system.url), stop: () => system.stop() };
}

async function startVendure(): Promise<Running> {
  const peer = await startPeer('vendure');
  await peer.serve([process.execPath, 'server.js'], '/health');
  return { shop: await openVendure(peer.url, peer.password), stop: peer.stop };
}

async function startMedusa({ name, locking }: { name: string; locking?: string }): Promise<Running> {
  const peer = await startPeer('medusa', locking === undefined ? {} : { LOCKING: locking });
  const medusa = 'node_modules/.bin/medusa';
  await peer.run([medusa, 'db:migrate']);
  await peer.run([medusa, 'user', '--email', 'admin@example.com', '--password', peer.password]);
  await peer.serve([medusa, 'start'], '/health');
  return { shop: { ...(await openMedusa(peer.url, peer.password)), name }, stop: peer.stop };
}

/** A peer's folder, with a database of its own. */
async function startPeer(folder: string, settings: Record<string, string> = {}) {
  const cwd = join(import.meta.dirname, folder);
  if (!existsSync(join(cwd, 'node_modules')))
    throw new Error(
      `${folder} is not installed: npm install --no-package-lock --prefix bench/peers/${folder}`,
    );
  const dataDir = await mkdtemp(join(tmpdir(), `holdfast-peer-${folder}-`));
  const postgres = await startPostgres({ dataDir });
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const password = randomBytes(18).toString('base64url');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: dataDir,
    NODE_ENV: 'production',
    PORT: String(port),
    DATABASE_URL: postgres.adminUrl,
    ADMIN_PASSWORD: password,
    VENDURE_DISABLE_TELEMETRY: 'true',
    MEDUSA_DISABLE_TELEMETRY: 'true',
    ...settings,
  };
  let server: ReturnType<typeof spawnGuarded> | undefined;
  const start = ([command = '', ...args]: string[]) => {
    const program = spawnGuarded(command, args, { cwd, env });
    let output = '';
    for (const stream of program.output)
      stream.on('data', (text) => (output = (output + text).slice(-5_000)));
    return { program, output: () => output };
  };
  return {
    url,
    password,
    async run(command: string[]): Promise<void> {
      const { program, output } = start(command);
      if ((await program.ended).code !== 0) throw new Error(`${command.join(' ')} failed:\n${output()}`);
    },
    async serve(command: string[], health: string): Promise<void> {
      const { program, output } = start(command);
      server = program;
      const ended = program.ended.then(() => {
        throw new Error(`${command.join(' ')} ended:\n${output()}`);
      });
      await Promise.race([waitForAnswer(url + health), ended]);
    },
    async stop(): Promise<void> {
      server?.end();
      await server?.ended;
      await postgres.stop();
      await removePostgres(dataDir);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function waitForAnswer(url: string, until = Date.now() + READY_WITHIN_MS): Promise<void> {
  const isOk = await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
  if (isOk) return;
  if (Date.now() > until) throw new Error(`${url} does not answer`);
  await pause(500);
  await waitForAnswer(url, until);
}
