// SPDX-License-Identifier: MIT
// The live page of the daemon. live.mjs URL RECORDS: RECORDS is the file that the daemon's records go to, as JSON lines.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { PHONE, assertAccessible, assertFits, shot, withPage } from './browser.mjs'

const [url, file] = process.argv.slice(2)

// The rows of a table: heading's name to the value as it came.
const rowsOf = (page, id) =>
  page.locator(`#${id} tbody tr`).evaluateAll((rows) => rows.map((r) => Object.fromEntries([...r.cells].map((c) => [c.dataset.name, c.dataset.value]))))

// The answer to the last question, and the tables at that moment.
async function answered(page, predicate) {
  const response = await page.waitForResponse(async (r) => r.url().includes('/page/data') && predicate(await r.json()))
  const data = await response.json()
  await page.waitForFunction((poll) => Number(document.body.dataset.poll) >= poll, data.poll)
  return data
}

const close = (a, b) => Math.abs(a - b) <= 1e-5 * Math.abs(b)

// Each row is one of the daemon's records, and its rates are the growth since the record before of the same socket.
function assertRecords(rows) {
  const bySocket = new Map()
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const r = JSON.parse(line)
    const cookie = r.inet_diag_msg_socket_cookie
    bySocket.set(cookie, [...(bySocket.get(cookie) ?? []), r])
  }
  for (const row of rows) {
    const records = [...bySocket].find(([cookie]) => String(cookie) === row.cookie)?.[1]
    assert.ok(records, `no record of socket ${row.cookie}`)
    const there = records.some((r, i) => {
      const before = records[i - 1]
      const rate = (name) => (Number(r[name] ?? 0) - Number(before[name] ?? 0)) / (seconds(r) - seconds(before))
      return (
        row.rtt === (r.tcp_info_rtt ?? null) && row.cwnd === (r.tcp_info_snd_cwnd ?? null) && row.netns === r.netns &&
        (row.send_rate === null || (before && close(row.send_rate, rate('tcp_info_bytes_acked')))) &&
        (row.recv_rate === null || (before && close(row.recv_rate, rate('tcp_info_bytes_received'))))
      )
    })
    assert.ok(there, `no record says ${JSON.stringify(row)}`)
  }
}
const seconds = (r) => Number(r.timestamp_ns) / 1e9

// The page is told of a poll at its end, a moment before the file has its last records.
async function inTheEnd(check) {
  for (const deadline = Date.now() + 20000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    try {
      return check()
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}

async function figures(page) {
  await page.goto(url)
  const data = await answered(page, (d) => d.sockets?.rows.some((r) => r.send_rate > 0))
  assert.equal(data.sockets.rows.length, 8)
  assert.ok(data.sockets.hidden >= 5)
  await inTheEnd(() => assertRecords(data.sockets.rows))
  // What is on the screen is what came, until the next answer.
  const shown = await page.evaluate(() => document.querySelectorAll('#sockets tbody tr').length)
  assert.equal(shown, data.sockets.rows.length)
  const netns = await rowsOf(page, 'groups')
  assert.deepEqual(netns.map((n) => n.shown).sort(), ['self', 'web'])
  assert.equal(Number(netns.find((n) => n.shown === 'web').sockets), 4)
  assert.equal(await page.locator('#ready').textContent(), 'ready')
  assert.equal(await page.locator('#lost').getAttribute('data-value'), '0')
  await page.waitForFunction(() => document.querySelectorAll('.chart canvas').length === 2)
  await page.waitForFunction(() => /last: self \d.*web \d/.test(document.getElementById('rtt').getAttribute('aria-label')))
  return data
}

// Tab leads to the headings, Enter sorts, and the heading keeps the focus when the table is filled anew.
async function keyboard(page) {
  const heading = page.locator('#sockets th button[data-sort=rtt]')
  await page.locator('#sockets').locator('xpath=..').focus()
  for (let i = 0; i < 20 && !(await heading.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await answered(page, (d) => d.sockets?.order === 'rtt')
  await page.locator('#sockets th[aria-sort=descending] button[data-sort=rtt]').waitFor()
  assert.ok(await heading.evaluate((e) => e === document.activeElement))
  const rtt = (await rowsOf(page, 'sockets')).map((r) => Number(r.rtt))
  assert.deepEqual(rtt, [...rtt].sort((a, b) => b - a))
}

await withPage(async (page) => {
  await figures(page)
  await assertFits(page)
  await assertAccessible(page)
  await keyboard(page)
  await answered(page, (d) => d.poll > 12)
  await shot(page, 'live-light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await assertAccessible(page)
  await shot(page, 'live-dark')
})
await withPage(
  async (page) => {
    await page.goto(url)
    await answered(page, (d) => d.sockets?.rows.some((r) => r.send_rate > 0))
    await assertFits(page)
    await assertAccessible(page)
    await shot(page, 'live-phone')
  },
  { viewport: PHONE, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: 'dark' },
)
console.log('figures, keyboard, phone, light and dark: as they should be')
