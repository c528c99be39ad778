/** `npm run check`: everything that CI runs. */
import { onFittingNode } from './house/require-node.mjs'

onFittingNode(() => import('./house/run-checks.mjs'))
