/** Names a message or a connection. Not randomUUID: without a secure context there is none. */
export function randomId(bytes: number): string {
  const values = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(values, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
