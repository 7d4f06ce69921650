// The monitoring of a running system. The modules run in this order: the first two expect that the shop has had no other callers.
import './from-the-start.ts';
import './runbook.ts';
import './metrics.ts';
import './prometheus.ts';
