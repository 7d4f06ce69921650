// Lists in docs/licences.md, by licence, the packages of package-lock.json that the services run and the pages are built from. With
// `--check` it only checks that the list is up to date.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../local/src/root.js';
import { writePart } from './generated-part.mjs';

const SERVICES = ['gateway', 'subgraphs/users', 'subgraphs/products', 'subgraphs/orders', 'prisma'];
/** Packages that build or check the pages. No part of them reaches a browser. */
const TOOLS_OF_PAGES = /^(vite$|@types\/)/;

const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'));

/** The path in the lock file of the package that `from` imports as `name`, by Node's rule; undefined when it is not installed. */
function resolve(from, name) {
  const place = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (packages[place]) return packages[place].link ? packages[place].resolved : place;
  if (from === '') return undefined;
  return resolve(
    from.includes('/node_modules/') ? from.replace(/\/node_modules\/(?!.*\/node_modules\/).*/, '') : '',
    name,
  );
}

/** Adds to `found` the package at `place` and all that it needs. */
function collect(place, found) {
  if (place === undefined || found.has(place)) return;
  found.add(place);
  const { peerDependencies = {}, peerDependenciesMeta = {}, ...own } = packages[place];
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  const needed = Object.keys({ ...own.dependencies, ...own.optionalDependencies });
  for (const name of [...needed, ...peers]) collect(resolve(place, name), found);
}

const services = new Set();
for (const place of SERVICES) collect(place, services);
const pages = new Set();
for (const name of Object.keys(packages.web.devDependencies))
  if (!TOOLS_OF_PAGES.test(name)) collect(resolve('web', name), pages);

const nameOf = (place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
const namesBy = (places, licence) => [
  ...new Set([...places].filter((place) => packages[place].license === licence).map(nameOf)),
];

function formatTable(places) {
  const installed = [...places].filter((place) => place.includes('node_modules/'));
  const unknown = installed.filter((place) => packages[place].license === undefined);
  if (unknown.length > 0) throw new Error(`package-lock.json has no licence for ${unknown.join(', ')}`);
  const licences = [...new Set(installed.map((place) => packages[place].license))];
  const rows = licences
    .map((licence) => ({ licence, names: namesBy(installed, licence).sort() }))
    .sort((a, b) => b.names.length - a.names.length || (a.licence < b.licence ? -1 : 1));
  return [
    '| licence | packages | names |',
    '| --- | ---: | --- |',
    ...rows.map(({ licence, names }) => `| ${licence} | ${names.length} | ${names.join(', ')} |`),
  ];
}

await writePart('docs/licences.md', [
  '## What the services run',
  '',
  ...formatTable(services),
  '',
  '## What the pages are built from',
  '',
  ...formatTable(pages),
]);
