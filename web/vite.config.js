// The pages that the gateway serves: one entry each, built into dist/ with a hash of the contents in each file's name.
import { defineConfig } from 'vite';

const PAGES = ['home', 'explorer', 'reference', 'console'];
/** A running system, for `vite dev`. */
const GATEWAY = process.env.GATEWAY_URL ?? 'http://localhost:4000';

export default defineConfig({
  root: import.meta.dirname,
  base: '/assets/',
  build: {
    assetsDir: '.',
    emptyOutDir: true,
    // The Content-Security-Policy lets in no data: URL but for images.
    assetsInlineLimit: 0,
    rolldownOptions: { input: PAGES.map((page) => `${import.meta.dirname}/${page}.html`) },
  },
  server: {
    proxy: Object.fromEntries(
      ['/graphql', '/login', '/openapi.json', '/products', '/orders'].map((path) => [path, GATEWAY]),
    ),
  },
});
