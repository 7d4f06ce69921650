// What holds under load: when callers want too much, when the queue has much work, when several instances share a cache, and while the
// signing key is rotated. The modules run in this order: the second one kills services, whose memory the first one measures, and the
// last one ends the key that signed the token of the account.
import './overload.ts';
import './workload.ts';
import './instances.ts';
import './rotation.ts';
