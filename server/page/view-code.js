// The request as code, kept up to date while hidden or not.

import { LANGUAGES } from './code.js';
import { byId, copyButton, fill, h } from './dom.js';

/** @import { Request } from './code.js' */

/** @param {Request} request */
export function showCode(request) {
  for (const [name, { code }] of Object.entries(LANGUAGES)) byId(`code-${name}`).textContent = code(request);
}

export function buildCode() {
  fill(
    byId('codes'),
    ...Object.entries(LANGUAGES).map(([name, { title, hint }]) => {
      const code = h('code', { id: `code-${name}` });
      return h(
        'section',
        { class: 'card' },
        h(
          'div',
          { class: 'card-head' },
          h('h3', {}, title),
          copyButton(`the ${title} code`, () => code.textContent ?? '', 'copy'),
        ),
        h('pre', { tabindex: 0, role: 'region', 'aria-label': `${title} code` }, code),
        h('p', { class: 'note' }, hint),
      );
    }),
  );
}
