import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** Imports point one way: cli → experiment → the parts → system. What a folder must not import: */
const FORBIDDEN = {
  link: ['cli', 'experiment', 'run', 'reports', 'load', 'faults', 'measure', 'scenarios', 'runtime', 'selftest', 'system', 'bench'],
  system: ['cli', 'experiment', 'run', 'reports', 'load', 'faults', 'measure', 'scenarios', 'runtime', 'selftest'],
  runtime: ['cli', 'experiment', 'reports', 'load', 'faults', 'scenarios', 'selftest'],
  load: ['cli', 'experiment', 'reports', 'faults', 'scenarios', 'runtime', 'selftest'],
  faults: ['cli', 'experiment', 'run', 'reports', 'load', 'measure', 'selftest'],
  measure: ['cli', 'experiment', 'reports', 'faults', 'scenarios', 'runtime', 'selftest'],
  scenarios: ['cli', 'experiment', 'run', 'reports', 'faults', 'measure', 'runtime', 'selftest', 'system'],
  run: ['cli', 'experiment', 'selftest'],
  reports: ['cli', 'experiment', 'faults', 'selftest'],
  selftest: ['cli', 'experiment'],
  experiment: ['cli'],
  bench: ['cli', 'experiment', 'selftest'],
}

export default tseslint.config(
  { ignores: ['dist/', 'dist-test/', 'coverage/', 'node_modules/', 'results/'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // `Promise.withResolvers<void>()` is no confusion.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }] },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: { parserOptions: { projectService: false }, globals: { process: 'readonly', URL: 'readonly', console: 'readonly' } },
    rules: { 'no-console': 'off' },
  },
  { files: ['bench/**', 'test/**'], rules: { 'no-console': 'off' } },
  ...Object.entries(FORBIDDEN).map(([folder, forbidden]) => ({
    files: [`src/${folder}/**`],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: `^(\\.\\./)+(${forbidden.join('|')})/`, message: `src/${folder} must not import this: imports point cli → experiment → parts → system.` }] },
      ],
    },
  })),
)
