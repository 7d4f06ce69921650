// Readers of the documents, client libraries and readers of the OpenAPI document, with the demo data. The modules run in this order: the
// documents show the demo data as it was, the libraries change it, and the last module changes the password of the demo account.
import '../docs/blocks.ts';
import './libraries.ts';
import './openapi.ts';
