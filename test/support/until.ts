/** Waiting for the thing instead of for a time; bounded, and says what it waited for. */

const pauseMs = 20

/** Resolves with the first value that is neither false, null nor undefined. What `look` throws ends the wait. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | Promise<T>,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (isSomething(seen)) return seen
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

function isSomething<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined
}

/** Whether a GET is answered with 200 now. */
export async function fetchOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}
