// The whole system from its images, as a cluster starts it: the migrations, who waits for them, the services, an order,
// the first of the staff, SIGTERM.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { timed } from '../steps.mjs';
import { SERVICES, TARGETS } from './build.mjs';
import { FILES, standing, startProcess, untilReady } from './container.mjs';
import { placeAnOrder } from './shop.mjs';

const UID = 10001;
const END_WITHIN_MS = 25_000;
const TRY_TO_WRITE = `
  for (const path of ['/tmp/written', '/app/written', 'src/main.ts'])
    try { fs.writeFileSync(path, 'x'); console.log(path); } catch (error) { console.log(error.code); }`;

/** Throws unless all of it works; gives the memory of each service. `folder` is for data; `containers` are by target. */
export async function runSystem(containers, folder, labels) {
  // Not before the packages are installed.
  const [{ openDatabaseServer }, { openSecrets }, { freePort }, { serviceUrl }] = await Promise.all([
    import('../src/database-server.ts'),
    import('../src/secrets.ts'),
    import('../src/ports.ts'),
    import('../../prisma/src/urls.ts'),
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
    const databaseUrls = Object.fromEntries(
      Object.entries(secrets.rolePasswords).map(([name, password]) => [
        name,
        serviceUrl(adminUrl, name, password),
      ]),
    );
    const waiting = await startWaiting(containers.migrations, databaseUrls.orders);
    await timed('migrating', () => migrate(containers.migrations, adminUrl, secrets.rolePasswords));
    assert.equal(await waiting.ended, 0, waiting.lines.join('\n'));
    const files = await giveKeys(folder, secrets.signingKeysFile);
    const redisUrl = `redis://127.0.0.1:${redisPort}`;
    return await runServices(containers, { databaseUrls, files, redisUrl, secrets, labels });
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

/** As the services' initContainers do; one that is told to end while it waits is gone at once. */
async function startWaiting(container, url) {
  const command = [...container.config.Entrypoint, 'wait'];
  const [waiting, leaving] = [1, 2].map(() =>
    startProcess(container, { command, env: { DATABASE_URL: url } }),
  );
  for (const { lines } of [waiting, leaving]) await until('nobody waits', () => lines.length > 0);
  await leaving.kill('SIGTERM');
  assert.equal(await leaving.ended, 143, leaving.lines.join('\n'));
  return waiting;
}

async function until(otherwise, holds, withinMs = 60_000) {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    assert.ok(Date.now() < end, otherwise);
    await new Promise((resolve) => setTimeout(resolve, 50));
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

async function runServices(containers, { databaseUrls, files, redisUrl, secrets, labels }) {
  const { freePorts } = await import('../src/stack.ts');
  const { environmentOf, httpUrl, opsUrl } = await import('../src/services.ts');
  const ports = await freePorts();
  const collector = await startCollector();
  const settings = {
    ports,
    databaseUrls,
    secrets: { ...secrets, signingKeysFile: `${FILES}/keys.json` },
    logLevel: 'info',
    passedThrough: { REDIS_URL: redisUrl, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
  };
  const running = {};
  try {
    for (const name of SERVICES) {
      // PATH, the supergraph and where to listen are the image's own.
      const { PATH, SUPERGRAPH_FILE, HOST, ...env } = environmentOf(name, settings);
      running[name] = startProcess(containers[name], { env, files: name === 'users' ? files : '' });
    }
    for (const name of SERVICES) {
      const url = opsUrl(ports, name);
      await timed(`${name} is ready`, () => untilReady(name, running[name], `${url}/readyz`));
      await checkRevision(url, labels);
    }
    const gateway = httpUrl(ports, 'gateway');
    const username = await timed('an order through the gateway', () => placeAnOrder(gateway));
    await timed('an account becomes staff', () => promote(containers.users, databaseUrls.users, username));
    const memory = {};
    for (const name of SERVICES) memory[name] = await checkStanding(name, await running[name].pid());
    for (const name of [...SERVICES].reverse())
      await timed(`${name} ends on SIGTERM`, () => endProcess(name, running[name]));
    for (const name of SERVICES) assert.ok(collector.received().includes(name), `no trace came from ${name}`);
    return memory;
  } finally {
    for (const process of Object.values(running)) await process.kill('SIGKILL');
    collector.close();
  }
}

/** Takes the traces of the services, to see that what makes them is in the images. */
async function startCollector() {
  const bodies = [];
  const server = createServer((request, response) => {
    request.on('data', (chunk) => bodies.push(chunk)).on('end', () => response.end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    received: () => Buffer.concat(bodies).toString('latin1'),
    close: () => server.close(),
  };
}

async function checkRevision(opsUrl, { REVISION }) {
  const metrics = await fetch(`${opsUrl}/metrics`).then((reply) => reply.text());
  assert.ok(metrics.includes(`revision="${REVISION}"`), `build_info at ${opsUrl} does not say ${REVISION}`);
}

/** As k8s/jobs/promote-staff.yaml does. */
async function promote(container, databaseUrl, username) {
  const command = ['node', 'src/promote.ts', username];
  const promotion = startProcess(container, { command, env: { DATABASE_URL: databaseUrl } });
  assert.equal(await promotion.ended, 0, promotion.lines.join('\n'));
  assert.match(promotion.lines.at(-1) ?? '', /is staff now/);
}

/** Gives the most memory that it has had. */
async function checkStanding(name, pid) {
  const { uids, gids, groups, capabilities, number, mostMemory, readOnly } = await standing(pid);
  assert.equal(number, '1', `${name} is not process 1 of its container`);
  for (const id of [...uids, ...gids]) assert.equal(id, String(UID), `${name} runs as user or group ${id}`);
  assert.equal(groups, '', `${name} is in the groups ${groups}`);
  assert.match(capabilities, /^0+$/, `${name} has capabilities`);
  assert.ok(readOnly, `the root of ${name} can be written`);
  return mostMemory;
}

async function endProcess(name, process) {
  const timer = setTimeout(() => process.kill('SIGKILL'), END_WITHIN_MS);
  await process.kill('SIGTERM');
  const how = await process.ended;
  clearTimeout(timer);
  assert.equal(how, 0, `${name} ended with ${how}:\n${process.lines.slice(-10).join('\n')}`);
  assert.match(process.lines.at(-1) ?? '', /"ended"/, `the last words of ${name}`);
}
