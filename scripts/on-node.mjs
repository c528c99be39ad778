/** `node scripts/on-node.mjs [FLAGS] FILE [ARGUMENTS]`: Node with these, where the present one can run it. */
import { onFittingNode } from './house/require-node.mjs'

onFittingNode(() => import('./house/run-program.mjs'))
