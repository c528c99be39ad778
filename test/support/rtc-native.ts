/**
 * What the library under LiveKit's client for Node can do and its classes (1.1.0) cannot: muting a
 * track, and a key index for sending (theirs forgets the track's sid and throws).
 */
import type { LocalTrack, Room } from '@livekit/rtc-node'

function native() {
  const client = globalThis._ffiClientInstance
  if (!client) throw new Error('LiveKit’s client is not in use')
  return client
}

export function setTrackMuted(track: LocalTrack, muted: boolean): void {
  const value = { trackHandle: track.ffi_handle.handle, mute: muted }
  native().request({ message: { case: 'localTrackMute', value } })
}

/** For what is received, and for what is sent once `sendWithKey` names that index. */
export function setSharedKey(room: Room, sharedKey: Uint8Array, keyIndex: number): void {
  const value = { sharedKey, keyIndex }
  askEncryption(room, { case: 'setSharedKey', value })
}

/** Every published track is encrypted with the key of that index from now on. */
export function sendWithKey(room: Room, keyIndex: number): void {
  const me = room.localParticipant
  for (const trackSid of me?.trackPublications.keys() ?? []) {
    const value = { participantIdentity: me?.identity ?? '', trackSid, keyIndex }
    askEncryption(room, { case: 'cryptorSetKeyIndex', value })
  }
}

type EncryptionRequest =
  | { case: 'setSharedKey'; value: { sharedKey: Uint8Array; keyIndex: number } }
  | {
      case: 'cryptorSetKeyIndex'
      value: { participantIdentity: string; trackSid: string; keyIndex: number }
    }

function askEncryption(room: Room, message: EncryptionRequest): void {
  const handle = room['ffiHandle']?.handle
  if (handle === undefined) throw new Error('not connected')
  native().request({ message: { case: 'e2ee', value: { roomHandle: handle, message } } })
}
