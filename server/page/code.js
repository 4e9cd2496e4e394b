// The request, as code to copy. Each program stands by itself: no package is needed.

/**
 * @typedef {object} Request
 * @property {string} origin of the daemon
 * @property {string[]} query `key=value`
 * @property {string} file
 * @property {boolean} token is one needed?
 */

/** @param {Request} request */
const url = ({ origin, query }) => `${origin}/loss${query.length ? `?${query.join('&')}` : ''}`;

/** @type {Record<string, {title: string, hint: string, code: (request: Request) => string}>} */
export const LANGUAGES = {
  curl: {
    title: 'curl',
    hint: 'Values as JSON; without the Accept header the answer is safetensors, with the gradients.',
    code: (request) =>
      [
        `curl -s '${url(request)}&gradients=none' \\`.replace('/loss&', '/loss?'),
        `  -H 'Content-Type: application/vnd.safetensors' -H 'Accept: application/json' \\`,
        ...(request.token ? [`  -H "Authorization: Bearer $TOKEN" \\`] : []),
        `  --data-binary @${request.file}`,
      ].join('\n'),
  },
  python: {
    title: 'Python',
    hint: 'The standard library alone. In a training loop use the Python client of the repository.',
    code: (request) =>
      [
        'import json',
        ...(request.token ? ['import os'] : []),
        'from urllib.request import Request, urlopen',
        '',
        `url = "${url(request)}"`,
        'headers = {"Content-Type": "application/vnd.safetensors", "Accept": "application/json"}',
        ...(request.token ? ['headers["Authorization"] = "Bearer " + os.environ["TOKEN"]'] : []),
        `with open("${request.file}", "rb") as batch:`,
        '    answer = json.load(urlopen(Request(url, batch.read(), headers)))',
        '',
        'print("loss", answer["loss"])',
        'for name, term in answer["terms"].items():',
        '    print(name, term["unweighted"], term["loss"])',
      ].join('\n'),
  },
  javascript: {
    title: 'JavaScript',
    hint: 'Node 18 or newer, as a module (.mjs).',
    code: (request) =>
      [
        "import { readFile } from 'node:fs/promises';",
        '',
        `const answer = await fetch('${url(request)}', {`,
        "  method: 'POST',",
        '  headers: {',
        "    'Content-Type': 'application/vnd.safetensors',",
        "    Accept: 'application/json',",
        ...(request.token ? ['    Authorization: `Bearer ${process.env.TOKEN}`,'] : []),
        '  },',
        `  body: await readFile('${request.file}'),`,
        '});',
        'const { loss, terms, gradients } = await answer.json();',
        'console.log(loss, terms, Object.keys(gradients));',
      ].join('\n'),
  },
};
