// A daemon, a browser, and what tests do to the page.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const BUILD = path.resolve(process.env.BUILD ?? new URL('../../build', import.meta.url).pathname);
export const PICTURES = path.join(BUILD, 'page');
mkdirSync(PICTURES, { recursive: true });

const ARGUMENTS = `--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync`.split(/\s+/);

/** Headless, and with a profile of its own, which playwright makes and removes. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS });

/** @param {string[]} options */
export async function daemon(options = []) {
  const process_ = spawn(
    path.join(BUILD, 'rnnlossd'),
    ['--listen', '127.0.0.1:0', '--log-level', 'error', ...options],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  for await (const line of createInterface({ input: process_.stdout })) {
    const url = /^listening on (http\S+)/.exec(line)?.[1];
    if (url) return { url, stop: async () => process_.kill() && (await once(process_, 'exit')) };
  }
  throw new Error('the daemon did not start');
}

/**
 * The page, and a list of all that must not happen: requests elsewhere, violations of the policy, errors.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1400, height: 950 },
    acceptDownloads: true,
    ...options,
  });
  const page = await context.newPage();
  /** @type {string[]} */
  const wrong = [];
  page.on('request', (r) => {
    const { origin, protocol } = new URL(r.url());
    if (origin !== url && protocol !== 'data:' && !r.url().startsWith(`blob:${url}`))
      wrong.push(`request to ${r.url()}`);
  });
  page.on('pageerror', (error) => wrong.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    const expected = /the server responded with a status of 4\d\d/.test(message.text()); // which a test has provoked
    if (['error', 'warning'].includes(message.type()) && !expected) wrong.push(`console: ${message.text()}`);
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (e) =>
      globalThis.violations.push(`${e.violatedDirective} ${e.blockedURI}`),
    );
  });
  await page.goto(url);
  return { page, context, wrong, close: () => context.close() };
}

/** Waits until the page shows an answer that it did not show before. */
export async function answered(page, act) {
  const before = await page.evaluate(() => Number(document.documentElement.dataset.answered ?? 0));
  await act();
  await page.waitForFunction((n) => Number(document.documentElement.dataset.answered ?? 0) > n, before);
}

/** Waits for the first answer. */
export const ready = (page) => page.waitForFunction(() => Number(document.documentElement.dataset.answered ?? 0) > 0);

export const text = (page, selector) => page.locator(selector).innerText();

/** @param {import('playwright-core').Page} page */
export async function setSlider(page, term, position) {
  await page.locator(`#slider-lambda_${term}`).evaluate((slider, value) => {
    slider.value = String(value);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }, position);
}

/**
 * Drops a file of these bytes on an element.
 * @param {import('playwright-core').Page} page
 */
export async function drop(page, selector, name, bytes) {
  const transfer = await page.evaluateHandle(
    ([file, base64]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], file));
      return data;
    },
    [name, Buffer.from(bytes).toString('base64')],
  );
  await page.dispatchEvent(selector, 'dragover', { dataTransfer: transfer });
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer });
}
