// Lists in docs/licences.md, by their licences, the packages that the services run and the pages are built from, as
// package-lock.json has them; `--check` only says whether the list is that.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../local/src/setup/files.mjs';
import { writePart } from './made-part.mjs';

const SERVICES = ['gateway', 'subgraphs/users', 'subgraphs/products', 'subgraphs/orders', 'prisma'];
/** They build or check the pages, and nothing of them is in what a browser gets. */
const TOOLS_OF_PAGES = /^(vite$|@types\/)/;

const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'));

/** The place in the lock file of a package that is asked for at `from`, by Node's rule; undefined when it is not installed. */
function resolve(from, name) {
  const place = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (packages[place]) return packages[place].link ? packages[place].resolved : place;
  if (from === '') return undefined;
  return resolve(
    from.includes('/node_modules/') ? from.replace(/\/node_modules\/(?!.*\/node_modules\/).*/, '') : '',
    name,
  );
}

/** Adds to `found` what is installed for the package at `place`. */
function collect(place, found) {
  const {
    dependencies,
    optionalDependencies,
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = packages[place];
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers])
    add(resolve(place, name), found);
  return found;
}

function add(place, found) {
  if (place === undefined || found.has(place)) return;
  found.add(place);
  collect(place, found);
}

const services = new Set(SERVICES.flatMap((place) => [...collect(place, new Set())]));
const pages = new Set();
for (const name of Object.keys(packages.web.devDependencies))
  if (!TOOLS_OF_PAGES.test(name)) add(resolve('web', name), pages);

const nameOf = (place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
const namesBy = (places, licence) => [
  ...new Set([...places].filter((place) => packages[place].license === licence).map(nameOf)),
];

function table(places) {
  const installed = [...places].filter((place) => place.includes('node_modules/'));
  const unknown = installed.filter((place) => packages[place].license === undefined);
  if (unknown.length > 0) throw new Error(`package-lock.json names no licence of ${unknown.join(', ')}`);
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
  ...table(services),
  '',
  '## What the pages are built from',
  '',
  ...table(pages),
]);
