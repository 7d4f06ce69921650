// A connection to PostgreSQL that is not closed while one of its statements has no answer. A commit may hang for as long as a
// standby is away, in spite of all timeouts, and it goes on hanging after its client has closed the connection.
import { Socket } from 'node:net';
import pg from 'pg';

export class PatientClient extends pg.Client {
  readonly #socket: Socket;
  #isWaiting = false;
  #isOver = false;

  constructor(config?: pg.ClientConfig) {
    const socket = new Socket();
    super({ ...config, stream: () => socket });
    this.#socket = socket;
    this.connection.on('readyForQuery', () => {
      this.#isWaiting = false;
    });
    this.once('end', () => {
      this.#isOver = true;
      this.#isWaiting = false;
    });
    // PostgreSQL cannot answer on a connection that is broken.
    this.on('error', () => this.giveUp());
  }

  // TypeScript cannot express pg's overloads of `query` in a subclass. The wrapper passes its arguments on unchanged.
  override query = ((...args: Parameters<pg.Client['query']>) => {
    this.sending();
    return super.query(...args);
  }) as pg.Client['query'];

  /** Called before each statement is sent. */
  protected sending(): void {
    // A connection that has ended sends no statement, so no answer will come.
    this.#isWaiting = !this.#isOver;
  }

  /** Whether a statement was sent that PostgreSQL has not answered. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Resolves once the statement is answered, or the connection is gone. */
  answered(): Promise<void> {
    if (!this.#isWaiting) return Promise.resolve();
    return new Promise((resolve) => {
      this.connection.once('readyForQuery', () => resolve());
      this.once('end', () => resolve());
    });
  }

  /**
   * Closes the connection without waiting for the answer. It sends a reset: after an ordinary close the kernel would go on
   * sending the statement, and after a network partition PostgreSQL could receive it minutes later.
   */
  giveUp(): void {
    this.#isWaiting = false;
    this.#socket.resetAndDestroy();
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    const answered = this.answered();
    if (!callback) return answered.then(() => super.end());
    void answered.then(() => super.end(callback));
    return undefined;
  }
}
