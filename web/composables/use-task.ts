/** Runs one thing at a time for a button: busy while it runs, and what was refused is told. */
import { ref, type Ref } from 'vue'
import { showError } from '../stores/toasts.store.ts'

export interface Task {
  isBusy: Readonly<Ref<boolean>>
  /** True when it was done. */
  run(what: () => Promise<unknown>): Promise<boolean>
}

export function useTask(): Task {
  const isBusy = ref(false)
  return {
    isBusy,
    async run(what) {
      if (isBusy.value) return false
      isBusy.value = true
      try {
        await what()
        return true
      } catch (error) {
        showError(error)
        return false
      } finally {
        isBusy.value = false
      }
    },
  }
}
