/** Who asks. */
import type { UserRecord } from '../../persistence/store.ts'

/** A user with a session that neither ended nor expired. */
export interface SignedIn {
  user: UserRecord
  sessionId: string
  tokenHash: string
  expiresAt: number
  /** It has just been given more time: a browser’s cookie has to learn that. */
  isProlonged?: boolean
}
