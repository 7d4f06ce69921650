// The whole system from its images, as a cluster starts it: the migrations, then the services, an order, SIGTERM.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, chown, cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { timed } from '../steps.mjs';
import { SERVICES, TARGETS } from './build.mjs';
import { FILES, standing, startProcess, untilReady } from './container.mjs';
import { placeAnOrder } from './shop.mjs';

const UID = 10001;
const END_WITHIN_MS = 25_000;
const TRY_TO_WRITE = `
  for (const path of ['/tmp/written', '/app/written', 'dist/main.js'])
    try { fs.writeFileSync(path, 'x'); console.log(path); } catch (error) { console.log(error.code); }`;

/** Throws unless all of it works. `folder` is for its data; `containers` are by target. */
export async function runSystem(containers, folder) {
  // Built by now, and not before.
  const [{ openDatabaseServer }, { openSecrets }, { freePort }, { serviceUrl }] = await Promise.all([
    import('../dist/database-server.js'),
    import('../dist/secrets.js'),
    import('../dist/ports.js'),
    import('../../prisma/dist/urls.js'),
  ]);
  await timed('writing to the root file system is refused', () => checkReadOnly(containers));
  const secrets = await openSecrets(folder);
  const log = { event: () => undefined, line: () => undefined };
  const database = await openDatabaseServer({ dataDir: folder, log, supervised: false, durable: false });
  const redisPort = await freePort();
  const redis = spawn('redis-server', ['--port', redisPort, '--save', '', '--dir', folder], {
    stdio: 'ignore',
  });
  try {
    const { adminUrl } = database;
    await timed('migrating', () => migrate(containers.migrations, adminUrl, secrets.rolePasswords));
    const databaseUrls = Object.fromEntries(
      Object.entries(secrets.rolePasswords).map(([name, password]) => [
        name,
        serviceUrl(adminUrl, name, password),
      ]),
    );
    const files = await giveKeys(folder, secrets.signingKeysFile);
    const redisUrl = `redis://127.0.0.1:${redisPort}`;
    await runServices(containers, { databaseUrls, files, redisUrl, serviceSecret: secrets.serviceSecret });
  } finally {
    redis.kill();
    await database.stop();
  }
}

async function checkReadOnly(containers) {
  for (const target of TARGETS) {
    const attempt = startProcess(containers[target], { command: ['node', '-e', TRY_TO_WRITE] });
    assert.equal(await attempt.ended, 0, attempt.lines.join('\n'));
    assert.deepEqual(attempt.lines, ['EROFS', 'EROFS', 'EROFS'], `${target} could write`);
  }
}

async function migrate(container, adminUrl, passwords) {
  const env = {
    DATABASE_URL: adminUrl,
    USERS_DB_PASSWORD: passwords.users,
    PRODUCTS_DB_PASSWORD: passwords.products,
    ORDERS_DB_PASSWORD: passwords.orders,
  };
  for (const expected of [/applied \d+ migration/, /the database was up to date/]) {
    const migrations = startProcess(container, { env });
    assert.equal(await migrations.ended, 0, migrations.lines.join('\n'));
    assert.match(migrations.lines.at(-1) ?? '', expected);
  }
}

/** The signing keys in a folder of their own, for the image's user only, as a cluster mounts a Secret. */
async function giveKeys(folder, signingKeysFile) {
  const files = join(folder, 'mounted');
  await mkdir(files);
  await cp(signingKeysFile, join(files, 'keys.json'));
  await chmod(join(files, 'keys.json'), 0o400);
  await chown(join(files, 'keys.json'), UID, UID);
  return files;
}

async function runServices(containers, { databaseUrls, files, redisUrl, serviceSecret }) {
  const { freePorts } = await import('../dist/stack.js');
  const { environmentOf, httpUrl, opsUrl } = await import('../dist/services.js');
  const ports = await freePorts();
  const settings = {
    ports,
    databaseUrls,
    signingKeysFile: `${FILES}/keys.json`,
    serviceSecret,
    logLevel: 'info',
    passedThrough: { REDIS_URL: redisUrl },
  };
  const running = {};
  try {
    for (const name of SERVICES) {
      // PATH and the supergraph are the image's own.
      const { PATH, SUPERGRAPH_FILE, ...env } = environmentOf(name, settings);
      running[name] = startProcess(containers[name], { env, files: name === 'users' ? files : '' });
    }
    for (const name of SERVICES)
      await timed(`${name} is ready`, () => untilReady(name, running[name], `${opsUrl(ports, name)}/readyz`));
    for (const name of SERVICES) await checkStanding(name, running[name].pid);
    await timed('an order through the gateway', () => placeAnOrder(httpUrl(ports, 'gateway')));
    for (const name of [...SERVICES].reverse())
      await timed(`${name} ends on SIGTERM`, () => endProcess(name, running[name]));
  } finally {
    for (const process of Object.values(running)) process.kill('SIGKILL');
  }
}

async function checkStanding(name, pid) {
  const { uids, gids, groups, capabilities, readOnly } = await standing(pid);
  for (const id of [...uids, ...gids]) assert.equal(id, String(UID), `${name} runs as user or group ${id}`);
  assert.equal(groups, '', `${name} is in the groups ${groups}`);
  assert.match(capabilities, /^0+$/, `${name} has capabilities`);
  assert.ok(readOnly, `the root of ${name} can be written`);
}

async function endProcess(name, process) {
  const timer = setTimeout(() => process.kill('SIGKILL'), END_WITHIN_MS);
  process.kill('SIGTERM');
  const how = await process.ended;
  clearTimeout(timer);
  assert.equal(how, 0, `${name} ended with ${how}:\n${process.lines.slice(-10).join('\n')}`);
  assert.match(process.lines.at(-1) ?? '', /"ended"/, `the last words of ${name}`);
}
