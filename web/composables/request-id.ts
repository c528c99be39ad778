/** Names a message, so that it is one however often it is sent. */
export function newRequestId(): string {
  // Not randomUUID: without a secure context there is none.
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
