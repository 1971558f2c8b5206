/**
 * The stages of `npm test`, in their order, each with its budget in seconds on a fresh machine of two cores.
 *
 * when:   'always', 'ci' (also with CI set, and in a soak) or 'soak'
 * quick:  part of `npm run test:quick`: no root, no network
 * counts: how the outcome is counted: 'jest' (its JSON report), 'cargo' (its summary lines) or 'lines' (see testing/counts.mjs)
 * peers:  programs of bench/peers.json that the stage is given, each by an environment variable with its path
 * leaks:  the machine is compared before and after (see testing/leaks.mjs)
 */
export const stages = [
  {
    name: 'rust',
    when: 'always',
    quick: true,
    budget: 420,
    counts: 'cargo',
    leaks: true,
    command: ['cargo', 'test', '--workspace', '--exclude', 'box-binding', '--manifest-path', 'rust-native/Cargo.toml', '--no-fail-fast'],
  },
  {
    name: 'unit',
    when: 'always',
    quick: true,
    budget: 240,
    counts: 'jest',
    leaks: true,
    command: ['jest', '--roots', 'packages', '--testPathIgnorePatterns', '<rootDir>/packages/cgroups/test/rates'],
  },
  {
    name: 'bandwidth',
    when: 'ci',
    quick: false,
    budget: 150,
    counts: 'jest',
    leaks: true,
    command: ['jest', '--runInBand', 'packages/cgroups/test/rates'],
  },
  { name: 'tooling', when: 'always', quick: true, budget: 60, counts: 'lines', command: ['node', 'scripts/test/program.mjs'] },
  { name: 'readme', when: 'always', quick: false, budget: 120, counts: 'lines', leaks: true, command: ['node', 'scripts/readme.mjs'] },
  { name: 'pack', when: 'always', quick: false, budget: 120, counts: 'lines', leaks: true, command: ['node', 'test-e2e/pack/program.mjs'] },
  {
    name: 'e2e',
    when: 'always',
    quick: false,
    budget: 300,
    counts: 'jest',
    leaks: true,
    command: ['jest', '--roots', 'test-e2e', '--runInBand', '--testPathIgnorePatterns', '<rootDir>/test-e2e/conformance'],
  },
  {
    name: 'conformance',
    when: 'ci',
    quick: false,
    budget: 300,
    counts: 'jest',
    leaks: true,
    peers: { BOX_CONFORMANCE: 'conformance', BOX_CRANE: 'crane' },
    command: ['jest', '--roots', 'test-e2e/conformance', '--runInBand'],
  },
  {
    name: 'guest',
    when: 'ci',
    quick: false,
    budget: 480,
    counts: 'lines',
    leaks: true,
    command: ['node', 'test-e2e/guest/program.mjs'],
  },
  {
    name: 'rounds',
    when: 'always',
    quick: false,
    budget: 60,
    counts: 'lines',
    leaks: true,
    command: ['node', 'test-e2e/rounds/program.mjs', '1000'],
  },
  {
    name: 'store faults',
    when: 'ci',
    quick: false,
    budget: 180,
    counts: 'lines',
    leaks: true,
    command: ['node', 'test-e2e/store-faults/program.mjs', '200'],
  },
  {
    name: 'more store faults',
    when: 'soak',
    quick: false,
    budget: 1800,
    counts: 'lines',
    leaks: true,
    command: ['node', 'test-e2e/store-faults/program.mjs', '3000'],
  },
  {
    name: 'more rounds',
    when: 'ci',
    quick: false,
    budget: 240,
    counts: 'lines',
    leaks: true,
    command: ['node', 'test-e2e/rounds/program.mjs', '20000'],
  },
  {
    name: 'rounds without end',
    when: 'soak',
    quick: false,
    budget: 3600,
    counts: 'lines',
    leaks: true,
    command: ['node', 'test-e2e/rounds/program.mjs', '500000'],
  },
]
