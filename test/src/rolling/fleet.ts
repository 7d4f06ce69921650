// Two instances of every service behind a load balancer: the smallest fleet that can be rolled without a gap.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ports, PROCESSES, type ProcessName } from '@holdfast/local/settings/services';
import { findFreePorts } from '@holdfast/local/stack/stack';
import { type LoadBalancer, startLoadBalancer } from '../support/load-balancer.ts';
import { startRedis } from '../support/redis.ts';
import { type AnotherInstance, type System, startSystem } from '../support/system.ts';

const SETTINGS = {
  /** Longer than the load balancer needs to notice a drain, and than callers keep an unused connection. */
  DRAIN_DELAY_MS: '2000',
  QUEUE_LEASE_MS: '1500',
  SUBGRAPH_CONNECTION_MAX_AGE_MS: '5000',
};

/** A program that runs in the place of the service's own, and its settings. */
export interface Program {
  readonly entry: string;
  readonly environment?: Record<string, string>;
}

type Lives = Pick<AnotherInstance, 'kill' | 'restart' | 'stop'>;
type AllLives = Record<ProcessName, Lives[]>;

export interface Fleet {
  /** The URL of the load balancer in front of the gateways. */
  readonly url: string;
  /** The URLs of the first gateway, without a path: for callers, and for readiness. */
  readonly firstGateway: { readonly url: string; readonly opsUrl: string };
  readonly system: System;
  /** Seconds from SIGTERM to the end of the process, one number a time. */
  readonly drains: Record<ProcessName, number[]>;
  /** Sends SIGTERM, then starts a new process in its place, and waits until the load balancer uses it. */
  roll(service: ProcessName, instance: number): Promise<void>;
  /** Does the same with another program, or with the service's own program when `program` is undefined. */
  rollTo(service: ProcessName, instance: number, program: Program | undefined): Promise<void>;
  /** Sends SIGKILL, and waits until the load balancer does not use the instance any more. */
  crash(service: ProcessName, instance: number): Promise<void>;
  /** A folder for the files of a test. */
  readonly folder: string;
  stop(): Promise<void>;
}

export const INSTANCES = [0, 1];

/** Starts the fleet and waits until every instance accepts connections. */
export async function startFleet(): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-fleet-'));
  const ports = await Promise.all(INSTANCES.map(() => findFreePorts()));
  const [redis, balancer] = await Promise.all([startRedis(), startLoadBalancer(ports)]);
  let system: System | undefined;
  const stop = async (): Promise<void> => {
    await system?.stop();
    await Promise.all([redis.stop(), balancer.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    system = await startSystem({
      ports: portsOf(ports, 0),
      env: { ...SETTINGS, REDIS_URL: redis.url },
      environment: environmentOf(balancer),
    });
    const lives = await startSecondInstances(system, ports);
    for (const name of PROCESSES) for (const index of INSTANCES) await balancer.until(name, index, 'UP');
    return {
      url: balancer.urls.gateway,
      firstGateway: { url: system.urls.gateway, opsUrl: system.opsUrls.gateway },
      folder,
      system,
      ...replacements({ system, balancer, ports, lives }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts the second instance of each service. */
async function startSecondInstances(system: System, ports: readonly Ports[]): Promise<AllLives> {
  const both = async (name: ProcessName): Promise<Lives[]> => {
    const first: Lives = {
      kill: () => system.kill(name),
      restart: () => system.restart(name),
      stop: () => system.terminate(name),
    };
    return [first, await system.another(name, {}, { ports: portsOf(ports, 1)[name] })];
  };
  const [users, products, orders, gateway] = await Promise.all([
    both('users'),
    both('products'),
    both('orders'),
    both('gateway'),
  ]);
  return { users, products, orders, gateway };
}

interface Parts {
  readonly system: System;
  readonly balancer: LoadBalancer;
  readonly ports: readonly Ports[];
  readonly lives: AllLives;
}

function replacements({ system, balancer, ports, lives }: Parts) {
  const drains: Fleet['drains'] = { users: [], products: [], orders: [], gateway: [] };
  const one = (name: ProcessName, index: number): Lives => {
    const found = lives[name][index];
    if (!found) throw new Error(`there is no instance ${index} of ${name}`);
    return found;
  };
  async function drain(name: ProcessName, index: number): Promise<void> {
    const from = performance.now();
    await one(name, index).stop();
    drains[name].push((performance.now() - from) / 1_000);
    await balancer.until(name, index, 'DOWN');
  }

  return {
    drains,
    roll: async (name: ProcessName, index: number) => {
      await drain(name, index);
      await one(name, index).restart();
      await balancer.until(name, index, 'UP');
    },
    rollTo: async (name: ProcessName, index: number, program: Program | undefined) => {
      await drain(name, index);
      const own = { ports: portsOf(ports, index)[name], ...(program && { entry: program.entry }) };
      lives[name][index] = await system.another(name, program?.environment, own);
      await balancer.until(name, index, 'UP');
    },
    crash: async (name: ProcessName, index: number) => {
      await one(name, index).kill();
      await balancer.until(name, index, 'DOWN');
    },
  };
}

function portsOf(ports: readonly Ports[], index: number): Ports {
  const found = ports[index];
  if (!found) throw new Error(`there are no ports for instance ${index}`);
  return found;
}

/** Every service reaches every other one by the load balancer. */
function environmentOf({ urls }: LoadBalancer) {
  const JWKS_URL = `${urls.users}/.well-known/jwks.json`;
  const PRODUCTS_URL = `${urls.products}/graphql`;
  return {
    products: { JWKS_URL },
    orders: { JWKS_URL, PRODUCTS_URL },
    gateway: {
      JWKS_URL,
      PRODUCTS_URL,
      USERS_URL: `${urls.users}/graphql`,
      ORDERS_URL: `${urls.orders}/graphql`,
    },
  };
}
