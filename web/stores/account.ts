/** Signing in and out, and giving the account up. */
import { api, ApiError } from '../api/client.ts'
import { forgetReadMarks } from './read-marks.ts'
import { sessionStore, signOut } from './session.store.ts'
import { showError } from './toasts.store.ts'
import { forgetUnsent } from './unsent.ts'
import { errorWords, t } from '../words/words.ts'
import { forgetDrafts } from './drafts.ts'

export interface Credentials {
  login: string
  password: string
  displayName: string
  setupCode: string
}

export type DoorField = keyof Credentials

/** What stands in the way, under its field; without one under the button. */
export interface DoorProblem {
  field: DoorField | null
  words: string
  /** The server wants the code that it printed when it started. */
  wantsSetupCode: boolean
}

export async function signIn({ login, password }: Credentials): Promise<DoorProblem | null> {
  return enter(
    () => api.signIn({ login: login.trim(), password }),
    (error) => {
      if (error.code === 'not-signed-in' || error.code === 'invalid-request') {
        return problem('password', t('door.wrong'))
      }
      return problem(null, errorWords(error.code, error.details))
    },
  )
}

export async function register(credentials: Credentials): Promise<DoorProblem | null> {
  const { login, password, displayName, setupCode } = credentials
  const account = {
    login: login.trim(),
    password,
    ...(displayName.trim() !== '' && { displayName: displayName.trim() }),
    ...(setupCode.trim() !== '' && { setupCode: setupCode.trim() }),
  }
  return enter(
    () => api.register(account),
    (error) => refusal(error, setupCode.trim() !== ''),
  )
}

async function enter(
  ask: () => Promise<{ user: Parameters<typeof sessionStore.trigger.signedIn>[0]['me'] }>,
  explain: (error: ApiError) => DoorProblem,
): Promise<DoorProblem | null> {
  try {
    const { user } = await ask()
    sessionStore.trigger.signedIn({ me: user })
    return null
  } catch (error) {
    return explain(error instanceof ApiError ? error : new ApiError('unavailable', 0, ''))
  }
}

function refusal(error: ApiError, gaveCode: boolean): DoorProblem {
  switch (error.code) {
    case 'conflict':
      return problem('login', t('door.taken'))
    case 'forbidden':
      if (error.details['setupCodeNeeded'] !== true) return problem(null, t('door.closed'))
      return {
        field: gaveCode ? 'setupCode' : null,
        words: gaveCode ? t('door.setup-code-wrong') : '',
        wantsSetupCode: true,
      }
    case 'invalid-request':
      return invalid(error.details['field'])
    default:
      return problem(null, errorWords(error.code, error.details))
  }
}

function invalid(field: unknown): DoorProblem {
  switch (field) {
    case 'login':
      return problem('login', t('door.login-shape'))
    case 'password':
      return problem('password', t('door.password-shape'))
    case 'displayName':
      return problem('displayName', t('door.display-name-shape'))
    default:
      return problem(null, t('error.invalid-request'))
  }
}

const problem = (field: DoorField | null, words: string): DoorProblem => ({
  field,
  words,
  wantsSetupCode: false,
})

/** `hangUp`: a call is left while the server still knows who leaves. */
export async function leaveServer(hangUp: () => Promise<void>): Promise<void> {
  const me = sessionStore.getSnapshot().context.me
  try {
    await hangUp()
    await signOut()
    if (me) forget(me.id)
  } catch (error) {
    showError(error)
  }
}

/** False with a wrong password. */
export async function deleteAccount(password: string): Promise<boolean> {
  const me = sessionStore.getSnapshot().context.me
  try {
    await api.deleteMe(password)
  } catch (error) {
    if (error instanceof ApiError && error.code === 'forbidden') return false
    throw error
  }
  if (me) forget(me.id)
  sessionStore.trigger.signedOut()
  return true
}

/** Nothing of it stays on a computer that others may use. */
function forget(userId: string): void {
  forgetDrafts(userId)
  forgetUnsent(userId)
  forgetReadMarks(userId)
}
