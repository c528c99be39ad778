/**
 * Four kinds of tests: `fast` (both of them) and `long` need nothing but Node, `real` needs PostgreSQL and
 * livekit-server, `nodes` root and debootstrap. What is long waits for deadlines or measures. Tests of the web client ask for a DOM in
 * their first line. How many files run at once is in scripts/house/run-tests.mjs.
 */
import vue from '@vitejs/plugin-vue'
import icons from 'unplugin-icons/vite'
import { defineConfig } from 'vitest/config'

const serverParts = [
  'auth',
  'calls',
  'config',
  'http',
  'livekit',
  'media/api',
  'media/process',
  'realtime',
  'rooms',
  'time',
]
const real = 'test/**/*.real.test.ts'
const long = 'test/**/*.long.test.ts'
const nodes = 'test/**/*.nodes.test.ts'
/** Without state of their own between files: loading the server anew for each would take longer than they do. */
const shared = ['machines', 'persistence', ...serverParts.map((part) => `server/${part}`)].map(
  (folder) => `test/${folder}/**/*.test.ts`,
)

/**
 * In CI, of tests with livekit-server, PostgreSQL and deadlines on two busy cores; the output says
 * `(retry x1)`. Never of the fast ones: whoever types `npm test` has one try.
 */
const secondTry = process.env['CI'] ? 1 : 0

export default defineConfig({
  plugins: [vue(), icons({ compiler: 'vue3' })],
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...shared, real, long, nodes, 'test/e2e/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'fast-shared',
          include: shared,
          exclude: [real, long],
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          retry: secondTry,
          include: [long],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          retry: secondTry,
          include: [real],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { name: 'nodes', include: [nodes] },
      },
    ],
  },
})
