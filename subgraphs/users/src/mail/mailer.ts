// Sends mail over SMTP.
import { z } from 'zod';
import type { Mail } from './texts.ts';

export interface Mailer {
  /**
   * Gives the mail to the server. Two mails with one `id` have one Message-ID, so that mail programs show one of them.
   * @throws {AddressRefused} when the server will never take the mail; other errors when a later try may succeed
   */
  send(id: string, mail: Mail): Promise<void>;
  close(): void;
}

/** The SMTP server refuses the address for good (5xx). */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

/** Their sum is below the lease of a job, because after the lease another worker would send the mail, too. */
const TIMES = { dnsTimeout: 2_000, connectionTimeout: 3_000, greetingTimeout: 3_000, socketTimeout: 4_000 };

const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);

/** @param url `smtp:` or `smtps:`. With `smtp:`, STARTTLS is required unless the server is on this machine. */
export async function createSmtpMailer(url: string, from: string): Promise<Mailer> {
  // Loaded only here, because a service without SMTP_URL does not need it.
  const { createTransport } = await import('nodemailer');
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
        throw refusesAddress(error)
          ? new AddressRefused('the server refuses the address', { cause: error })
          : error;
      }
    },
    close: () => transport.close(),
  };
}

const addressError = z.object({ command: z.literal('RCPT TO'), permanent: z.literal(true) });

/** Whether the server refuses the recipient for good (5xx). A refused sender or login is an error of ours. */
const refusesAddress = (error: unknown): boolean => addressError.safeParse(error).success;
