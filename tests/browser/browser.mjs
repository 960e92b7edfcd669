// SPDX-License-Identifier: MIT
// A browser for the tests of the pages: Debian's Chromium, driven by playwright-core. BROWSER_MODULES is the directory where that
// is installed, BROWSER_SHOTS one for screenshots (none without it).
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const { chromium } = createRequire(process.env.BROWSER_MODULES + '/')('playwright-core')

export const WIDE = { width: 1280, height: 900 }
export const PHONE = { width: 390, height: 844 }

// Runs work(page) in a fresh browser; fails for whatever the browser complains about.
export async function withPage(work, options = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
  const complaints = []
  try {
    const context = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(30000)
    page.on('console', (m) => ['error', 'warning'].includes(m.type()) && complaints.push(`console: ${m.text()}`))
    page.on('pageerror', (e) => complaints.push(`script: ${e.message}`))
    // What the page itself breaks off is no failure.
    page.on('requestfailed', (r) => r.failure()?.errorText !== 'net::ERR_ABORTED' && complaints.push(`request: ${r.url()}: ${r.failure()?.errorText}`))
    page.complaints = complaints
    await work(page)
  } finally {
    await browser.close()
  }
  assert.deepEqual(complaints, [])
}

export async function shot(page, name) {
  if (process.env.BROWSER_SHOTS) await page.screenshot({ path: `${process.env.BROWSER_SHOTS}/${name}.png`, fullPage: true })
}

// Nothing is wider than the window, but for what scrolls by itself.
export async function assertFits(page) {
  const [scroll, width] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
  assert.ok(scroll <= width, `the page is ${scroll} pixels wide in a window of ${width}`)
}

// Tables have headings with a scope and a caption, controls have names, images a label, texts a contrast of 4.5.
export async function assertAccessible(page) {
  const faults = await page.evaluate(() => {
    const faults = []
    const seen = (e) => e.checkVisibility({ visibilityProperty: true })
    for (const table of document.querySelectorAll('table.data')) {
      if (!seen(table)) continue
      if (!table.caption?.textContent.trim()) faults.push(`table ${table.id} has no caption`)
      for (const th of table.querySelectorAll('th')) if (th.scope !== 'col') faults.push(`a heading of table ${table.id} has no scope`)
    }
    for (const e of document.querySelectorAll('input, select, textarea, button')) {
      if (seen(e) && !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()) faults.push(`<${e.localName} id=${e.id}> has no name`)
    }
    for (const e of document.querySelectorAll('.chart')) if (!e.getAttribute('aria-label')) faults.push(`chart ${e.id} has no label`)
    const parse = (c) => (c.match(/[\d.]+/g) ?? []).map(Number)
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0)
    const behind = (e) => {
      for (; e; e = e.parentElement) {
        const c = parse(getComputedStyle(e).backgroundColor)
        if (c.length === 3 || c[3] === 1) return c
      }
      return [255, 255, 255]
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const e = walker.currentNode.parentElement
      if (!walker.currentNode.textContent.trim() || !seen(e) || ['SCRIPT', 'NOSCRIPT', 'OPTION'].includes(e.nodeName)) continue
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x)
      const contrast = (a + 0.05) / (b + 0.05)
      if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)} of "${walker.currentNode.textContent.trim().slice(0, 30)}"`)
    }
    return [...new Set(faults)]
  })
  assert.deepEqual(faults, [])
}
