/**
 * Refuses a Node that is too old, in words. Written so that very old ones can read it: everything
 * newer is imported only after this said yes.
 */
export function requireNode() {
  var parts = process.versions.node.split('.').map(Number)
  var major = parts[0]
  var minor = parts[1]
  var isFine = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22
  if (isFine) return
  process.stderr.write(
    'Chatto Calls needs Node 20.19 or newer (of Node 22, 22.12 or newer); this is Node ' +
      process.versions.node +
      '.\n',
  )
  process.exit(1)
}
