// Elements, in short.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element: its attributes (functions are listeners, as `onclick`), then its children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  fill(element, ...children);
  return element;
}

/**
 * Replaces an element's children.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  const kept = children.filter((c) => c !== null && c !== undefined && c !== false);
  element.replaceChildren(...kept.map((c) => (c instanceof Node ? c : String(c))));
}

/**
 * The element with an id, which the page has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * A formula as the daemon sends it: MathML, read as XML, so that no text becomes HTML.
 * @param {string} mathml
 * @returns {Node}
 */
export function formula(mathml) {
  const parsed = new DOMParser().parseFromString(mathml, 'application/xml').documentElement;
  const whole = parsed.localName === 'math' ? document.importNode(parsed, true) : document.createElement('span');
  return split(whole);
}

/**
 * A formula's clauses, which stand apart, as formulas of their own: so they can stand below each other, too.
 * @param {Element} math
 */
function split(math) {
  const parts = document.createDocumentFragment();
  const children = [...(math.firstElementChild?.children ?? [])];
  for (let clause = 0; children.length; clause += 1) {
    const end = children.findIndex((child) => child.localName === 'mspace');
    const part = /** @type {Element} */ (math.cloneNode(false));
    part.setAttribute('display', 'inline');
    part.setAttribute('class', 'clause');
    part.append(...children.splice(0, end < 0 ? children.length : end + 1));
    part.querySelector('mspace:last-child')?.remove();
    parts.append(part, ' ');
  }
  return parts;
}

/**
 * A button that copies a text, and says so.
 * @param {string} label what is copied, for those who don't see it
 * @param {() => string} text
 * @param {...Child} children
 */
export function copyButton(label, text, ...children) {
  const button = h(
    'button',
    { type: 'button', class: 'copy', 'aria-label': `copy ${label}`, title: 'copy' },
    ...children,
  );
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text());
      say(`copied ${label}`);
    } catch {
      say('the browser did not let the page copy: select the text instead');
    }
    button.classList.add('done');
    setTimeout(() => button.classList.remove('done'), 900);
  });
  return button;
}

/**
 * For who listens to the page, and for who sees it, a line below.
 * @param {string} text
 */
export function say(text) {
  const line = byId('said');
  line.textContent = text;
  line.classList.add('shown');
  clearTimeout(timer);
  timer = setTimeout(() => line.classList.remove('shown'), 2500);
}
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
