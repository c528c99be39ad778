import { describe, expect, test } from 'vitest'
import {
  createDeviceMemory,
  decideDevice,
  type Device,
} from '../../../web/livekit/device-choice.ts'

const builtIn: Device = { id: 'b', label: 'Built-in microphone' }
const desk: Device = { id: 'd', label: 'Desk microphone' }
const headset: Device = { id: 'h', label: 'Headset' }

describe('F11 which microphone Ada speaks through', () => {
  test('the chosen one, when it is there', () => {
    const decision = decideDevice({
      devices: [builtIn, desk],
      chosen: desk,
      active: null,
      away: false,
    })
    expect(decision).toEqual({ use: desk, away: false, notice: null })
  })

  test('it is unplugged: the first other one, and that is said once', () => {
    const gone = decideDevice({ devices: [builtIn], chosen: desk, active: desk, away: false })
    expect(gone).toEqual({
      use: builtIn,
      away: true,
      notice: { is: 'gone', was: desk, now: builtIn },
    })
    const later = decideDevice({ devices: [builtIn], chosen: desk, active: builtIn, away: true })
    expect(later).toEqual({ use: builtIn, away: true, notice: null })
  })

  test('it is plugged in again: it is taken up again, and that is said', () => {
    const back = decideDevice({
      devices: [builtIn, desk],
      chosen: desk,
      active: builtIn,
      away: true,
    })
    expect(back).toEqual({ use: desk, away: false, notice: { is: 'back', device: desk } })
  })

  test('it was missing from the start: nothing is said, and it is taken up when it comes', () => {
    const start = decideDevice({ devices: [builtIn], chosen: desk, active: builtIn, away: false })
    expect(start).toEqual({ use: builtIn, away: true, notice: null })
  })

  test('nothing was ever chosen: what is in use stays, and its loss is said', () => {
    const stays = decideDevice({
      devices: [builtIn, headset],
      chosen: null,
      active: headset,
      away: false,
    })
    expect(stays).toEqual({ use: headset, away: false, notice: null })
    const gone = decideDevice({ devices: [builtIn], chosen: null, active: headset, away: false })
    expect(gone).toEqual({
      use: builtIn,
      away: false,
      notice: { is: 'gone', was: headset, now: builtIn },
    })
  })

  test('the browser renumbered its devices: the label finds it, unless two are called alike', () => {
    const renumbered = { id: 'x', label: desk.label }
    const found = decideDevice({
      devices: [builtIn, renumbered],
      chosen: desk,
      active: null,
      away: false,
    })
    expect(found.use).toBe(renumbered)
    const twins = decideDevice({
      devices: [renumbered, { id: 'y', label: desk.label }, builtIn],
      chosen: desk,
      active: builtIn,
      away: false,
    })
    expect(twins.use).toBe(builtIn)
  })

  test('a browser that may not tell its devices: nothing is decided', () => {
    expect(decideDevice({ devices: [], chosen: desk, active: desk, away: false })).toEqual({
      use: null,
      away: true,
      notice: null,
    })
  })
})

describe('F11 the choice is remembered', () => {
  function storage(broken = false): Storage {
    const kept = new Map<string, string>()
    const fail = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    return {
      length: 0,
      key: () => null,
      clear: () => kept.clear(),
      removeItem: (key) => void kept.delete(key),
      getItem: (key) => (broken ? fail() : (kept.get(key) ?? null)),
      setItem: (key, value) => (broken ? fail() : void kept.set(key, value)),
    }
  }

  test('per kind', () => {
    const memory = createDeviceMemory(storage())
    expect(memory.recall('microphone')).toBeNull()
    memory.remember('microphone', desk)
    expect(memory.recall('microphone')).toEqual(desk)
    expect(memory.recall('camera')).toBeNull()
  })

  test('a storage that is full, or that somebody else wrote to, means nothing is remembered', () => {
    const full = createDeviceMemory(storage(true))
    expect(() => full.remember('microphone', desk)).not.toThrow()
    expect(full.recall('microphone')).toBeNull()
    const foreign = storage()
    for (const value of ['{', '7', 'null', '{"id":7,"label":"x"}', '{"id":"d"}']) {
      foreign.setItem('chatto.microphone', value)
      expect(createDeviceMemory(foreign).recall('microphone')).toBeNull()
    }
  })
})
