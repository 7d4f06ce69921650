// Sends mail over SMTP.
import { createTransport } from 'nodemailer';
import { z } from 'zod';
import type { Mail } from './texts.ts';

export interface Mailer {
  /**
   * Hands the mail over. What is sent twice under one `id` has one Message-ID, by which mail programs tell that it is the same.
   * @throws when it was not taken; a later try may have more luck, unless it is `Refused`
   */
  send(id: string, mail: Mail): Promise<void>;
  close(): void;
}

/** The server will never take mail to this address. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Together below the lease of a job, or another worker would send the mail as well. */
const TIMES = { dnsTimeout: 2_000, connectionTimeout: 3_000, greetingTimeout: 3_000, socketTimeout: 4_000 };

const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);

/** @param url `smtp:` or `smtps:`. Without TLS from the start, STARTTLS is required unless the server is on this machine. */
export function createSmtpMailer(url: string, from: string): Mailer {
  const { hostname, searchParams } = new URL(url);
  const requireTLS = searchParams.get('requireTLS') !== 'false' && !isLoopback(hostname);
  const transport = createTransport({
    url,
    requireTLS,
    ...TIMES,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([^@>]+)>?$/.exec(from)?.[1] ?? hostname;
  return {
    async send(id, mail) {
      try {
        await transport.sendMail({ ...mail, from, messageId: `<${id}@${domain}>` });
      } catch (error) {
        throw isRefusal(error) ? new Refused('the server refuses the address', { cause: error }) : error;
      }
    },
    close: () => transport.close(),
  };
}

const refusal = z.object({ command: z.literal('RCPT TO'), permanent: z.literal(true) });

/** Whether the server refuses this address for good (5xx). Of the sender or the login that would be an error of ours. */
const isRefusal = (error: unknown): boolean => refusal.safeParse(error).success;
