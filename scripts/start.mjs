/**
 * `npm start`: installs and builds what is missing, then becomes the server. It does so in this very
 * process, so signals, exit code and arguments are the server’s own.
 */
import { requireNode } from './house/require-node.mjs'

requireNode()
import('./house/start-server.mjs')
