// HTTP errors: requests that are refused before a route handles them.

/** The reply shows the message to the caller. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** 400: the body does not match its header fields. */
export class MalformedBody extends HttpError {
  constructor(message: string, headers: Readonly<Record<string, string>> = {}) {
    super(400, message, headers);
  }
}

/** For a reply after which the connection closes. */
export const LAST_REPLY = { connection: 'close' } as const;
