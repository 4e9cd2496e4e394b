// The samples of README.md.

import { readFileSync } from 'node:fs';
import { TLS_URL, URL_ } from './environment.js';

const BLOCK = /^```(js|html)\n(.*?)^```\n\n^```text\n(.*?)^```\n/gms;
const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** The samples in a language, at the addresses of the tests, with what they print. */
export function samples(language) {
  const all = [...README.matchAll(BLOCK)].map(([, kind, code, output]) => ({ kind, code: addressed(code), output }));
  const blocks = README.match(/^```(js|html)$/gm).length;
  if (all.length !== blocks) throw new Error(`${blocks} samples, of which ${all.length} show what they print`);
  return all.filter(({ kind }) => kind === language);
}

const addressed = (code) =>
  code.replaceAll('http://127.0.0.1:8080', URL_).replaceAll('https://localhost:8443', TLS_URL);

/** What was printed, with `…` for what the README has that for. */
export function elided(printed, output) {
  const escaped = output
    .trimEnd()
    .split('…')
    .map((text) => text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  return new RegExp(`^${escaped.join('[^\\n]*')}\\s*$`).test(printed) ? output.trimEnd() : printed.trimEnd();
}
