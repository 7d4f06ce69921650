// People in a browser, readers of the documents, client libraries and readers of the OpenAPI document, on one system with the demo
// data. The modules run in this order: a browser reads the demo data and changes only what it has made, the documents show the demo data
// as it was, the libraries change it, and the last module changes the password of the demo account.
import '../browser/browser.ts';
import '../docs/blocks.ts';
import './libraries.ts';
import './openapi.ts';
