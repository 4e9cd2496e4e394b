// What surrounds the contents: tabs, and the question for a token.

import { byId } from './dom.js';

/** Tabs by the keys that people know: arrows, Home, End. */
export function startTabs() {
  const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('[role=tab]')]);
  /** @param {HTMLElement} chosen */
  const open = (chosen) => {
    for (const tab of tabs) {
      const is = tab === chosen;
      tab.setAttribute('aria-selected', String(is));
      tab.tabIndex = is ? 0 : -1;
      byId(tab.getAttribute('aria-controls') ?? '').hidden = !is;
    }
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener('click', () => open(tab));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: -1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = /** @type {HTMLElement} */ (tabs.at(to % tabs.length));
      open(next);
      next.focus();
    });
  });
}

/** @returns {Promise<string>} what was typed */
export function askForToken() {
  const form = byId('token-form');
  const field = /** @type {HTMLInputElement} */ (byId('token'));
  const again = field.value !== '';
  byId('token-error').textContent = again ? 'The daemon does not know this token.' : '';
  form.hidden = false;
  const main = byId('main');
  main.hidden = !document.documentElement.dataset.answered; // there is nothing to see yet
  field.focus();
  return new Promise((resolve) => {
    form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        form.hidden = true;
        main.hidden = false;
        resolve(field.value.trim());
      },
      { once: true },
    );
  });
}
