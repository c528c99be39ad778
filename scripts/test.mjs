/** `npm test`, `npm run test:KIND`: installs and builds what is missing, then runs the tests of that kind. */
import { requireNode } from './house/require-node.mjs'

requireNode()
import('./house/run-tests.mjs')
