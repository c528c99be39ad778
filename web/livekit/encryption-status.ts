/**
 * Whether what a person sends is encrypted and can be decrypted here (R44).
 *
 * The SDK says per track whether it is encrypted, and reports frames that fail; it never says that
 * they work again. So a reported person is suspect until the numbers show: what arrives but is
 * never decoded cannot be decrypted.
 */

export type EncryptionState =
  /** Nothing is sent, so there is nothing to encrypt. */
  | 'nothing-sent'
  | 'encrypted'
  /** Something comes in clear: reported, never played or shown. */
  | 'plaintext'
  /** Another key, or a broken one. */
  | 'undecryptable'

/** Running totals of one track. */
export interface TrackProgress {
  trackId: string
  /** Packets received. */
  received: number
  /** Frames decoded, or samples played that were not made up. */
  decoded: number
}

/** Fewer packets than this in one interval say nothing: a paused or silent track. */
const minPackets = 5
/** Errors come at most once a second; this long without one, and with decoding, all is well. */
const quietMs = 2500

interface Suspicion {
  lastErrorAt: number
  progress: Map<string, TrackProgress>
  broken: boolean
}

export interface EncryptionWatch {
  /** The SDK could not decrypt a frame of this identity. */
  reportFailure(identity: string): void
  /** Data came in clear from this identity. */
  reportPlainData(identity: string): void
  /** Who has to be measured once a second. */
  suspects(): string[]
  /** A measurement of a suspect; true when its state changed. */
  measure(identity: string, tracks: TrackProgress[]): boolean
  stateOf(identity: string, tracks: readonly { isEncrypted: boolean }[]): EncryptionState
  forget(identity: string): void
}

/** What arrived since the last look, and none of it could be decoded. */
export function isBroken(before: TrackProgress, after: TrackProgress): boolean {
  return after.received - before.received >= minPackets && after.decoded === before.decoded
}

export function createEncryptionWatch({ now }: { now: () => number }): EncryptionWatch {
  const suspicions = new Map<string, Suspicion>()
  const plainData = new Set<string>()

  return {
    reportFailure(identity) {
      const known = suspicions.get(identity)
      if (known) known.lastErrorAt = now()
      else {
        suspicions.set(identity, { lastErrorAt: now(), progress: new Map(), broken: false })
      }
    },
    reportPlainData(identity) {
      plainData.add(identity)
    },
    suspects: () => [...suspicions.keys()],
    measure(identity, tracks) {
      const suspicion = suspicions.get(identity)
      if (!suspicion) return false
      const was = suspicion.broken
      let broken = 0
      let decoding = 0
      for (const after of tracks) {
        const before = suspicion.progress.get(after.trackId)
        if (!before) continue
        if (isBroken(before, after)) broken += 1
        else if (after.decoded > before.decoded) decoding += 1
      }
      suspicion.progress = new Map(tracks.map((track) => [track.trackId, track]))
      if (broken > 0) suspicion.broken = true
      else if (decoding > 0) {
        suspicion.broken = false
        if (now() - suspicion.lastErrorAt > quietMs) suspicions.delete(identity)
      }
      return was !== suspicion.broken
    },
    stateOf(identity, tracks) {
      if (plainData.has(identity) || tracks.some((track) => !track.isEncrypted)) return 'plaintext'
      if (suspicions.get(identity)?.broken) return 'undecryptable'
      return tracks.length === 0 ? 'nothing-sent' : 'encrypted'
    },
    forget(identity) {
      suspicions.delete(identity)
      plainData.delete(identity)
    },
  }
}

/** Whether anything of this person may be played or shown. */
export function mayBePlayed(state: EncryptionState): boolean {
  return state === 'encrypted' || state === 'nothing-sent'
}
