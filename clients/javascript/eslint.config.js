import js from '@eslint/js';

/** @param {string} names */
const globals = (names) => Object.fromEntries(names.split(' ').map((name) => [name, 'readonly']));

const everywhere = 'AbortController AbortSignal TextDecoder TextEncoder URL clearTimeout performance setTimeout';

export default [
  { ignores: ['node_modules/', 'types/', '**/*.ts'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: 'module', globals: globals(everywhere) },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      complexity: ['error', 12],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines-per-function': ['error', 60],
      'no-shadow': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  // What runs in browsers uses nothing of Node, and the other way round.
  { files: ['src/browser.js', 'src/transport-fetch.js'], languageOptions: { globals: globals('Blob Headers fetch') } },
  { files: ['src/node.js', 'src/transport-node.js'], languageOptions: { globals: globals('Buffer process') } },
  {
    files: ['test/**', 'bench'],
    languageOptions: { globals: globals('Buffer atob btoa console crypto document fetch process setImmediate') },
    rules: { 'max-lines-per-function': 'off' },
  },
];
