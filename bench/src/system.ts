// The processes of a benchmark: stubs, load generator, and the gateways, each started at its first use.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPILE_CACHE, type Program, startProgram } from './child.ts';
import { type Generator, startGenerator } from './load/generator.ts';
import { type OurGateway, type OurGatewayOptions, startOurGateway } from './our-gateway.ts';
import { composeOver, subgraphUrl } from './stubs/schemas.ts';
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

/** The settings of our gateway's variants that differ from a deployment's. */
const OUR_SETTINGS: Partial<Record<GatewayName, Readonly<Record<string, string>>>> = {
  ours: {},
  'ours-limits-off': { RATE_LIMITS: 'off' },
  'ours-log-off': { LOG_LEVEL: 'warn' },
};

export interface BenchSystem {
  readonly generator: Generator;
  /** The access token of every request. */
  readonly token: string;
  /** A temporary folder of this run. */
  readonly folder: string;
  gateway(name: GatewayName): Promise<Program>;
  /** Starts one more process of our gateway, which the caller stops. */
  anotherOfOurs(settings?: Readonly<Record<string, string>>): Promise<OurGateway>;
  stop(): Promise<void>;
}

export async function startBenchSystem(profileFolder?: string): Promise<BenchSystem> {
  const { token, keySet } = await createTokens();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const supergraphFile = join(folder, 'supergraph.graphql');
  const stubs = await startProgram('stubs/main.ts', { args: [keySet] });
  await writeFile(supergraphFile, await composeOver(stubs.url));
  const generator = startGenerator();
  const gateways = new Map<GatewayName, Promise<Program>>();

  const { ours, start } = createStarters({ stubs: stubs.url, supergraphFile, profileFolder });

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
      // A gateway that could not be started has reported that already.
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

function createStarters({ stubs, supergraphFile, profileFolder }: Surroundings) {
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
    return startProgram(`gateways/${name}.ts`, { args: [argumentOf(name)] });
  };
  return { ours, start };
}

/** Node writes a profile of each thread when the process ends. */
const profileArgs = (folder: string, name: GatewayName) => [
  '--cpu-prof',
  `--cpu-prof-dir=${join(folder, name)}`,
  '--cpu-prof-interval=500',
];
