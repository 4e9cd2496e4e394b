import js from '@eslint/js';

/** @param {string} names */
const globals = (names) => Object.fromEntries(names.split(' ').map((name) => [name, 'readonly']));

const browser =
  `Blob CanvasRenderingContext2D DOMParser Element Event HTMLCanvasElement ImageData Node OffscreenCanvas ResizeObserver TextDecoder TextEncoder
  URL Worker XMLHttpRequest atob clearTimeout devicePixelRatio document getComputedStyle location matchMedia navigator performance
  requestAnimationFrame self setTimeout AbortController`
    .split(/\s+/)
    .join(' ');
const node =
  'Buffer URL console document fetch getComputedStyle innerWidth localStorage sessionStorage navigator performance process setInterval setTimeout DataTransfer Event File MutationObserver PerformanceObserver atob';

export default [
  { ignores: ['**/node_modules/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, sourceType: 'module', globals: globals(browser) },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      complexity: ['error', 14],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines-per-function': ['error', 60],
      'no-shadow': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.test.js', '**/environment.js'],
    languageOptions: { globals: globals(node) },
    rules: { 'max-lines-per-function': 'off', 'no-shadow': 'off' },
  },
];
