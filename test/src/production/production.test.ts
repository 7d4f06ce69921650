// A shop with production settings: strict rules, traces and Redis. The modules run in this order: the traces show the planning of
// an order, which is planned once, and the last module ends services.
import './traces.ts';
import './strict.ts';
import './lost-traces.ts';
