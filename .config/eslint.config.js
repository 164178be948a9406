// @ts-check
/** Typed lint: typescript-eslint's strict and stylistic rules. Each rule that is off or eased says why. */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['**/dist/', '**/.cache/', '**/coverage/', 'test/package/consumers/'] },
  {
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './test/tsconfig.json'],
        tsconfigRootDir: process.cwd(),
        isolatedDeclarations: true,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  {
    // Not type-checked, so the rules that need parameter types would report `any` all over.
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.recommended],
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      // `{ stages, ...rest }` leaves one out.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    rules: {
      // An index that was checked needs `!` under noUncheckedIndexedAccess; a `throw` in its place costs bytes and can not be tested.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Callers from JavaScript pass what the types exclude, and `closed` changes behind the calls between two looks at it.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `return this.emit(value)` as an early exit, and calls as the steps of a `for`.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // A parameter property with a default needs its type under isolatedDeclarations.
      '@typescript-eslint/no-inferrable-types': ['error', { ignoreParameters: true, ignoreProperties: true }],
      // RxJS marks only the constructor of `Subscriber` as deprecated; every stage is one.
      '@typescript-eslint/no-deprecated': [
        'error',
        { allow: [{ from: 'package', name: 'Subscriber', package: 'rxjs' }] },
      ],
      // A user's error is passed on as it is, whatever it is.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A getter costs no field per instance, a field is simpler: both have their place.
      '@typescript-eslint/class-literal-property-style': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'docs/**/*.ts'],
    rules: {
      // A worker is async whether or not it waits for anything.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['test/types/**/*.ts'],
    rules: {
      // What the compiler is to refuse.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
);
