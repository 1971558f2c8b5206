// The validators of @box/oci are sources that are made: this makes them where they are missing or old.
import './packages/oci/scripts/generate.mjs'

// Tests run on the TypeScript sources: the export condition @box/source leads to them, so no build of the packages is needed.
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@box/source', 'node', 'node-addons'] },
  roots: ['<rootDir>/packages', '<rootDir>/test-e2e'],
  testMatch: ['**/test/**/*.test.ts', '<rootDir>/test-e2e/**/*.test.ts'],
  extensionsToTreatAsEsm: [],
  transform: {
    '^.+\\.(ts|mts|mjs|js)$': [
      '@swc/jest',
      {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!@box/)'],
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  maxWorkers: 2,
  // Tests start processes, and share two cores with others; how long they may take in all is the stage's budget.
  testTimeout: 30_000,
}
