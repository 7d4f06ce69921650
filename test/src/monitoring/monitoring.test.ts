// A shop with production settings, and its monitoring. The modules run in this order: the first two expect that the shop has had no
// other callers, and the last two end services.
import './from-the-start.ts';
import './runbook.ts';
import './metrics.ts';
import './traces.ts';
import './strict.ts';
import './prometheus.ts';
import './lost-traces.ts';
