// One instance of every service behind a load balancer, with a place for a second one, as in a Deployment with `maxSurge: 1` and
// `maxUnavailable: 0`: the smallest fleet that can be rolled without a gap.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ports, PROCESSES, type ProcessName } from '@holdfast/local/settings/services';
import { findFreePorts } from '@holdfast/local/stack/stack';
import { type LoadBalancer, startLoadBalancer } from '../support/load-balancer.ts';
import { startRedis } from '../support/redis.ts';
import { type System, startSystem } from '../support/system.ts';

const SETTINGS = {
  /** Longer than an upgrade on a busy machine, so that rows that the old version cached are still there. */
  CACHE_TTL_S: '300',
  /** Longer than the load balancer needs to notice a drain, and than callers keep an unused connection. */
  DRAIN_DELAY_MS: '2500',
  QUEUE_LEASE_MS: '1500',
  SUBGRAPH_CONNECTION_MAX_AGE_MS: '5000',
};

/** A program that runs in the place of the service's own, and its settings. */
export interface Program {
  readonly entry: string;
  readonly environment?: Record<string, string>;
}

export interface Fleet {
  /** The URL of the load balancer in front of the gateways. */
  readonly url: string;
  readonly system: System;
  /** Seconds from SIGTERM to the end of the process, one number a time. */
  readonly drains: Record<ProcessName, number[]>;
  /** The readiness of the second gateway, which is the one that the first `add` starts. */
  readonly secondGatewayReadyUrl: string;
  /** Starts an instance beside the running one, with another program if one is given. Waits until the load balancer uses it. */
  add(service: ProcessName, program?: Program): Promise<void>;
  /** Adds an instance, and then sends SIGTERM to the one before. */
  replace(service: ProcessName, program?: Program): Promise<void>;
  /** Sends SIGKILL to the older instance, and waits until the load balancer does not use it any more. */
  crash(service: ProcessName): Promise<void>;
  /** A folder for the files of a test. */
  readonly folder: string;
  stop(): Promise<void>;
}

interface Instance {
  /** Its number at the load balancer. */
  readonly place: number;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the fleet and waits until every instance accepts connections. */
export async function startFleet(): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-fleet-'));
  const ports = await Promise.all([findFreePorts(), findFreePorts()]);
  const [redis, balancer] = await Promise.all([startRedis(), startLoadBalancer(ports)]);
  let system: System | undefined;
  const stop = async (): Promise<void> => {
    await system?.stop();
    await Promise.all([redis.stop(), balancer.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    system = await startSystem({
      ports: ports[0],
      env: { ...SETTINGS, REDIS_URL: redis.url },
      environment: environmentOf(balancer),
    });
    for (const name of PROCESSES) await balancer.until(name, 0, 'UP');
    return { url: balancer.urls.gateway, folder, system, ...replacements({ system, balancer, ports }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Parts {
  readonly system: System;
  readonly balancer: LoadBalancer;
  readonly ports: readonly [Ports, Ports];
}

function replacements({ system, balancer, ports }: Parts) {
  const drains: Fleet['drains'] = { users: [], products: [], orders: [], gateway: [] };
  const first = (name: ProcessName): Instance[] => [
    { place: 0, kill: () => system.kill(name), stop: () => system.terminate(name) },
  ];
  /** The running instances of each service, the oldest first. */
  const running: Record<ProcessName, Instance[]> = {
    users: first('users'),
    products: first('products'),
    orders: first('orders'),
    gateway: first('gateway'),
  };

  function takeOldest(name: ProcessName): Instance {
    const found = running[name].shift();
    if (!found) throw new Error(`no instance of ${name} runs`);
    return found;
  }
  async function add(name: ProcessName, program?: Program): Promise<void> {
    const place = running[name][0]?.place === 0 ? 1 : 0;
    const own = { ports: ports[place][name], ...(program && { entry: program.entry }) };
    const { kill, stop } = await system.another(name, program?.environment, own);
    running[name].push({ place, kill, stop });
    await balancer.until(name, place, 'UP');
  }

  return {
    drains,
    add,
    secondGatewayReadyUrl: `http://127.0.0.1:${ports[1].gateway.ops}/readyz`,
    replace: async (name: ProcessName, program?: Program) => {
      await add(name, program);
      const { place, stop } = takeOldest(name);
      const from = performance.now();
      await stop();
      drains[name].push((performance.now() - from) / 1_000);
      await balancer.until(name, place, 'DOWN');
    },
    crash: async (name: ProcessName) => {
      const { place, kill } = takeOldest(name);
      await kill();
      await balancer.until(name, place, 'DOWN');
    },
  };
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
