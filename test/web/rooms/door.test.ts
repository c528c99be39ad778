// @vitest-environment happy-dom
import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'
import SignIn from '../../../web/pages/SignIn.vue'
import { sessionStore } from '../../../web/stores/session.store.ts'

test('the door says that the session is over to whom the server ended it, and to nobody else', () => {
  sessionStore.trigger.ended({ byTime: false })
  expect(mount(SignIn).find('form').text()).toContain('You are signed out.')
  sessionStore.trigger.signedOut()
  expect(mount(SignIn).find('form').text()).not.toContain('You are signed out.')
})
