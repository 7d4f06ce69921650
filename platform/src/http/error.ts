// Errors of plain HTTP: requests that cannot be handed on to what would answer them.

/** The message is for the caller. */
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

/** 400: the body is not what its header says that it is. */
export class MalformedBody extends HttpError {
  constructor(message: string, headers: Readonly<Record<string, string>> = {}) {
    super(400, message, headers);
  }
}

/** For a reply after which the connection is of no use any more. */
export const LAST_REPLY = { connection: 'close' } as const;
