// For tests of mails: a real SMTP server that keeps what it takes.
import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';

export interface Received {
  readonly to: string;
  /** As it came, header and body. */
  readonly raw: string;
}

export interface TestSmtp {
  readonly received: Received[];
  readonly port: number;
  readonly url: string;
  /** The newest mail to an address, of those after the first `skipped`, once it is there. */
  mailTo(address: string, skipped?: number): Promise<Received>;
  close(): Promise<void>;
}

/** The server refuses mail to `unknown-mailbox…`, as if it had no such mailbox. */
export async function startSmtp(port = 0): Promise<TestSmtp> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _, done) =>
      address.startsWith('unknown-mailbox')
        ? done(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
        : done(),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString().replaceAll('=\r\n', '').replaceAll('=3D', '=');
        received.push({ to: session.envelope.rcptTo[0]?.address ?? '', raw });
        done();
      });
    },
  });
  server.on('error', () => undefined);
  const listening = server.listen(port, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  const mailsTo = (to: string) => received.filter((mail) => mail.to === to);
  return {
    received,
    port: address.port,
    url: `smtp://127.0.0.1:${address.port}`,
    mailTo: (to, skipped = 0) => until(() => mailsTo(to).slice(skipped).at(-1)),
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

/** What `look` gives once it gives something. */
export async function until<Value>(
  look: () => Value | undefined | Promise<Value | undefined>,
): Promise<Value> {
  for (let tries = 0; tries < 2_000; tries += 1) {
    const value = await look();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it has not happened in time');
}

/** The token of the link in a mail. */
export function tokenIn({ raw }: Received): string {
  const token = /#token=([A-Za-z0-9_-]{43})\s/.exec(raw)?.[1];
  if (token === undefined) throw new Error(`no link is in ${raw}`);
  return token;
}
