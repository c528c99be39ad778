/**
 * `npm start`: installs and builds what is missing, then becomes the server. It does so in this very
 * process, so signals, exit code and arguments are the server’s own; where this Node cannot run it, in one
 * child that has all of these passed on.
 */
import { onFittingNode } from './house/require-node.mjs'

onFittingNode(() => import('./house/start-server.mjs'))
