/** The addresses of the client. */
import type { RouteLocationRaw } from 'vue-router'

export const homePlace: RouteLocationRaw = { name: 'home' }
export const roomPlace = (roomId: string): RouteLocationRaw => ({
  name: 'room',
  params: { roomId },
})
