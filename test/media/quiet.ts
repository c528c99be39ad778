/** Imported before LiveKit's client for Node: in production that one writes no debug lines. */
process.env['NODE_ENV'] = 'production'
