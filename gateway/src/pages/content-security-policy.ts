// What a page may load and do (Content-Security-Policy, level 3): this server's own files and calls, nothing of other hosts,
// and no script that stands in a page unless its hash does here.

const OWN = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'connect-src': "'self'",
  'worker-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
} as const;

/** @param other what is not as on every page */
export const contentSecurityPolicy = (other: Partial<Record<keyof typeof OWN, string>> = {}): string =>
  Object.entries({ ...OWN, ...other })
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ');
