/** `npm test`, `npm run test:KIND`: installs and builds what is missing, then runs the tests of that kind. */
import { onFittingNode } from './house/require-node.mjs'

onFittingNode(() => import('./house/run-tests.mjs'))
