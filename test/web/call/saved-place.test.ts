import { expect, test } from 'vitest'
import { createCallLock } from '../../../web/voice-session/call-lock.ts'
import { savePlace, readSavedPlace } from '../../../web/voice-session/saved-place.ts'

function storage(): Storage {
  const kept = new Map<string, string>()
  return {
    length: 0,
    key: () => null,
    clear: () => kept.clear(),
    removeItem: (key) => void kept.delete(key),
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  }
}

test('F19 a reload finds the call, the microphone and the camera that were left', () => {
  const tab = storage()
  const place = { roomId: 'r', callId: 'c', wishes: { microphone: false, camera: true } }
  savePlace(tab, place)
  expect(readSavedPlace(tab)).toEqual(place)
  savePlace(tab, null)
  expect(readSavedPlace(tab)).toBeNull()
})

test('F19 nonsense in the storage leads nowhere', () => {
  const tab = storage()
  for (const value of [
    '{',
    '7',
    '{}',
    '{"roomId":1,"callId":"c","wishes":{}}',
    '{"roomId":"r","callId":"c","wishes":null}',
  ]) {
    tab.setItem('chatto.place', value)
    expect(readSavedPlace(tab)).toBeNull()
  }
})

/** Web Locks as far as they matter here: one holder a name, `steal`, and a wait that can be aborted. */
function lockManager(): LockManager {
  const held = new Map<string, { stolen: (cause: unknown) => void; done: Promise<unknown> }>()
  async function grant(name: string, options: LockOptions, run: LockGrantedCallback<unknown>) {
    if (options.steal) held.get(name)?.stolen(new DOMException('stolen', 'AbortError'))
    else {
      while (held.has(name)) {
        await new Promise((resolve, reject) => {
          options.signal?.addEventListener('abort', () => reject(options.signal?.reason))
          void held.get(name)?.done.then(resolve, resolve)
        })
      }
    }
    return new Promise((resolve, reject) => {
      const done = Promise.resolve(run({ name, mode: 'exclusive' }))
      const entry = { stolen: reject, done }
      held.set(name, entry)
      void done.then((value) => {
        if (held.get(name) === entry) held.delete(name)
        resolve(value)
      })
    })
  }
  function request(name: string, ...rest: unknown[]): Promise<unknown> {
    const run = rest.at(-1) as LockGrantedCallback<unknown>
    return grant(name, rest.length > 1 ? (rest[0] as LockOptions) : {}, run)
  }
  return { request, query: () => Promise.resolve({}) } as LockManager
}

test('F19 a duplicated tab does not get the call; the reloaded one does, once its former self is gone', async () => {
  const locks = lockManager()
  const [first, duplicate] = [createCallLock(locks, 20), createCallLock(locks, 20)]
  first.steal('call1')
  expect(await duplicate.acquireIfFree('call1')).toBe(false)
  expect(await duplicate.acquireIfFree('call2')).toBe(true)
  const reloaded = createCallLock(locks, 1000)
  const coming = reloaded.acquireIfFree('call1')
  first.release()
  expect(await coming).toBe(true)
})

test('R9 a click takes the call over from another tab', async () => {
  const locks = lockManager()
  const [first, second] = [createCallLock(locks, 20), createCallLock(locks, 20)]
  first.steal('call1')
  second.steal('call1')
  expect(await first.acquireIfFree('call2')).toBe(true)
  expect(await createCallLock(locks, 20).acquireIfFree('call1')).toBe(false)
})
