// Headless Chromium at the login page, and at the Cat's panel behind it.
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { createRequire } from 'node:module'
import test, { after, before } from 'node:test'

const { chromium } = createRequire(import.meta.url)('playwright-core')
const facts = JSON.parse(process.env.DOORWARD_TEST)
const PANEL = `${facts.url}/admin/`
const certs = { cert: readFileSync(`${facts.folder}/certs/server.pem`), key: readFileSync(`${facts.folder}/certs/server.key`) }
let browser

before(async () => {
  // Chromium has no option for an authority; it is told the one key that it may meet.
  const key = new X509Certificate(certs.cert).publicKey.export({ type: 'spki', format: 'der' })
  const pin = createHash('sha256').update(key).digest('base64')
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  const args = [...quiet, `--ignore-certificate-errors-spki-list=${pin}`]
  browser = await chromium.launch({ executablePath: facts.chromium, chromiumSandbox: process.getuid() !== 0, args })
})
after(() => browser?.close())

/** A browser that nobody has used. What its pages complain of, and what they ask others for, is kept. */
async function fresh() {
  const context = await browser.newContext()
  context.setDefaultTimeout(10_000)
  const complaints = []
  context.on('weberror', (error) => complaints.push(String(error.error())))
  context.on('console', (message) => { if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text()) })
  context.on('request', (request) => { if (!/^(https|wss):\/\/localhost:/.test(request.url())) complaints.push(`asked for ${request.url()}`) })
  const page = await context.newPage()
  return { context, page, complaints }
}

async function logIn(page, username, password = facts.password) {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

const said = (page, name, text) => page.locator(`#${name}`, { hasText: text }).waitFor()

test('the login page says what is wrong, and nothing of who has an account', async () => {
  const { context, page, complaints } = await fresh()
  const answer = await page.goto(PANEL)
  assert.equal(page.url(), `${facts.url}/auth/login?referer=%2Fadmin%2F`)
  assert.equal(answer.status(), 200)
  assert.equal(await page.title(), 'Log in')
  assert.equal(await page.getByRole('alert').count(), 0)
  assert.ok(await page.getByLabel('Username').evaluate((field) => field === document.activeElement))
  const shown = []
  for (const [username, password] of [['alice', 'not the password'], ['nobody at all', facts.password]]) {
    await logIn(page, username, password)
    await page.getByRole('alert').waitFor()
    shown.push(await page.content())
    assert.equal(await page.getByLabel('Password').inputValue(), '')
  }
  assert.equal(shown[0], shown[1])
  await page.setViewportSize({ width: 320, height: 480 })
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), 'it fits a small screen')
  assert.deepEqual(await context.cookies(), [])
  assert.deepEqual(complaints, [])
  await context.close()
})

test('a user with the permissions uses the panel end to end', async () => {
  const { context, page, complaints } = await fresh()
  await page.goto(`${PANEL}settings?tab=1`)
  await logIn(page, 'alice')
  await page.waitForURL(`${PANEL}settings?tab=1`)
  await said(page, 'name', 'alice')
  await said(page, 'permissions', 'CONVERSATION')
  await said(page, 'status', "We're all mad here, dear!")
  await said(page, 'users', '["chief","alice","visitor"]')
  await said(page, 'chat', 'alice: ')
  const readable = await page.evaluate(() => document.cookie)
  assert.match(readable, /^ccat_user_token=[^;]+$/)
  const cookies = Object.fromEntries((await context.cookies()).map((cookie) => [cookie.name, cookie]))
  const { httpOnly, secure, sameSite, path } = cookies['__Host-doorward']
  assert.deepEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: 'Lax', path: '/' })
  const heads = await (await fetch(facts.pages)).json()
  assert.ok(heads.length > 0)
  for (const head of heads) {
    for (const { value } of Object.values(cookies)) assert.ok(!head.includes(value), 'the Cat is shown no token of ours')
  }
  assert.deepEqual(complaints, [])
  await context.close()
})

test('the panel’s logout leads to the login, and a login back to the panel', async () => {
  const { context, page } = await fresh()
  await page.goto(PANEL)
  await logIn(page, 'alice')
  await said(page, 'name', 'alice')
  await page.locator('#logout').click()
  await page.waitForURL(/\/auth\/login\?referer=%2Fadmin%2F$/)
  await logIn(page, 'chief')
  await said(page, 'name', 'chief')
  await said(page, 'users', '["chief","alice","visitor"]')
  await context.close()
})

test('a user without the permissions is refused, and not led in circles', async () => {
  const { context, page } = await fresh()
  await page.goto(PANEL)
  await logIn(page, 'visitor')
  await page.waitForURL(PANEL)
  assert.match(await page.content(), /Invalid Credentials/)
  const answer = await page.goto(PANEL)
  assert.equal(answer.status(), 403)
  await context.close()
})

test('a logout ends the session in every tab, with what is open there', async () => {
  const { context, page } = await fresh()
  await page.goto(PANEL)
  await logIn(page, 'alice')
  await said(page, 'chat', 'alice: ')
  const other = await context.newPage()
  await other.goto(PANEL)
  await said(other, 'name', 'alice')
  const left = await other.evaluate(() => fetch('/auth/logout', { method: 'POST' }).then((answer) => [answer.status, answer.url]))
  assert.deepEqual(left, [200, `${facts.url}/auth/login?referer=%2Fadmin%2F`])
  await said(page, 'chat', /disconnected|failed/)
  await page.reload()
  await page.waitForURL(/\/auth\/login/)
  await context.close()
})

test('a page at another port, to which the browser sends the same cookies, can do nothing', async (t) => {
  // Site and cookies know no ports: SameSite keeps nothing from such a page.
  const server = https.createServer(certs, (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Foreign</title>'))
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => server.close())
  const { context, page } = await fresh()
  await page.goto(PANEL)
  await logIn(page, 'chief')
  await said(page, 'name', 'chief')
  const foreign = await context.newPage()
  await foreign.goto(`https://localhost:${server.address().port}/`)
  const display = await foreign.evaluate(() => document.cookie)
  assert.match(display, /ccat_user_token=/, 'cookies know no ports: it even reads the display token')
  const asked = await foreign.evaluate(async ({ url, token }) => {
    const outcome = (promise) => promise.then((answer) => answer.status, () => 'no answer to read')
    const body = JSON.stringify({ username: 'mallory', password: 'a password of mallory' })
    const simple = { method: 'POST', credentials: 'include', mode: 'no-cors', body }
    await fetch(`${url}/users/`, simple)
    await fetch(`${url}/auth/logout`, { method: 'POST', credentials: 'include', mode: 'no-cors' })
    const bearer = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    return {
      read: await outcome(fetch(`${url}/users/`, { credentials: 'include', headers: bearer })),
      made: await outcome(fetch(`${url}/users/`, { method: 'POST', credentials: 'include', headers: bearer, body })),
      socket: await new Promise((ended) => {
        const socket = new WebSocket(`${url.replace('https', 'wss')}/ws/user?token=${token}`)
        socket.onopen = () => ended('opened')
        socket.onerror = () => ended('refused')
      }),
    }
  }, { url: facts.url, token: display.split('ccat_user_token=')[1].split(';')[0] })
  assert.deepEqual(asked, { read: 'no answer to read', made: 'no answer to read', socket: 'refused' })
  await page.reload()
  await said(page, 'name', 'chief')
  await said(page, 'users', '["chief","alice","visitor"]')
  await context.close()
})
