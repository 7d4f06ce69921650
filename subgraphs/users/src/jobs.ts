// The jobs of the users service: mails. Each is sent at least once: a worker that dies after a server took the mail, and before it
// could say so, leaves it to another one, which sends it again with the same Message-ID.
import { EmailTokenPurpose } from '@holdfast/database';
import type { Logger } from '@holdfast/platform/observability/log';
import { type JobHandler, payloadOf } from '@holdfast/platform/queue/queue';
import { z } from 'zod';
import type { EmailTokenStore } from './data/email-tokens.ts';
import type { EmailTokens } from './domain/email-tokens.ts';
import { type Mailer, Refused } from './mail/mailer.ts';
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

export interface MailJobs {
  readonly tokens: EmailTokenStore;
  readonly emailTokens: EmailTokens;
  readonly mailer: Mailer;
  readonly publicUrl: string;
  readonly log: Logger;
}

/** Handlers by job name. Each can be run any number of times. */
export function mailJobs(dependencies: MailJobs): Record<'send-mail' | 'start-password-reset', JobHandler> {
  const { tokens, emailTokens, mailer, publicUrl, log } = dependencies;

  /** Undefined when there is nothing to mail any more: the token has expired, was used, or another took its place. */
  async function mailOf(job: z.infer<typeof wanted>): Promise<Mail | undefined> {
    if (job.mail === 'email-changed') {
      // Read here, because any service can add a job: none can have the shop mail words of its own.
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
      const mail = await mailOf(payloadOf(wanted, payload));
      if (mail === undefined) {
        countMail('outdated');
        return;
      }
      try {
        await mailer.send(id, mail);
        countMail('sent');
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        // Done: a server that refuses an address for good would refuse it for ever, and any caller can give one.
        countMail('refused');
        log.warn({ err: error.cause, jobId: id }, 'a mail is given up: the server refuses its address');
      }
    },
    'start-password-reset': (payload) => tokens.makeReset(payloadOf(reset, payload).email, emailTokens.sow()),
  };
}
