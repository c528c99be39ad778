/** `npm run build`: the server and the web client, whether they are stale or not. */
import { onFittingNode } from './house/require-node.mjs'

onFittingNode(() => import('./house/build-all.mjs'))
