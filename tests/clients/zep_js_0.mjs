// Zep 0.x's own JavaScript client, npm `@getzep/zep-js` 0.10, as its users write it.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'

const { APIError, AuthenticationError, Memory, MemorySearchPayload, Message, NotFoundError, ZepClient } =
  createRequire(import.meta.url)('@getzep/zep-js')
const facts = JSON.parse(process.env.DOORWARD_TEST)

const seen = async () => (await fetch(facts.seen)).json()
const values = (head, name) => head.headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)

/** What the backend received meanwhile. */
async function meanwhile(work) {
  const before = (await seen()).length
  await work()
  return (await seen()).slice(before)
}

test('a client is made without a credential', async () => {
  const asked = await meanwhile(() => ZepClient.init(facts.url))
  assert.deepEqual(asked.map((head) => head.target), ['/healthz'])
})

test('a client is made with a credential, which the backend does not see', async () => {
  const [healthcheck] = await meanwhile(() => ZepClient.init(facts.url, facts.u1))
  assert.equal(healthcheck.target, '/healthz')
  assert.ok(!JSON.stringify(healthcheck).includes(facts.u1))
})

test('a user reads what is their own', async () => {
  const zep = await ZepClient.init(facts.url, facts.u1)
  assert.equal((await zep.user.get('u1')).user_id, 'u1')
  assert.ok((await zep.user.getSessions('u1')).some((session) => session.session_id === 'u1.first'))
  assert.equal((await zep.memory.getSession('u1.first')).user_id, 'u1')
})

test('what a user says is remembered', async () => {
  const zep = await ZepClient.init(facts.url, facts.u1)
  const said = ['a cat', 'a grin', 'no cat'].map((content) => new Message({ role: 'user', content }))
  await zep.memory.addMemory('u1.second', new Memory({ messages: said }))
  const { messages } = await zep.memory.getMemory('u1.second', 2)
  assert.deepEqual(messages.map((message) => message.content), ['a grin', 'no cat'])
  const [first] = await zep.message.getSessionMessages('u1.second')
  assert.equal((await zep.message.getSessionMessage('u1.second', first.uuid)).content, 'a cat')
  const found = await zep.memory.searchMemory('u1.second', new MemorySearchPayload({ text: 'cat' }), 1)
  assert.deepEqual(found.map((result) => result.message.content), ['a cat'])
  await zep.memory.deleteMemory('u1.second')
  assert.deepEqual((await zep.memory.getMemory('u1.second')).messages, [])
})

test('nothing of anybody else', async () => {
  const zep = await ZepClient.init(facts.url, facts.u1)
  const message = new Memory({ messages: [new Message({ role: 'user', content: 'mallory was here' })] })
  for (const attempt of [
    () => zep.user.get('u2'),
    () => zep.user.getSessions('u2'),
    () => zep.user.delete('u2'),
    () => zep.user.update({ user_id: 'u2', email: 'm@example.com' }),
    () => zep.memory.getSession('u2.first'),
    () => zep.memory.getMemory('u2.first'),
    () => zep.memory.addMemory('u2.first', message),
    () => zep.memory.deleteMemory('u2.first'),
    () => zep.message.getSessionMessages('u2.first'),
    () => zep.memory.getMemory('u10.first'),
    () => zep.memory.getMemory('u1.x.first'),
    () => zep.user.list(),
    () => zep.memory.listSessions(),
  ]) {
    const refused = (error) => error instanceof APIError && error.code === 403
    const asked = await meanwhile(() => assert.rejects(attempt(), refused))
    assert.deepEqual(asked, [], 'the backend was asked')
  }
})

test('a wrong credential is the error that the client has for it', async () => {
  for (const name of ['wrong', 'expired', 'forged', 'unsigned']) {
    // The client shows its credential at the health check too, and is refused there.
    await assert.rejects(ZepClient.init(facts.url, facts[name]), /Failed to connect to Zep server/, name)
    const zep = new ZepClient(facts.url, facts[name])
    await assert.rejects(zep.user.get('u1'), (error) => error instanceof AuthenticationError, name)
  }
})

test("the token without claims is the application's and may do everything", async () => {
  const zep = await ZepClient.init(facts.url, facts.token)
  assert.equal((await zep.user.add({ user_id: 'u4', email: 'u4@example.com' })).user_id, 'u4')
  assert.equal((await zep.user.update({ user_id: 'u4', first_name: 'Dinah' })).first_name, 'Dinah')
  const users = (await zep.user.list()).map((user) => user.user_id)
  assert.ok(['u1', 'u2', 'u4'].every((user) => users.includes(user)))
  await zep.memory.addMemory('u4.first', new Memory({ messages: [new Message({ role: 'user', content: 'a cat' })] }))
  assert.ok((await zep.memory.listSessions()).some((session) => session.session_id === 'u4.first'))
  await zep.user.delete('u4')
  await assert.rejects(zep.user.get('u4'), (error) => error instanceof NotFoundError)
})

test('collections hold documents', async () => {
  const zep = await ZepClient.init(facts.url, facts.token)
  const collection = await zep.document.addCollection({ name: 'wonderland', embeddingDimensions: 8 })
  const uuids = await collection.addDocuments([{ content: 'a cat' }, { content: 'a hare' }])
  assert.equal(uuids.length, 2)
  const found = await collection.search({ text: 'hare' })
  assert.deepEqual(found.map((document) => document.content), ['a hare'])
  await zep.document.deleteCollection('wonderland')
})

test('a redirect comes back to the public address and the call succeeds', async () => {
  const zep = await ZepClient.init(facts.url, facts.u1)
  const target = zep.getFullUrl('/sessions/u1.first-moved')
  const redirect = await fetch(target, { headers: zep.headers, redirect: 'manual' })
  assert.equal(redirect.headers.get('location'), `${facts.url}/api/v1/sessions/u1.first`)
  assert.equal((await zep.memory.getSession('u1.first-moved')).session_id, 'u1.first')
})

test('one client after the other and two at once', async () => {
  const clients = [await ZepClient.init(facts.url, facts.u1), await ZepClient.init(facts.url, facts.u2)]
  for (let round = 0; round < 3; round += 1) {
    const users = await Promise.all([clients[0].user.get('u1'), clients[1].user.get('u2')])
    assert.deepEqual(users.map((user) => user.user_id), ['u1', 'u2'])
  }
})

test("the backend is shown a token of its own and nothing of the client's", async () => {
  for (const name of ['u1', 'token']) {
    const zep = await ZepClient.init(facts.url, facts[name])
    const [head] = await meanwhile(() => zep.user.get('u1'))
    const [shown, ...others] = values(head, 'authorization')
    assert.match(shown, /^Bearer /)
    assert.deepEqual(others, [])
    assert.ok(!JSON.stringify(head).includes(facts[name]))
  }
})
