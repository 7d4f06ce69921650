// A load balancer in front of every service, which acts like a Kubernetes Service: it distributes connections over the instances that
// are ready, does not read HTTP requests, and repeats no request.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findFreePort } from '@holdfast/local/processes/ports';
import { commandOf } from '@holdfast/local/processes/processes';
import { type Ports, PROCESSES, type ProcessName } from '@holdfast/local/settings/services';
import { listAbandonedFolders } from './abandoned.ts';
import { eventually } from './client.ts';

export interface LoadBalancer {
  /** The URL of the load balancer for each service, without a path. */
  readonly urls: Readonly<Record<ProcessName, string>>;
  /** Waits until the load balancer sends connections to that instance of the service (UP), or no longer does (DOWN). */
  until(service: ProcessName, instance: number, state: 'UP' | 'DOWN'): Promise<void>;
  stop(): Promise<void>;
}

/**
 * mode tcp: a connection belongs to one instance from its first byte to its last.
 * retries 0, and no `option redispatch`: a connection that cannot be made is lost, and a test must see that.
 * check, httpchk: new connections go to instances whose /readyz answers 200; existing connections stay where they are.
 * timeout check 5s: a slow answer is accepted, because an instance on an overloaded machine is not dead.
 */
const DEFAULTS = `
global
  maxconn 2000
  nbthread 1
defaults
  mode tcp
  balance roundrobin
  retries 0
  timeout connect 2s
  timeout client 120s
  timeout server 120s
  timeout check 5s
  option httpchk GET /readyz
  http-check expect status 200
  default-server check inter 500ms fall 2 rise 1`;

/** @param instances the ports of every instance of every service, the first of each first */
export async function startLoadBalancer(instances: readonly Ports[]): Promise<LoadBalancer> {
  await sweepAbandoned();
  const folder = await mkdtemp(join(tmpdir(), `holdfast-balancer-${process.pid}-`));
  const socket = join(folder, 'admin');
  const ports = {
    users: await findFreePort(),
    products: await findFreePort(),
    orders: await findFreePort(),
    gateway: await findFreePort(),
  };
  await writeFile(join(folder, 'haproxy.cfg'), configuration(socket, ports, instances));
  const child = await launch(folder, socket);
  const urlOf = (name: ProcessName) => `http://127.0.0.1:${ports[name]}`;

  return {
    urls: {
      users: urlOf('users'),
      products: urlOf('products'),
      orders: urlOf('orders'),
      gateway: urlOf('gateway'),
    },
    until: async (service, instance, state) => {
      const line = `${service},${instance},`;
      await eventually(
        async () => (await ask(socket, 'show stat')).split('\n').find((each) => each.startsWith(line)) ?? '',
        (found) => found.split(',')[STATUS] === state,
        120_000,
      );
    },
    stop: async () => {
      if (child.exitCode === null) {
        const closed = once(child, 'close');
        child.kill('SIGKILL');
        await closed;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(
  socket: string,
  ports: Record<ProcessName, number>,
  instances: readonly Ports[],
): string {
  const services = PROCESSES.flatMap((name) => [
    `listen ${name}`,
    `  bind 127.0.0.1:${ports[name]}`,
    ...instances.map(
      (each, index) => `  server ${index} 127.0.0.1:${each[name].http} port ${each[name].ops}`,
    ),
  ]);
  return [DEFAULTS, 'global', `  stats socket ${socket}`, ...services, ''].join('\n');
}

/** The column of `show stat` that says UP or DOWN. */
const STATUS = 17;

async function launch(folder: string, socket: string): Promise<ChildProcess> {
  // In the foreground, so that it ends with its child process.
  const args = ['-db', '-f', join(folder, 'haproxy.cfg'), '-p', join(folder, 'pid')];
  const child = spawn('haproxy', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let lastWords = '';
  child.stderr.on('data', (chunk) => {
    lastWords = `${lastWords}${chunk}`.slice(-2_000);
  });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`haproxy ended with ${code}: ${lastWords}`)));
  });
  const answers = eventually(() => ask(socket, 'show info').catch(() => ''), Boolean);
  await Promise.race([answers, failed]);
  failed.catch(() => undefined);
  return child;
}

/** One command to haproxy's own socket. */
async function ask(path: string, command: string): Promise<string> {
  const connection = connect(path);
  connection.end(`${command}\n`);
  return text(connection);
}

/** Ends the load balancers of test runs that were killed, and removes their folders. */
async function sweepAbandoned(): Promise<void> {
  for (const folder of await listAbandonedFolders('holdfast-balancer-')) {
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => '0'));
    if (pid > 0 && (await commandOf(pid)).includes('haproxy')) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}
