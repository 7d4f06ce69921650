// What a page may load and do (Content-Security-Policy, level 3): files and calls of this server only, and no inline script
// except one whose hash the policy contains.

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

/** @param other the directives that differ from the default */
export const contentSecurityPolicy = (other: Partial<Record<keyof typeof OWN, string>> = {}): string =>
  Object.entries({ ...OWN, ...other })
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join('; ');
