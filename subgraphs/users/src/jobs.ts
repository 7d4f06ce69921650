// The jobs that the users service handles: mails. Each mail is sent at least once. If a worker dies after the SMTP server took the
// mail and before the job is done, another worker sends the mail again with the same Message-ID.
import { EmailTokenPurpose } from '@holdfast/database';
import type { Logger } from '@holdfast/platform/observability/log';
import { type JobHandler, payloadOf } from '@holdfast/platform/queue/queue';
import { z } from 'zod';
import type { EmailTokenStore } from './data/email-tokens.ts';
import type { EmailTokens } from './domain/email-tokens.ts';
import { AddressRefused, type Mailer } from './mail/mailer.ts';
import { emailChangedMail, type Mail, tokenMail } from './mail/texts.ts';
import { countMail } from './metrics.ts';

const wanted = z.discriminatedUnion('mail', [
  z.object({
    mail: z.literal('token'),
    userId: z.int().positive(),
    purpose: z.enum(EmailTokenPurpose),
    seed: z.string(),
  }),
  z.object({ mail: z.literal('email-changed'), userId: z.int().positive(), to: z.string() }),
]);

const reset = z.object({ email: z.string() });

export interface JobDependencies {
  readonly tokens: EmailTokenStore;
  readonly emailTokens: EmailTokens;
  readonly mailer: Mailer;
  readonly publicUrl: string;
  readonly log: Logger;
}

/** Handlers by job name. Each may run any number of times. */
export function createJobs(
  dependencies: JobDependencies,
): Record<'send-mail' | 'start-password-reset', JobHandler> {
  const { tokens, emailTokens, mailer, publicUrl, log } = dependencies;

  /** Undefined when the mail is outdated: its token has expired, was used, or was replaced by another. */
  async function composeMail(job: z.infer<typeof wanted>): Promise<Mail | undefined> {
    if (job.mail === 'email-changed') {
      // The name comes from the database and not from the job, because any service can add a job and must not choose words of a mail.
      const username = await tokens.usernameOf(job.userId);
      return username === undefined ? undefined : emailChangedMail(job.to, username);
    }
    const found = await tokens.toMail(job.userId, job.purpose);
    const token = found && emailTokens.grow(job.seed, found.tokenHash);
    if (found === undefined || token === undefined) return undefined;
    return tokenMail({ purpose: job.purpose, to: found.email, username: found.username, token, publicUrl });
  }

  return {
    'send-mail': async (payload, { id }) => {
      const mail = await composeMail(payloadOf(wanted, payload));
      if (mail === undefined) {
        countMail('outdated');
        return;
      }
      try {
        await mailer.send(id, mail);
        countMail('sent');
      } catch (error) {
        if (!(error instanceof AddressRefused)) throw error;
        // The job is done: a retry would fail too, and any caller can give a wrong address.
        countMail('refused');
        log.warn(
          { err: error.cause, jobId: id },
          'a mail was given up, because the SMTP server refuses its address',
        );
      }
    },
    'start-password-reset': (payload) => tokens.makeReset(payloadOf(reset, payload).email, emailTokens.sow()),
  };
}
