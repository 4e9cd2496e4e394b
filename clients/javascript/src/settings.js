/** @import { Endpoint, Platform, Settings } from './types.js' */

const DEFAULT_ENDPOINT = 'http://127.0.0.1:8080';

/**
 * What was set, what the environment says, or the default.
 * @param {Settings} settings
 * @param {Platform} platform
 */
export function complete(settings, platform) {
  const { timeout = 60_000, connectTimeout = 5_000, retries = 3 } = settings;
  for (const [name, value] of Object.entries({ timeout, connectTimeout, retries })) {
    if (!(value >= 0)) throw new TypeError(`${name} is no number >= 0: ${value}`);
  }
  return {
    ...settings,
    endpoints: endpointsOf(settings, platform),
    token: settings.token ?? platform.environment('RNNLOSS_TOKEN') ?? '',
    timeout,
    connectTimeout,
    retries,
  };
}

/**
 * @param {Settings} settings
 * @param {Platform} platform
 */
function endpointsOf({ endpoints }, platform) {
  const found = endpoints ?? (platform.environment('RNNLOSS_URL') || DEFAULT_ENDPOINT).split(',');
  const names = (typeof found === 'string' ? [found] : found).map((name) => name.trim());
  if (!names.length) throw new TypeError('no endpoint');
  return names.map((name) => endpoint(name, platform.schemes));
}

/**
 * @param {string} name
 * @param {readonly string[]} schemes
 * @returns {Endpoint}
 */
function endpoint(name, schemes) {
  const scheme = name.slice(0, name.indexOf(':') + 1);
  if (!schemes.includes(scheme)) throw new TypeError(`no endpoint of ${schemes.join(', ')}: ${name}`);
  if (scheme === 'unix:') return { name, url: '', socketPath: name.slice(scheme.length) };
  const url = new URL(name);
  if (url.username || url.password || url.search || url.hash) throw new TypeError(`more than HOST:PORT: ${name}`);
  return { name, url: url.href.replace(/\/+$/, ''), socketPath: '' };
}
