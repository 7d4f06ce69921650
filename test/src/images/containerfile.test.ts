// Checks the images without building them. `docker compose up --wait` and `npm run smoke` try the built images.
import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, matchesGlob, relative } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import { PROCESSES, portsFrom } from '@holdfast/local/settings/services';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deleteUnread } from '../../../scripts/production-packages.mjs';
import {
  allInstructions,
  type Containerfile,
  type Instruction,
  parseContainerfile,
} from './containerfile.ts';

const TARGETS = [...PROCESSES, 'migrations'];

let file: Containerfile;

beforeAll(async () => {
  file = parseContainerfile(await readFile(join(ROOT, 'Containerfile'), 'utf8'));
});

const instructions = (target: string, name: string): string[] =>
  allInstructions(file, target)
    .filter((instruction) => instruction.name === name)
    .map(({ text }) => text);

/** The last instruction of that name, in the stage or in the stages below it. It is the one that holds in the image. */
const last = (target: string, name: string): string => instructions(target, name).at(-1) ?? '';

/** The stages that a target is built on, the nearest first. */
const targetsBelow = (name: string): string[] => {
  const { from } = file.stages.get(name) ?? {};
  return from !== undefined && file.stages.has(from) ? [from, ...targetsBelow(from)] : [];
};

const copies = ({ name, text }: Instruction): string[] =>
  name === 'COPY' && !text.startsWith('--from=') ? text.split(' ').slice(0, -1) : [];

/** Whether a path of this folder is in the image. A stage of packages has only node_modules and package.json of a workspace. */
const isInImage = (target: string, path: string): boolean =>
  instructions(target, 'COPY').some((text) => {
    const [source = '', place = ''] = text.replace(/^--from=\S+ /, '').split(' ');
    const copied = place.endsWith('/') ? join(place, basename(source)) : place;
    if (/^--from=\S+-packages /.test(text)) return path === join(copied, 'package.json');
    return path === copied || path.startsWith(`${copied}/`);
  });

describe('the Containerfile', () => {
  it('has a target for each process and one for the migrations', () => {
    expect([...file.stages.keys()]).toEqual(expect.arrayContaining(TARGETS));
  });

  it('is built on the Node of .nvmrc and runs without a shell, both by a digest, and both can be replaced', () => {
    const digest = '@sha256:[0-9a-f]{64}$';
    expect(file.args.get('BASE')).toMatch(new RegExp(`/node:\\$\\{NODE_VERSION\\}-trixie-slim${digest}`));
    expect(file.args.get('RUNTIME_BASE')).toMatch(
      new RegExp(`^gcr\\.io/distroless/cc-debian13:latest${digest}`),
    );
    for (const { from } of file.stages.values()) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are the Containerfile's
      if (!file.stages.has(from)) expect(['${BASE}', '${RUNTIME_BASE}']).toContain(from);
    }
    for (const target of TARGETS) expect(targetsBelow(target).at(-1)).toBe('runtime');
    // The build of Node that package-lock.json pins and .nvmrc names.
    expect(instructions('build', 'RUN')[0]).toMatch(
      / && cp -L node_modules\/\.bin\/node \/usr\/local\/bin\/node$/,
    );
    expect(instructions('runtime', 'COPY')[0]).toBe('--from=build /usr/local/bin/node /usr/local/bin/node');
  });

  it('copies only existing files of this folder and of existing stages', () => {
    for (const stage of file.stages.values()) {
      for (const source of stage.instructions.flatMap(copies))
        expect([source, existsSync(join(ROOT, source))]).toEqual([source, true]);
      for (const { name, text } of stage.instructions) {
        const from = /^--from=(\S+)/.exec(text)?.[1];
        if (name === 'COPY' && from !== undefined) expect([...file.stages.keys()]).toContain(from);
      }
    }
  });

  it('copies what the sources read by a path relative to their own', async () => {
    const targetsOf = { platform: PROCESSES, prisma: ['migrations'], gateway: ['gateway'] };
    const subgraphs = ['users', 'products', 'orders'].map((name) => [`subgraphs/${name}`, [name]] as const);
    let found = 0;
    for (const [room, targets] of [...Object.entries(targetsOf), ...subgraphs]) {
      for (const source of globSync(`${room}/src/**/*.{ts,js}`, { cwd: ROOT })) {
        if (/\.test\.ts$|\/testing|\/test\/|\/generated\//.test(source)) continue;
        const text = await readFile(join(ROOT, source), 'utf8');
        for (const [, path = ''] of text.matchAll(/new URL\('(\.\.\/[^']*)', import\.meta\.url\)/g)) {
          const read = join(dirname(source), path);
          found += 1;
          for (const target of targets)
            expect([target, source, read, isInImage(target, read)]).toEqual([target, source, read, true]);
        }
      }
    }
    expect(found).toBeGreaterThan(5);
  });

  it('installs the packages of package-lock.json and runs no script of a package', async () => {
    const runs = [...file.stages.values()].flatMap((stage) => stage.instructions);
    const installs = runs.filter(({ name, text }) => name === 'RUN' && /\bnpm (ci|install|i)\b/.test(text));
    expect(installs).toHaveLength(2);
    for (const { text } of installs) {
      expect(text).toMatch(/\bnpm ci\b|--package-lock-only --offline/);
      expect(text).toContain('--ignore-scripts');
    }
    expect(await readFile(join(ROOT, 'scripts/production-packages.mjs'), 'utf8')).toContain(
      "npm('ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '-w', workspace);",
    );
  });

  it('keeps the files of packages that a process reads, and deletes the others once, also in a linked workspace', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-packages-'));
    const unread = [
      'node_modules/zod/index.d.ts',
      'node_modules/zod/index.js.map',
      'node_modules/@prisma/client/runtime/query_compiler_fast_bg.mysql.js',
      'users/node_modules/zod/index.d.ts',
    ];
    const read = [
      'node_modules/zod/index.js',
      'node_modules/@prisma/client/runtime/query_compiler_fast_bg.postgresql.js',
      'users/node_modules/zod/index.js',
      'users/src/env.d.ts',
    ];
    try {
      for (const path of [...unread, ...read]) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), '');
      }
      await symlink('../../users', join(folder, 'node_modules/@prisma/users'));
      await deleteUnread(folder);
      expect(read.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
      expect(unread.filter((path) => existsSync(join(folder, path)))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('gives every target the packages of its workspace, without those for development, and an SBOM', () => {
    for (const target of TARGETS) {
      const workspace = target === 'migrations' ? 'database' : target;
      expect(last(`${target}-packages`, 'RUN')).toMatch(
        new RegExp(` node scripts/production-packages\\.mjs @holdfast/${workspace}$`),
      );
      const from = `--from=${target}-packages`;
      expect(instructions(target, 'COPY').filter((text) => text.includes('node_modules'))).toEqual([
        `${from} /app/node_modules node_modules`,
      ]);
      expect(instructions(target, 'COPY')).toContain(`${from} /app/sbom.json ./`);
    }
  });

  it('runs every target as a user with a number, not root, and without a shell', () => {
    for (const target of TARGETS) {
      expect(last(target, 'USER')).toBe('10001:10001');
      const command: unknown = JSON.parse(last(target, 'ENTRYPOINT'));
      expect(command).toEqual(['node', target === 'migrations' ? 'src/cli.ts' : 'src/main.ts']);
      expect(instructions(target, 'RUN')).toEqual([]);
      expect(instructions(target, 'CMD')).toEqual([]);
      expect(instructions(target, 'ENV').join(' ')).toContain('NODE_ENV=production');
    }
  });

  it('sets the ports that the processes have everywhere', () => {
    const ports = portsFrom(4000);
    for (const name of PROCESSES) {
      expect(instructions(name, 'ENV').join(' ')).toContain(
        `PORT=${ports[name].http} OPS_PORT=${ports[name].ops}`,
      );
      expect(last(name, 'EXPOSE')).toBe(`${ports[name].http} ${ports[name].ops}`);
    }
  });

  it('labels every image with its title, licence, version, revision and source', () => {
    for (const target of TARGETS) {
      const labels = instructions(target, 'LABEL').join(' ');
      expect(labels).toContain(`org.opencontainers.image.title="holdfast/${target}"`);
      for (const name of ['licenses', 'version', 'revision', 'source'])
        expect(labels).toContain(`org.opencontainers.image.${name}=`);
    }
  });

  it('has each of its targets in docker-bake.hcl, which attaches an SBOM and provenance', async () => {
    const bake = await readFile(join(ROOT, 'docker-bake.hcl'), 'utf8');
    expect(JSON.parse(/image = (\[.*\]) \}/.exec(bake)?.[1] ?? '[]').toSorted()).toEqual(TARGETS.toSorted());
    expect(bake).toContain('["type=sbom", "type=provenance,mode=max"]');
  });
});

/** Reads the patterns of .dockerignore in their order. */
async function readContextPatterns(): Promise<string[]> {
  const text = await readFile(join(ROOT, '.dockerignore'), 'utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the build stage', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-build-stage-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('generates code from its own files alone', async () => {
    const takenOut = (await readContextPatterns()).filter(
      (pattern) => !/^[!*]/.test(pattern) || /^\*\*/.test(pattern),
    );
    const filter = (path: string) => !takenOut.some((pattern) => matchesGlob(relative(ROOT, path), pattern));
    for (const source of allInstructions(file, 'build').flatMap(copies))
      await cp(join(ROOT, source), join(folder, source), { recursive: true, filter });
    // Without .cache, which stores the inputs of the last set-up.
    const packages = join(ROOT, 'node_modules');
    await mkdir(join(folder, 'node_modules'));
    for (const name of await readdir(packages))
      if (name !== '.cache') await symlink(join(packages, name), join(folder, 'node_modules', name));

    // Without the pages: their build takes most of the CPU time, and the next test checks its inputs.
    const steps = ['prismaClient', 'resolverTypes', 'supergraph', 'operations'];
    const program = `import { setUp } from './local/src/setup/set-up.mjs'; await setUp({ steps: ${JSON.stringify(steps)} });`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder });
    expect(existsSync(join(folder, 'web/src/generated/operations.ts'))).toBe(true);
  }, 180_000);

  it('builds the pages from its own files alone: they import only packages and other files of web/', async () => {
    const files = (await readdir(join(folder, 'web'), { recursive: true })).filter((name) =>
      /^(src\/.*|vite\.config)\.(ts|tsx|js|css)$/.test(name),
    );
    expect(files.length).toBeGreaterThan(20);
    for (const name of files) {
      const path = join(folder, 'web', name);
      for (const [, specifier = ''] of (await readFile(path, 'utf8')).matchAll(/\bfrom '(\.[^']+)'/g)) {
        const target = join(dirname(path), specifier.replace(/\?.*$/, ''));
        expect([name, specifier, existsSync(target)]).toEqual([name, specifier, true]);
      }
    }
  });
});

describe('the build context', () => {
  it('contains only the named files, and never a secret, a test or an earlier build', async () => {
    const patterns = await readContextPatterns();
    expect(patterns[0]).toBe('*');
    const lastNamed = patterns.findLastIndex((pattern) => pattern.startsWith('!'));
    // A later pattern wins: what is taken out must come after what is named.
    const takenOut = patterns.slice(lastNamed + 1);
    for (const pattern of ['node_modules', 'generated', '*.test.ts', '.env*', '.data', '*keys.json'])
      expect(takenOut).toContain(`**/${pattern}`);
    const named = patterns.slice(1, lastNamed + 1).map((pattern) => pattern.slice(1));
    expect(
      named.filter((path) => (path.startsWith('.') && path !== '.nvmrc') || path.startsWith('*')),
    ).toEqual([]);
    const sources = [...file.stages.values()].flatMap((stage) => stage.instructions.flatMap(copies));
    const isNamed = (source: string) =>
      named.some((pattern) => matchesGlob(source, pattern) || source.startsWith(`${pattern}/`));
    expect(sources.filter((source) => !isNamed(source))).toEqual([]);
  });
});
