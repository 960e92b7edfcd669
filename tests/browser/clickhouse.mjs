// SPDX-License-Identifier: MIT
// The pages of xtcp2-clickhouse. clickhouse.mjs URL PASSWORD SINCE UNTIL EXPECTED: the password of reader, the span of time in the
// database (seconds since the epoch), and a file with the figures that the dashboard must have for it, as the server says.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { PHONE, assertAccessible, assertFits, shot, withPage } from './browser.mjs'

const [url, password, since, until, file] = process.argv.slice(2)
const expected = JSON.parse(readFileSync(file, 'utf8'))

const local = (seconds) => new Date(seconds * 1000 - new Date(seconds * 1000).getTimezoneOffset() * 60000).toISOString().slice(0, 19)
const view = (more = {}) => `${url}/dashboard#${new URLSearchParams({ range: 'custom', since: local(Number(since)), until: local(Number(until)), refresh: '0', ...more })}`

async function signIn(page) {
  await page.locator('#password').fill(password)
  await page.keyboard.press('Enter')
}

// Until so many updates of the dashboard have ended.
const shown = (page, times) => page.waitForFunction((n) => Number(document.body.dataset.shown || 0) >= n, times)
const value = async (page, id) => Number(await page.locator('#' + id).getAttribute('data-value'))
const near = (a, b, what) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.abs(b), `${what}: ${a}, but the server says ${b}`)

async function dashboard(page) {
  await page.goto(view())
  await signIn(page)
  await shown(page, 1)
  for (const name of ['records', 'hosts', 'namespaces', 'sockets', 'rtt_p50', 'rtt_p99', 'retransmits']) near(await value(page, name), expected.all[name], name)
  const groups = await page.locator('#groups tbody tr').evaluateAll((rows) => Object.fromEntries(rows.map((r) => [r.cells[0].dataset.value, Number(r.cells[4].dataset.value)])))
  assert.deepEqual(groups, expected.sent_by_netns)
  await page.waitForFunction(() => document.querySelectorAll('.chart canvas').length === 5)
  await assertFits(page)
  await assertAccessible(page)
  await shot(page, 'dashboard-light')

  // A filter, by keyboard.
  await page.locator('#netns').focus()
  await page.keyboard.type('web')
  await page.keyboard.press('Tab')
  await page.getByRole('button', { name: 'Show' }).click()
  await shown(page, 2)
  near(await value(page, 'records'), expected.other.records, 'records of a namespace')
  near(await value(page, 'sockets'), expected.other.sockets, 'sockets of a namespace')
  assert.match(page.url(), /netns=web/)
  await page.locator('#netns').selectOption('')
  await page.locator('#port').fill('7001')
  await page.locator('#by').selectOption('process')
  await page.getByRole('button', { name: 'Show' }).click()
  await shown(page, 3)
  near(await value(page, 'records'), expected.port.records, 'records of a port')
  assert.equal(await page.locator('#groups th').first().textContent(), 'Process')
  await page.emulateMedia({ colorScheme: 'dark' })
  await assertAccessible(page)
  await shot(page, 'dashboard-dark')
}

const run = async (page, query) => {
  await page.locator('#query').fill(query)
  await page.keyboard.press('Control+Enter')
}

async function play(page) {
  await page.goto(`${url}/play`)
  await signIn(page)
  await page.locator('#tables li').first().waitFor()
  await run(page, "SELECT number, toString(number) AS text, if(number = 2, NULL, number / 4) AS quarter, [number] AS list, '<b>&' AS odd FROM numbers(5)")
  await page.locator('#rows tbody tr').nth(4).waitFor()
  const cells = await page.locator('#rows tr').evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.textContent)))
  assert.deepEqual(cells[0], ['number', 'text', 'quarter', 'list', 'odd'])
  assert.deepEqual(cells[3], ['2', '2', 'NULL', '[2]', '<b>&'])
  assert.match(await page.locator('#status').textContent(), /^5 rows, \d+ ms$/)
  // More rows than a page should hold, of a query that would not end.
  await run(page, 'SELECT number FROM system.numbers')
  await page.getByText('1000 rows, and more that are not shown').waitFor()
  await run(page, 'SELECT 1 AS one FORMAT CSVWithNames')
  await page.locator('#text:text("one")').waitFor()
  await run(page, expected.states_query)
  await page.waitForFunction((n) => document.querySelectorAll('#rows tbody tr').length === n, expected.states.length)
  const states = await page.locator('#rows tbody tr').evaluateAll((rows) => rows.map((r) => [...r.cells].map((c) => c.textContent)))
  assert.deepEqual(states, expected.states)
  await assertFits(page)
  await assertAccessible(page)
  await shot(page, 'play-light')
  // The history survives a new page, and a click brings a query back.
  await page.reload()
  assert.equal(await page.locator('#history button').count(), 4)
  await page.locator('#history button').nth(1).click()
  assert.equal(await page.locator('#query').inputValue(), 'SELECT 1 AS one FORMAT CSVWithNames')
  await page.getByRole('button', { name: 'Forget them' }).click()
  assert.equal(await page.locator('#history button').count(), 0)
}

// What is refused is said. The browser itself logs the status of such an answer.
async function refusals(page) {
  await page.goto(`${url}/play`)
  await page.locator('#password').fill('wrong')
  await page.keyboard.press('Enter')
  await page.getByText('password is incorrect').waitFor()
  await signIn(page)
  await page.locator('#tables li').first().waitFor()
  await run(page, 'SELEC 1')
  await page.locator('#trouble:text("Syntax error")').waitFor()
  await run(page, 'DROP TABLE xtcp.xtcp_flat_records')
  await page.locator('#trouble:text("This user may only read")').waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.locator('#password').waitFor()
  assert.ok(page.complaints.length >= 3 && page.complaints.every((c) => /status of (4|5)\d\d/.test(c)), page.complaints.join('\n'))
  page.complaints.length = 0
}

await withPage(dashboard)
await withPage(play)
await withPage(refusals)
await withPage(
  async (page) => {
    await page.goto(view())
    await signIn(page)
    await shown(page, 1)
    await assertFits(page)
    await assertAccessible(page)
    await shot(page, 'dashboard-phone')
    await page.getByRole('link', { name: 'SQL' }).click()
    await page.locator('#tables li').first().waitFor()
    await page.getByRole('button', { name: 'Run' }).click()
    await page.locator('#rows tbody tr').first().waitFor()
    await assertFits(page)
    await shot(page, 'play-phone')
  },
  { viewport: PHONE, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: 'dark' },
)
console.log('dashboard and SQL: as they should be')
