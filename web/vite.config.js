// Builds the pages that the gateway serves into dist/: one entry for each page, with a hash of the contents in each file's name.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import scalar from '@scalar/fastify-api-reference';
import { fastify } from 'fastify';
import { defineConfig } from 'vite';

const PAGES = ['home', 'explorer', 'reference', 'console'];
/** A running system, for `vite dev`. */
const GATEWAY = process.env.GATEWAY_URL ?? 'http://localhost:4000';
const CALLS = ['/graphql', '/status', '/login', '/openapi.json', '/products', '/orders', '/profile'];

/** This quality takes half a second for the largest file. The highest takes twelve seconds and saves a twentieth. */
const BROTLI_QUALITY = 9;
const brotli = (bytes) =>
  promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } });

/** Writes two compressed copies beside every asset. The gateway chooses one. */
const compressedAssets = {
  name: 'compressed-assets',
  apply: 'build',
  writeBundle: async ({ dir }, bundle) => {
    const assets = Object.keys(bundle).filter((name) => !name.endsWith('.html'));
    for (const path of assets.map((name) => join(dir, name))) {
      const bytes = await readFile(path);
      await Promise.all([
        brotli(bytes).then((compressed) => writeFile(`${path}.br`, compressed)),
        promisify(gzip)(bytes).then((compressed) => writeFile(`${path}.gz`, compressed)),
      ]);
    }
  },
};

/** The script of Scalar's reference as a file of its own: `import url from 'virtual:scalar'`. The package does not export the script otherwise. */
const scalarScript = {
  name: 'scalar-script',
  resolveId: (id) => (id === 'virtual:scalar' ? `\0${id}` : undefined),
  async load(id) {
    if (id !== '\0virtual:scalar') return undefined;
    const app = fastify();
    await app.register(scalar, { configuration: { url: '/openapi.json' } });
    const { body } = await app.inject('/reference/js/scalar.js');
    const file = this.emitFile({ type: 'asset', name: 'scalar.js', source: body });
    return `export default import.meta.ROLLUP_FILE_URL_${file};`;
  },
};

/** The console has paths of its own below /console, as the gateway serves it. */
const consolePaths = {
  name: 'console-paths',
  configureServer: ({ middlewares }) => {
    middlewares.use((request, _, next) => {
      if (/^\/console([/?]|$)/.test(request.url)) request.url = '/assets/console.html';
      next();
    });
  },
};

export default defineConfig({
  root: import.meta.dirname,
  base: '/assets/',
  plugins: [scalarScript, compressedAssets, consolePaths],
  build: {
    assetsDir: '.',
    emptyOutDir: true,
    // The Content-Security-Policy allows data: URLs only for images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licences of the bundled packages require their notices.
    license: { fileName: 'licences.md' },
    // Monaco is one chunk of 2.8 MB, which compresses to a fifth.
    chunkSizeWarningLimit: 3_000,
    rolldownOptions: {
      // Libraries for React mark what runs in browsers ("use client"); here everything does.
      checks: { moduleLevelDirective: false },
      // The small pages that the gateway writes itself use the shared style sheet too.
      input: [
        ...PAGES.map((page) => join(import.meta.dirname, `${page}.html`)),
        join(import.meta.dirname, 'src/shared/theme.css'),
      ],
    },
  },
  server: { proxy: Object.fromEntries(CALLS.map((path) => [path, GATEWAY])) },
});
