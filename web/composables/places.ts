/**
 * The addresses of the client. A room has two: its messages, and the call that one is in, which
 * takes the whole sheet (CallPanel); so the browser's back button and links work in both.
 */
import type { RouteLocationRaw } from 'vue-router'

export const homePlace: RouteLocationRaw = { name: 'home' }
export const roomPlace = (roomId: string): RouteLocationRaw => ({
  name: 'room',
  params: { roomId },
})
/** Shows the call panel; sends on to the messages when one is not in that call. */
export const callPlace = (roomId: string): RouteLocationRaw => ({
  name: 'call',
  params: { roomId },
})
