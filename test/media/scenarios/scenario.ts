/** What one scenario is: a call, what people do in it, and all that the server reports of it. */
import type { MediaCall } from '../media-call.ts'

export interface Scenario {
  /** A sentence. */
  name: string
  /** Asserts by itself. Whoever is still in the call afterwards is hung up, in order of arrival. */
  run(call: MediaCall): Promise<void>
  /** Every webhook of the call's room, in order, to the end of the room. */
  reports: string[]
}

/** The line of a report by LiveKit's names. */
export const came = (identity: string) => `participant_joined ${identity}`
export const went = (identity: string, reason = 'CLIENT_INITIATED') =>
  `participant_left ${identity} ${reason}`
export const published = (identity: string, source: string) =>
  `track_published ${identity} ${source}`
export const unpublished = (identity: string, source: string) =>
  `track_unpublished ${identity} ${source}`
