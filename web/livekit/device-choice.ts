/**
 * Which microphone, speaker and camera to use: the chosen one is remembered; when it goes
 * away another one is used and that is said; when it returns, it is taken up again.
 */

export type DeviceKind = 'microphone' | 'speaker' | 'camera'
export const deviceKinds = ['microphone', 'speaker', 'camera'] as const satisfies DeviceKind[]

export interface Device {
  id: string
  label: string
}

export interface DeviceSituation {
  /** What the browser lists; empty before it was allowed to tell. */
  devices: readonly Device[]
  /** What the person picked, now or in an earlier call. */
  chosen: Device | null
  /** What was in use until now. */
  active: Device | null
  /** The chosen one was missed before: its return is news. */
  away: boolean
}

export interface DeviceDecision {
  use: Device | null
  away: boolean
  notice: { is: 'gone'; was: Device; now: Device } | { is: 'back'; device: Device } | null
}

/** Ids change when a browser forgets a site's data; a label that is told only once still fits. */
function find(devices: readonly Device[], wanted: Device): Device | undefined {
  const byId = devices.find((device) => device.id === wanted.id)
  if (byId) return byId
  const byLabel = devices.filter((device) => device.label === wanted.label && wanted.label !== '')
  return byLabel.length === 1 ? byLabel[0] : undefined
}

export function decideDevice({ devices, chosen, active, away }: DeviceSituation): DeviceDecision {
  const first = devices[0]
  if (!first) return { use: null, away: away || chosen !== null, notice: null }

  const present = chosen && find(devices, chosen)
  if (present) {
    const returns = away && active !== null && active.id !== present.id
    return {
      use: present,
      away: false,
      notice: returns ? { is: 'back', device: present } : null,
    }
  }
  const stillThere = active && find(devices, active)
  if (stillThere) return { use: stillThere, away: chosen !== null, notice: null }
  return {
    use: first,
    away: chosen !== null,
    notice: active ? { is: 'gone', was: active, now: first } : null,
  }
}

const keyOf = (kind: DeviceKind) => `chatto.${kind}`

export interface DeviceMemory {
  recall(kind: DeviceKind): Device | null
  remember(kind: DeviceKind, device: Device): void
}

/** A storage that is full, forbidden or holds nonsense means: nothing is remembered. */
export function createDeviceMemory(storage: Storage): DeviceMemory {
  return {
    recall(kind) {
      try {
        const value: unknown = JSON.parse(storage.getItem(keyOf(kind)) ?? 'null')
        if (typeof value !== 'object' || value === null) return null
        if (!('id' in value) || !('label' in value)) return null
        return typeof value.id === 'string' && typeof value.label === 'string'
          ? { id: value.id, label: value.label }
          : null
      } catch {
        return null
      }
    },
    remember(kind, device) {
      try {
        storage.setItem(keyOf(kind), JSON.stringify(device))
      } catch {
        // The choice then lasts as long as the page.
      }
    },
  }
}

/** Whether this browser lets a page choose the speaker; some leave that to the system. */
export const canChooseSpeaker = (): boolean => 'setSinkId' in HTMLMediaElement.prototype
