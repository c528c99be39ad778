/** Lint rules. Each exception says why. */
import tseslint from 'typescript-eslint'
import vue from 'eslint-plugin-vue'
import accessibility from 'eslint-plugin-vuejs-accessibility'
import vueParser from 'vue-eslint-parser'
import regexp from 'eslint-plugin-regexp'

const typed = {
  project: ['./tsconfig.json', './web/tsconfig.json'],
  tsconfigRootDir: import.meta.dirname,
  extraFileExtensions: ['.vue'],
}

export default tseslint.config(
  { ignores: ['.cache/', 'dist/', 'data/', 'docs/', 'test-results/', 'node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{ts,vue}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: typed },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        // Taking a field out of an object names it.
        { ignoreRestSiblings: true, argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      // A number in a template is fine.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // An interface may promise what one implementation has at once.
      '@typescript-eslint/require-await': 'off',
      // A function that is handed over by name is never a method here: no classes but errors.
      '@typescript-eslint/unbound-method': 'off',
      // It takes a generic's bound for what was asked: `null as User | null` in a store's context.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // Enums of LiveKit's protocol come from two of its packages.
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      eqeqeq: ['error', 'smart'],
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    // What reads people's text must not grow faster than it; test/web/adversarial.test.ts measures that.
    files: ['{machines,persistence,server,web}/**/*.{ts,vue}'],
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential' }],
    },
  },
  {
    files: ['web/**/*.{ts,vue}', 'test/web/**/*.ts'],
    rules: {
      // vue-tsc knows what a .vue file exports; the linter's compiler does not and calls it any.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['web/**/*.vue'],
    extends: [vue.configs['flat/essential'], accessibility.configs['flat/recommended']],
    languageOptions: {
      parser: vueParser,
      parserOptions: { parser: tseslint.parser, ...typed },
    },
    rules: {
      // Pages are called Room and Login.
      'vue/multi-word-component-names': 'off',
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/no-v-html': 'error',
      // A label beside its field, tied by id, is as good as one around it.
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  {
    // I6: no clock, no randomness, no I/O. Time and ids come in with the event.
    files: ['machines/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...[
          'Date',
          'performance',
          'setTimeout',
          'setInterval',
          'setImmediate',
          'queueMicrotask',
          'requestAnimationFrame',
          'crypto',
          'fetch',
          'console',
          'process',
          'Buffer',
          'window',
          'document',
          'localStorage',
          'sessionStorage',
          'navigator',
        ].map((name) => ({
          name,
          message: 'Machines are pure (I6): it comes in with the event, or is done at the edge.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Machines have no randomness (I6).' },
        { object: 'globalThis', property: 'crypto', message: 'Machines have no randomness (I6).' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          // A property of a state, not a parameter named so.
          selector:
            'Property[key.name="invoke"], Property[key.name="after"] > ObjectExpression.value',
          message: 'Lost or run again on a restore: deadlines stand in the context (ADR 5).',
        },
        { selector: 'AwaitExpression', message: 'A machine decides at once.' },
      ],
    },
  },
  {
    // Never persisted, so nothing is lost: it invokes promises and waits by `after`.
    files: ['machines/voice-session.*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['server/**/*.ts', 'persistence/**/*.ts', 'web/**/*.{ts,vue}'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.recommended],
    languageOptions: { globals: { process: 'readonly', module: 'writable' } },
    rules: {
      // require-node.mjs is read by very old Nodes.
      'no-var': 'off',
      '@typescript-eslint/no-require-imports': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // A test looks into answers whose shape it is about to check.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      // Browsers reject with what is no Error, too.
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
    },
  },
)
