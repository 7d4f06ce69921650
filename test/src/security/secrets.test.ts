// Passwords, tokens and keys, on one system: where they must not appear, whose tokens a service accepts, and attacks on passwords. The
// modules run in this order.
import './inside.ts';
import './passwords.ts';
