// Opens what takes the mails of the service: an SMTP server, the outbox of a developer, or neither.
import type { UsersSettings } from '../config.ts';
import { createSmtpMailer, type Mailer } from './mailer.ts';
import { createOutbox, type Outbox } from './outbox.ts';

/** Undefined when the service sends no mail. */
export async function openMail({
  SMTP_URL,
  MAIL_FROM,
  MAIL_OUTBOX_DIR,
}: UsersSettings): Promise<Mailer | Outbox | undefined> {
  if (SMTP_URL !== undefined) return createSmtpMailer(SMTP_URL, MAIL_FROM);
  return MAIL_OUTBOX_DIR === undefined ? undefined : createOutbox(MAIL_OUTBOX_DIR);
}
