import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { ROOT, installed } from './package.js';

const folder = installed();
after(() => rmSync(folder, { recursive: true }));
const own = path.join(folder, 'node_modules', 'rnnloss');

test('the package has what users need, and nothing else', () => {
  assert.deepEqual(readdirSync(own).sort(), ['LICENSE', 'README.md', 'package.json', 'src', 'types']);
});

test('each platform gets its own entry', () => {
  const entry = (...conditions) => {
    const script = `console.log(import.meta.resolve ? await import.meta.resolve('rnnloss') : '')`;
    const options = [...conditions.flatMap((name) => ['--conditions', name]), '--input-type=module', '-e', script];
    return String(execFileSync(process.execPath, options, { cwd: folder })).trim();
  };
  assert.match(entry(), /src\/node\.js$/);
  assert.match(entry('browser'), /src\/browser\.js$/);
});

test('the browser entry has no unix sockets and no certificates', () => {
  const script = `
    const { Client } = await import('./src/browser.js');
    for (const wrong of [{ endpoints: 'unix:x' }, { ca: 'x' }, { cert: 'x' }, { key: 'x' }]) {
      try { new Client(wrong); console.log('taken'); } catch (error) { console.log(error.name); }
    }`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: own });
  assert.equal(String(output), 'TypeError\n'.repeat(4));
});

for (const [name, options] of [
  ['Node', ['--module', 'nodenext']],
  ['a bundler', ['--module', 'esnext', '--moduleResolution', 'bundler']],
  ['a browser', ['--module', 'esnext', '--moduleResolution', 'bundler', '--customConditions', 'browser']],
]) {
  test(`its types serve strict TypeScript for ${name}, without those of Node`, () => {
    copyFileSync(path.join(ROOT, 'test', 'consumer.ts'), path.join(folder, 'consumer.mts'));
    const strict = [
      '--strict',
      '--noUncheckedIndexedAccess',
      '--exactOptionalPropertyTypes',
      '--noEmit',
      '--typeRoots',
      'none',
    ];
    const libraries = ['--target', 'es2022', '--lib', 'es2022,dom'];
    const tsc = path.join(ROOT, 'node_modules', '.bin', 'tsc');
    const { stdout } = spawnSync(tsc, [...strict, ...libraries, ...options, 'consumer.mts'], { cwd: folder });
    assert.equal(String(stdout), '');
  });
}
