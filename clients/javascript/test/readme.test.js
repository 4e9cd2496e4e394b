import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { CA, CERT, KEY, TOKEN, URL_ } from './environment.js';
import { installed } from './package.js';
import { elided, samples } from './readme.js';

const folder = installed();
after(() => rmSync(folder, { recursive: true }));
for (const [file, name] of [
  [CA, 'ca.pem'],
  [CERT, 'client.pem'],
  [KEY, 'client.key'],
]) {
  copyFileSync(file, path.join(folder, name));
}

for (const [i, { code, output }] of samples('js').entries()) {
  test(`sample ${i + 1} of the README prints what it shows`, () => {
    writeFileSync(path.join(folder, 'sample.mjs'), code);
    const env = { ...process.env, RNNLOSS_URL: URL_, RNNLOSS_TOKEN: TOKEN };
    const { stdout, stderr, status } = spawnSync(process.execPath, ['sample.mjs'], { cwd: folder, env });
    assert.equal(String(stderr), '');
    assert.equal(status, 0);
    assert.equal(elided(String(stdout), output), output.trimEnd());
  });
}
