// Correctness and the few style rules a formatter cannot hold; layout is prettier's.
import tseslint from 'typescript-eslint';

const noSyntax = [
  { selector: 'TSEnumDeclaration', message: 'Use a const object: enums are not erasable.' },
  { selector: 'TSModuleDeclaration[declare!=true]', message: 'Use a module: namespaces are not erasable.' },
  { selector: 'TSParameterProperty', message: 'Declare the field: parameter properties are not erasable.' },
];

const GLOBALS = [
  'AbortSignal',
  'Buffer',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'WebAssembly',
  'clearInterval',
  'console',
  'fetch',
  'performance',
  'process',
  'setInterval',
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'tmp/', 'campaign-out/'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      'no-restricted-syntax': ['error', ...noSyntax],
      'no-constant-condition': ['error', { checkLoops: false }],
      'no-var': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      eqeqeq: ['error', 'always'],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['**/generated.ts', '**/*.test.ts'],
    rules: { 'max-lines': ['error', { max: 600 }] },
  },
  // No compiler looks at these.
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: Object.fromEntries(GLOBALS.map((name) => [name, 'readonly'])) },
    rules: { 'no-undef': 'error' },
  },
  { files: ['src/*.d.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
