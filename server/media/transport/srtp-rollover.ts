/**
 * Keeps werift's count of a stream's rollovers right across a gap: it notices one only when the
 * packets just before and after the end of the 16 bits arrive. After a longer silence of the
 * network everything of the stream would be refused for ever.
 */

/** What werift knows of the streams of one direction, by SSRC. */
export type RolloverStates = Record<number, { lastSequenceNumber: number } | undefined>

/** How near to the end werift looks. */
const near = 100
const half = 0x8000

/** Before a packet is decrypted: lets werift see the rollover that it would miss. */
export function noticeRollover(states: RolloverStates, packet: Buffer): void {
  if (packet.length < 12) return
  const state = states[packet.readUInt32BE(8)]
  if (!state) return
  const sequence = packet.readUInt16BE(2)
  const last = state.lastSequenceNumber
  const isOver = sequence < last && last - sequence > half
  if (!isOver) return
  const isNoticed = last > 0xffff - near && sequence < near
  if (isNoticed) return
  // It counts one at number 0 after anything, and at small numbers after great ones.
  if (sequence < near) state.lastSequenceNumber = 0xffff
  else countUp(state)
}

function countUp(state: { lastSequenceNumber: number; rolloverCounter?: number }): void {
  state.rolloverCounter = (state.rolloverCounter ?? 0) + 1
  state.lastSequenceNumber = 0
}
