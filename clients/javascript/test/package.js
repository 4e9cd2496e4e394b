// The package as its users get it: packed by npm, and unpacked into a folder with node_modules.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { BUILD } from './environment.js';

export const ROOT = new URL('..', import.meta.url).pathname;

/** A new folder in which `import 'rnnloss'` works. */
export function installed() {
  mkdirSync(BUILD, { recursive: true });
  const folder = mkdtempSync(path.join(BUILD, 'user-'));
  const target = path.join(folder, 'node_modules', 'rnnloss');
  mkdirSync(target, { recursive: true });
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(String(output));
  execFileSync('tar', ['-xzf', path.join(folder, filename), '-C', target, '--strip-components=1']);
  return folder;
}
