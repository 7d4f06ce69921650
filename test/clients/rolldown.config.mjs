// Bundles the programs, because they import without extensions, as programs of bundlers do.
const programs = ['apollo', 'urql', 'graphql-request', 'relay', 'openapi'];

export default {
  input: Object.fromEntries(programs.map((program) => [program, `${program}/main.ts`])),
  platform: 'node',
  output: { dir: 'bundles', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
};
