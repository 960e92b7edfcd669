// SPDX-License-Identifier: MIT
// The live page of a daemon that wants a token. token.mjs URL TOKEN
import assert from 'node:assert/strict'
import { assertAccessible, shot, withPage } from './browser.mjs'

const [url, token] = process.argv.slice(2)

await withPage(async (page) => {
  await page.goto(url)
  await page.locator('#refused').waitFor()
  assert.match(await page.locator('#refusal').textContent(), /send a token/)
  assert.equal(await page.locator('#ready').textContent(), 'ready')
  assert.equal(await page.locator('#sockets').isVisible(), false)
  await assertAccessible(page)
  await shot(page, 'live-token')
  await page.getByLabel(/Token/).fill('wrong-token-wrong-token')
  await page.keyboard.press('Enter')
  await page.getByText('the token is not in the daemon').waitFor()
  await page.getByLabel(/Token/).fill(token)
  await page.keyboard.press('Enter')
  await page.locator('#sockets tbody tr').first().waitFor()
  assert.equal(await page.locator('#refused').isVisible(), false)
})
console.log('a token opens the page')
