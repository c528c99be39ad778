/** The LiveKit room of a call: `{installationId}.{roomId}@{callId}` (R24). */

export interface LivekitRoomName {
  installationId: string
  roomId: string
  callId: string
}

const shape = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})@([A-Za-z0-9_-]{1,64})$/

export function toLivekitRoomName({ installationId, roomId, callId }: LivekitRoomName): string {
  return `${installationId}.${roomId}@${callId}`
}

/** Undefined for names that this program did not make. */
export function parseLivekitRoomName(name: string): LivekitRoomName | undefined {
  const [, installationId, roomId, callId] = shape.exec(name) ?? []
  return installationId && roomId && callId ? { installationId, roomId, callId } : undefined
}
