/**
 * Three kinds of tests: `fast` and `long` need nothing but Node, `real` needs PostgreSQL and
 * livekit-server. What is long waits for deadlines or measures. Tests of the web client ask for a DOM in
 * their first line. How many files run at once is in scripts/house/run-tests.mjs.
 */
import vue from '@vitejs/plugin-vue'
import icons from 'unplugin-icons/vite'
import { defineConfig } from 'vitest/config'

const real = 'test/**/*.real.test.ts'
const long = 'test/**/*.long.test.ts'

/** In CI, of tests with media, processes and deadlines on two busy cores; the output says `(retry x1)`. */
const secondTry = process.env['CI'] ? 1 : 0

export default defineConfig({
  plugins: [vue(), icons({ compiler: 'vue3' })],
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          retry: secondTry,
          include: ['test/**/*.test.ts'],
          exclude: [real, long, 'test/e2e/**'],
          testTimeout: 20_000,
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
    ],
  },
})
