/** Short notes that come and go: one at a time. */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import type { Ref } from 'vue'
import { ApiError } from '../api/client.ts'
import { errorWords } from '../words/words.ts'

export interface Toast {
  id: number
  /** What it is about, so that it goes when that is dealt with. */
  about?: 'microphone' | 'camera' | 'screen'
  text: string
  detail?: string
  kind: 'plain' | 'warn' | 'danger' | 'live'
  action?: { label: string; run(): void }
}

export const toastsStore = createStore({
  context: { next: 1, toasts: [] as readonly Toast[] },
  on: {
    shown: (context, event: { toast: Omit<Toast, 'id'> }) => ({
      next: context.next + 1,
      toasts: [
        // The same words do not queue up.
        ...context.toasts.filter((toast) => toast.text !== event.toast.text),
        { ...event.toast, id: context.next },
      ],
    }),
    dismissed: (context, event: { id: number }) => ({
      ...context,
      toasts: context.toasts.filter((toast) => toast.id !== event.id),
    }),
    dismissedAbout: (context, { about }: { about: NonNullable<Toast['about']> }) => ({
      ...context,
      toasts: context.toasts.filter((toast) => toast.about !== about),
    }),
  },
})

export function showToast(toast: Omit<Toast, 'id' | 'kind'> & { kind?: Toast['kind'] }): void {
  toastsStore.trigger.shown({ toast: { kind: 'plain', ...toast } })
}

/** Says what the server refused. */
export function showError(error: unknown): void {
  showToast({
    text:
      error instanceof ApiError ? errorWords(error.code, error.details) : errorWords('unavailable'),
    kind: 'danger',
  })
}

export const useToast = (): Readonly<Ref<Toast | undefined>> =>
  useSelector(toastsStore, ({ context }) => context.toasts[0])
export const dismissToastsAbout = (about: NonNullable<Toast['about']>) =>
  toastsStore.trigger.dismissedAbout({ about })
export const dismissToast = (id: number) => toastsStore.trigger.dismissed({ id })
