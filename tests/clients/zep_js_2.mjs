// The JavaScript client of Zep Community Edition, npm `@getzep/zep-js` 2.0, as its users write it.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'

const require = createRequire(import.meta.url)
const { ZepClient, ZepError, Zep } = require('@getzep/zep-js')
const facts = JSON.parse(process.env.DOORWARD_TEST)

const client = (apiKey) => new ZepClient({ baseUrl: facts.url, apiKey })
const seen = async () => (await fetch(facts.seen)).json()
const values = (head, name) => head.headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)

/** What the backend received meanwhile. */
async function meanwhile(work) {
  const before = (await seen()).length
  await work()
  return (await seen()).slice(before)
}

test('a user reads what is their own', async () => {
  const zep = client(facts.u1)
  assert.equal((await zep.user.get('u1')).userId, 'u1')
  assert.ok((await zep.user.getSessions('u1')).flat().some((session) => session.sessionId === 'u1.first'))
  assert.equal((await zep.memory.getSession('u1.first')).userId, 'u1')
})

test('what a user says is remembered', async () => {
  const zep = client(facts.u1)
  const messages = ['a cat', 'a grin', 'no cat'].map((content) => ({ roleType: 'user', content }))
  await zep.memory.add('u1.first', { messages })
  const remembered = await zep.memory.get('u1.first', { lastn: 2 })
  assert.deepEqual(remembered.messages.map((message) => message.content), ['a grin', 'no cat'])
  const [first] = (await zep.memory.getSessionMessages('u1.first')).messages
  assert.equal((await zep.memory.getSessionMessage('u1.first', first.uuid)).content, 'a cat')
  await zep.memory.delete('u1.first')
  assert.deepEqual((await zep.memory.get('u1.first')).messages, [])
})

test('nothing of anybody else', async () => {
  const zep = client(facts.u1)
  for (const attempt of [
    () => zep.user.get('u2'),
    () => zep.user.getSessions('u2'),
    () => zep.user.delete('u2'),
    () => zep.user.update('u2', { email: 'm@example.com' }),
    () => zep.memory.getSession('u2.first'),
    () => zep.memory.get('u2.first'),
    () => zep.memory.add('u2.first', { messages: [{ roleType: 'user', content: 'mallory was here' }] }),
    () => zep.memory.delete('u2.first'),
    () => zep.memory.getSessionMessages('u2.first'),
    () => zep.memory.get('u10.first'),
    () => zep.memory.get('u1.x.first'),
    () => zep.user.listOrdered(),
    () => zep.memory.listSessions(),
  ]) {
    const refused = (error) => error instanceof ZepError && error.statusCode === 403
    const asked = await meanwhile(() => assert.rejects(attempt(), refused))
    assert.deepEqual(asked, [], 'the backend was asked')
  }
})

test('a wrong credential is the error that the client has for it', async () => {
  for (const name of ['wrong', 'backend_key']) {
    const refused = (error) => error instanceof ZepError && error.statusCode === 401 && error.body === 'unauthorized\n'
    await assert.rejects(client(facts[name]).user.get('u1'), refused, name)
  }
})

test('a key with every permission may do everything', async () => {
  const zep = client(facts.app)
  assert.equal((await zep.user.add({ userId: 'u4', email: 'u4@example.com' })).userId, 'u4')
  assert.equal((await zep.user.update('u4', { firstName: 'Dinah' })).firstName, 'Dinah')
  const users = (await zep.user.listOrdered()).users.map((user) => user.userId)
  assert.ok(['u1', 'u2', 'u4'].every((user) => users.includes(user)))
  await zep.memory.addSession({ sessionId: 'u4.first', userId: 'u4' })
  await zep.memory.add('u4.first', { messages: [{ roleType: 'user', content: 'a cat' }] })
  const { results } = await zep.memory.searchSessions({ text: 'cat', userId: 'u4' })
  assert.deepEqual(results.map((result) => result.message.content), ['a cat'])
  assert.ok((await zep.memory.listSessions()).sessions.some((session) => session.sessionId === 'u4.first'))
  await zep.user.delete('u4')
  await assert.rejects(zep.user.get('u4'), (error) => error instanceof Zep.NotFoundError)
})

test('a redirect comes back to the public address and the call succeeds', async () => {
  const target = `${facts.url}/api/v2/sessions/u1.first-moved`
  const redirect = await fetch(target, { headers: { Authorization: `Api-Key ${facts.u1}` }, redirect: 'manual' })
  assert.equal(redirect.headers.get('location'), `${facts.url}/api/v2/sessions/u1.first`)
  assert.equal((await client(facts.u1).memory.getSession('u1.first-moved')).sessionId, 'u1.first')
})

test('one client after the other and two at once', async () => {
  for (let round = 0; round < 3; round += 1) {
    const users = await Promise.all([client(facts.u1).user.get('u1'), client(facts.u2).user.get('u2')])
    assert.deepEqual(users.map((user) => user.userId), ['u1', 'u2'])
  }
})

test("the backend is shown its own secret and nothing of the client's", async () => {
  const [head] = await meanwhile(() => client(facts.u1).user.get('u1'))
  assert.deepEqual(values(head, 'authorization'), [`Api-Key ${facts.backend_key}`])
  assert.ok(!JSON.stringify(head).includes(facts.u1))
})
