// `node bench/src/profile.ts FOLDER…` prints the self time of each package and of each of our files, in % of the gateway's busy CPU
// time. `npm run bench -- --case NAME --gateway ours --profile FOLDER` writes such a folder.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';

const profile = z.object({
  nodes: z.array(
    z.object({ id: z.number(), callFrame: z.object({ functionName: z.string(), url: z.string() }) }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});
type Profile = z.infer<typeof profile>;

/** Shares below this, %, are shown only as a sum. */
const LEAST_SHOWN = 0.5;

/** The group of a function: a package, a file of ours, a part of Node, a native function, or an activity of V8 such as garbage collection. */
function groupOf(functionName: string, url: string): string {
  const parts = url.split('/node_modules/');
  const [scope = '', name = ''] = (parts.length > 1 ? (parts.at(-1) ?? '') : '').split('/');
  if (scope !== '') return scope.startsWith('@') ? `${scope}/${name}` : scope;
  const ours = /\/((?:gateway|platform)\/src\/.*)$/.exec(url)?.[1];
  if (ours !== undefined) return ours;
  if (url.startsWith('node:')) return url.replace(/^node:internal\/([^/]+).*$/, 'node:$1');
  return functionName.startsWith('(') ? functionName : `native ${functionName}`;
}

/** Microseconds of each group in the second half of the busy time, because in the first half the gateway loads, plans and compiles. */
function sumSelfTimes({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const rooms = new Map(
    nodes.map(({ id, callFrame: { functionName, url } }) => [id, groupOf(functionName, url)]),
  );
  const busy = samples
    .map((id, index) => ({ room: rooms.get(id) ?? '(unknown)', time: timeDeltas[index] ?? 0 }))
    .filter(({ room }) => room !== '(idle)');
  const times = new Map<string, number>();
  for (const { room, time } of busy.slice(busy.length / 2)) times.set(room, (times.get(room) ?? 0) + time);
  return times;
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

/** Shares in % of the busiest thread whose profile is in the folder or one below: the main thread. */
async function readShares(folder: string): Promise<Map<string, number>> {
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.cpuprofile'));
  const threads = await Promise.all(
    files.map(async (file) =>
      sumSelfTimes(profile.parse(JSON.parse(await readFile(join(folder, file), 'utf8')))),
    ),
  );
  const [main] = threads.sort((a, b) => sum(b.values()) - sum(a.values()));
  if (main === undefined) throw new Error(`${folder} holds no profile`);
  const whole = sum(main.values());
  return new Map([...main].map(([room, time]) => [room, (time / whole) * 100]));
}

const folders = process.argv.slice(2);
const columns = await Promise.all(folders.map(readShares));
const most = (room: string): number => Math.max(...columns.map((shares) => shares.get(room) ?? 0));
const rooms = [...new Set(columns.flatMap((shares) => [...shares.keys()]))].sort((a, b) => most(b) - most(a));
const shown = rooms.filter((room) => most(room) >= LEAST_SHOWN);
const line = (name: string, values: readonly number[]) =>
  console.log(`| ${name} | ${values.map((value) => value.toFixed(1)).join(' | ')} |`);

console.log(`| part, % | ${folders.map((folder) => basename(folder)).join(' | ')} |`);
console.log(`| --- | ${folders.map(() => '---').join(' | ')} |`);
for (const room of shown)
  line(
    room,
    columns.map((shares) => shares.get(room) ?? 0),
  );
line(
  'all others',
  columns.map((shares) => 100 - sum(shown.map((room) => shares.get(room) ?? 0))),
);
