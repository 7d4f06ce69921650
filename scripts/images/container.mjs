// Runs an image the way a cluster does, without a container engine: as process 1 of a namespace of its own, on its own root
// file system, which is mounted read-only, as the image's user. The network is this machine's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { StepFailed } from '../steps.mjs';

/** Where the files of `files` are in the container. */
export const FILES = '/run/holdfast';

const ENTER = `
  root=$1 files=$2 folder=$3 uid=\${4%:*} gid=\${4#*:}
  shift 4
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  [ -z "$files" ] || mount --bind -o ro "$files" "$root${FILES}"
  mount -o remount,bind,ro "$root"
  exec unshare --root="$root" --wd="$folder" --setgid "$gid" --setuid "$uid" "$@"`;

/** A container of `image`, mounted: { root, config, remove() }. */
export async function openContainer(buildah, image) {
  const name = await buildah.ask('from', '--pull-never', image);
  const root = await buildah.ask('mount', name);
  for (const path of [FILES, 'proc', 'dev']) await mkdir(join(root, path), { recursive: true });
  return { root, config: await buildah.configOf(name, 'container'), remove: () => buildah.ask('rm', name) };
}

/**
 * Starts its entry point, or `command`. `files` is a folder that it sees at FILES.
 * Gives { pid(), lines, ended, kill(signal) }: `ended` resolves to the exit code, or to the signal's name.
 */
export function startProcess({ root, config }, { env = {}, files = '', command = config.Entrypoint }) {
  const own = Object.fromEntries(config.Env.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
  const where = [root, files, config.WorkingDir, config.User];
  const enter = ['--mount', '--pid', '--fork', '--kill-child', '--', 'sh', '-euc', ENTER, 'enter'];
  const child = spawn('unshare', [...enter, ...where, ...command], {
    env: { ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  const ended = once(child, 'close').then(([code, signal]) => signal ?? code);
  const pid = () => onlyChildOf(child.pid);
  const kill = async (signal) => {
    const inside = child.exitCode === null ? await pid() : undefined;
    if (inside !== undefined) process.kill(inside, signal);
  };
  return { pid, lines, ended, kill };
}

/** The process in the container, by its number outside; undefined when it has ended. */
async function onlyChildOf(pid) {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children === '' ? undefined : Number.parseInt(children, 10);
}

/** Who the process is, whether its root can be written and how much memory it has had, as the kernel has it. */
export async function standing(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
  const root = mounts.split('\n').find((line) => line.split(' ')[4] === '/');
  return {
    uids: /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [],
    gids: /^Gid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [],
    groups: /^Groups:[ \t]*(.*)$/m.exec(status)?.[1]?.trim() ?? '',
    capabilities: /^CapEff:\s+(\w+)$/m.exec(status)?.[1] ?? '',
    number: /^NSpid:.*\s(\d+)$/m.exec(status)?.[1],
    mostMemory: `${Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024)} MiB`,
    readOnly: root?.split(' ')[5]?.split(',').includes('ro') ?? false,
  };
}

/** Waits until `url` answers 200; throws when the process has ended before. */
export async function untilReady(name, process, url, withinMs = 60_000) {
  const until = Date.now() + withinMs;
  let over = false;
  void process.ended.then(() => {
    over = true;
  });
  for (;;) {
    const status = await fetch(url).then(
      (reply) => reply.arrayBuffer().then(() => reply.status),
      (error) => error.cause?.code ?? error.message,
    );
    if (status === 200) return;
    if (over || Date.now() > until)
      throw new StepFailed(`${name} did not get ready (${status}):\n${process.lines.slice(-20).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
