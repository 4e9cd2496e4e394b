// The batch: where it comes from, and what is in it.

import { byId, fill, h } from './dom.js';
import { sizeText } from './numbers.js';

/** @import { Opened } from './worker.js' */
/** @typedef {{id: string, group: string, result: string, flags: string[], url: string, sizes: Record<string, number>}} Vector */

const samples = /** @type {HTMLSelectElement} */ (byId('samples'));
const file = /** @type {HTMLInputElement} */ (byId('file'));
const drop = byId('drop');

/**
 * @param {{file: (file: File) => void, made: (kind: 'small' | 'large') => void, vector: (url: string) => void}} chosen
 */
export function onData(chosen) {
  samples.addEventListener('change', () => {
    const [kind, what] = samples.value.split(':');
    if (kind === 'made') chosen.made(what === 'large' ? 'large' : 'small');
    else if (kind === 'vector') chosen.vector(what);
  });
  file.addEventListener('change', () => {
    if (file.files?.[0]) chosen.file(file.files[0]);
    file.value = ''; // the same file may be picked again, changed
  });
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  for (const end of ['dragleave', 'drop']) document.addEventListener(end, () => drop.classList.remove('over'));
  document.addEventListener('drop', (event) => {
    if (event.defaultPrevented) return; // dropped on the claims
    event.preventDefault();
    const dropped = event.dataTransfer?.files[0];
    if (dropped) chosen.file(dropped);
  });
}

/** @param {Vector[]} vectors */
export function showVectors(vectors) {
  const usable = vectors.filter((v) => v.result === 'valid' && !v.flags.includes('generated')); // those are given by a rule
  for (const group of new Set(usable.map((v) => v.group))) {
    const options = usable
      .filter((v) => v.group === group)
      .map((v) => {
        const form = v.sizes.safetensors ? 'safetensors' : 'json';
        return h('option', { value: `vector:${v.url}?form=${form}` }, v.id);
      });
    samples.append(h('optgroup', { label: `vectors: ${group}` }, ...options));
  }
}

/**
 * @param {string} name
 * @param {Opened} opened
 * @param {() => Blob} body
 */
export function showBatch(name, opened, body) {
  if (!samples.selectedOptions[0]?.textContent?.includes(name)) samples.value = '';
  const size = opened.data.size;
  fill(byId('batch-name'), h('strong', {}, name), ` · ${sizeText(size)} `);
  const save = h('button', { type: 'button', class: 'link', id: 'save' }, 'save as batch.safetensors');
  save.addEventListener('click', () => {
    const link = h('a', { href: URL.createObjectURL(body()), download: 'batch.safetensors' });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  byId('batch-name').append(save);
  fill(
    byId('tensors'),
    ...opened.entries.map(({ name: tensor, dtype, shape }) =>
      h(
        'li',
        { 'data-tensor': tensor },
        h('code', {}, tensor),
        h('span', {}, `${dtype} [${shape.join(', ')}]`),
        h('p', { class: 'error', role: 'alert' }),
      ),
    ),
  );
}

/** @param {string} words */
export function showDataError(words) {
  byId('data-error').textContent = words;
}

/**
 * @param {string} pointer
 * @param {string} detail
 * @returns {boolean} was it about a tensor that there is?
 */
export function showTensorError(pointer, detail) {
  const name = /^\/tensors\/([^/]+)/.exec(pointer)?.[1] ?? '';
  const place = [...byId('tensors').children]
    .find((li) => li.getAttribute('data-tensor') === name)
    ?.querySelector('.error');
  if (place) place.textContent = detail;
  return Boolean(place);
}

export function clearDataErrors() {
  for (const place of byId('tensors').querySelectorAll('.error')) if (place.textContent) place.textContent = '';
  if (byId('data-error').textContent) showDataError('');
}
