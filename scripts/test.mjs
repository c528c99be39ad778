/**
 * `npm test`, `npm run test:real`, `npm run test:e2e`: installs and builds what is missing, then runs
 * the tests of that kind.
 */
import { requireNode } from './house/require-node.mjs'

requireNode()
import('./house/run-tests.mjs')
