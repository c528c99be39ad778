/**
 * The call's key for LiveKit's worker. One shared key, no ratchet; the epoch chooses the place in
 * the ring of sixteen, and travels in each frame, so that two epochs can be in the air at once.
 */
import { BaseKeyProvider, KeyProviderEvent, createKeyMaterialFromString } from 'livekit-client'

const ringSize = 16
/** R45: receivers take a new key at once, senders switch when everybody has had time to get it. */
export const switchSendingAfterMs = 2000

export class CallKeyProvider extends BaseKeyProvider {
  private epoch = -1
  private switching: ReturnType<typeof setTimeout> | null = null

  constructor() {
    // The base's defaults ratchet on a failure and then give the key up.
    super({ sharedKey: true, ratchetWindowSize: 0, failureTolerance: -1, keyringSize: ringSize })
  }

  /** The key to begin with, for sending and receiving. The string itself is the passphrase (PBKDF2). */
  async begin(e2eeKey: string, keyEpoch: number): Promise<void> {
    const material = await createKeyMaterialFromString(e2eeKey)
    this.epoch = keyEpoch
    this.onSetEncryptionKey(material, undefined, keyEpoch % ringSize)
  }

  /** R45: never back to a lower epoch. Says whether the key was taken. */
  async rotate(e2eeKey: string, keyEpoch: number): Promise<boolean> {
    if (keyEpoch <= this.epoch) return false
    this.epoch = keyEpoch
    const material = await createKeyMaterialFromString(e2eeKey)
    const keyIndex = keyEpoch % ringSize
    this.emit(KeyProviderEvent.SetKey, { key: material, keyIndex }, false)
    this.stop()
    this.switching = setTimeout(() => {
      this.switching = null
      this.onSetEncryptionKey(material, undefined, keyIndex)
    }, switchSendingAfterMs)
    return true
  }

  stop(): void {
    if (this.switching !== null) clearTimeout(this.switching)
    this.switching = null
  }
}
