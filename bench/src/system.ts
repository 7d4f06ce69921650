// The processes of a benchmark: stubs, load generator, and each gateway from the first time that it is asked for.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { type Program, startProgram } from './child.ts';
import { type Generator, startGenerator } from './load/generator.ts';
import { type OurGateway, type OurGatewayOptions, startOurGateway } from './our-gateway.ts';
import { subgraphUrl, supergraphOver } from './stubs/schemas.ts';
import { createTokens } from './tokens.ts';

export const GATEWAYS = [
  'naive',
  'tuned',
  'mercurius',
  'proxy',
  'ours',
  'ours-limits-off',
  'ours-log-off',
] as const;
export type GatewayName = (typeof GATEWAYS)[number];

/** What differs from a deployment's settings in the variants of our gateway. */
const OUR_SETTINGS: Partial<Record<GatewayName, Readonly<Record<string, string>>>> = {
  ours: {},
  'ours-limits-off': { RATE_LIMITS: 'off' },
  'ours-log-off': { LOG_LEVEL: 'warn' },
};

/** Only makes the start shorter; that of our gateway is measured without this one. */
const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/node') };

export interface BenchSystem {
  readonly generator: Generator;
  /** The access token of every request. */
  readonly token: string;
  /** A folder of this run, which is gone after it. */
  readonly folder: string;
  gateway(name: GatewayName): Promise<Program>;
  /** One more process of ours, which the caller stops. */
  anotherOfOurs(settings?: Readonly<Record<string, string>>): Promise<OurGateway>;
  stop(): Promise<void>;
}

export async function startBenchSystem(profileFolder?: string): Promise<BenchSystem> {
  const { token, keySet } = await createTokens();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const supergraphFile = join(folder, 'supergraph.graphql');
  const stubs = await startProgram('stubs/main.ts', { args: [keySet] });
  await writeFile(supergraphFile, await supergraphOver(stubs.url));
  const generator = startGenerator();
  const gateways = new Map<GatewayName, Promise<Program>>();

  const { ours, start } = starters({ stubs: stubs.url, supergraphFile, profileFolder });

  return {
    generator,
    token,
    folder,
    gateway: (name) => {
      const running = gateways.get(name) ?? start(name);
      gateways.set(name, running);
      return running;
    },
    anotherOfOurs: (settings = {}) => ours({ settings }),
    stop: async () => {
      await generator.stop();
      // One that could not be started has said so already.
      await Promise.allSettled([...gateways.values()].map(async (running) => (await running).stop()));
      await stubs.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Surroundings {
  readonly stubs: string;
  readonly supergraphFile: string;
  readonly profileFolder: string | undefined;
}

function starters({ stubs, supergraphFile, profileFolder }: Surroundings) {
  const ours = (options: Pick<OurGatewayOptions, 'settings' | 'nodeArgs'>) =>
    startOurGateway({ stubs, supergraphFile, ...options });
  const argumentOf = (name: GatewayName): string => {
    if (name === 'mercurius') return stubs;
    return name === 'proxy' ? subgraphUrl(stubs, 'products') : supergraphFile;
  };
  const start = (name: GatewayName): Promise<Program> => {
    const settings = OUR_SETTINGS[name];
    const nodeArgs = profileFolder === undefined ? [] : profileArgs(profileFolder, name);
    if (settings !== undefined) return ours({ settings: { ...COMPILE_CACHE, ...settings }, nodeArgs });
    return startProgram(`gateways/${name}.ts`, { args: [argumentOf(name)], env: COMPILE_CACHE });
  };
  return { ours, start };
}

/** Node writes a profile of each thread when the process ends. */
const profileArgs = (folder: string, name: GatewayName) => [
  '--cpu-prof',
  `--cpu-prof-dir=${join(folder, name)}`,
  '--cpu-prof-interval=500',
];
