// A shell that runs the commands of a document block by block, as a reader pastes them.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** A control character that no command writes. */
const END = '\u001e';

export class Shell {
  readonly #bash: ChildProcessByStdio<Writable, Readable, Readable>;
  #output = '';
  #errors = '';

  /** A command that fails ends the shell. `folder` is where it begins. */
  constructor(folder: string) {
    this.#bash = spawn('bash', ['--norc', '-euo', 'pipefail'], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
      stdio: 'pipe',
    });
    this.#bash.stdout.setEncoding('utf8').on('data', (text) => (this.#output += text));
    this.#bash.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text));
    // `run` reports the error when the shell has ended.
    this.#bash.stdin.on('error', () => {});
  }

  /** Runs commands and returns their output. @throws when one of them fails */
  async run(commands: string): Promise<string> {
    this.#output = '';
    this.#errors = '';
    this.#bash.stdin.write(`{\n${commands}\n} </dev/null\nprintf '\\036'\n`);
    await new Promise<void>((resolve, reject) => {
      const look = () => this.#output.endsWith(END) && settle(resolve);
      const fail = () => settle(() => reject(new Error(`a command failed:\n${this.#output}${this.#errors}`)));
      const settle = (then: () => void) => {
        this.#bash.stdout.off('data', look);
        this.#bash.off('close', fail);
        then();
      };
      this.#bash.stdout.on('data', look);
      this.#bash.on('close', fail);
      if (this.#bash.exitCode !== null) fail();
    });
    return this.#output.slice(0, -END.length);
  }

  /** Reads a variable; undefined when it is not set. */
  async read(name: string): Promise<string | undefined> {
    const value = await this.run(`printf %s "\${${name}-}"`);
    return value === '' ? undefined : value;
  }

  async set(name: string, value: string): Promise<void> {
    await this.run(`${name}='${value.replaceAll("'", `'\\''`)}'`);
  }

  end(): void {
    this.#bash.kill();
  }
}
