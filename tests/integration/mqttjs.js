// One scenario of MQTT.js, the client that browsers and Node-RED use; tests/integration/test_mqttjs.py runs it.
// Arguments: port, protocol version, name for topics, and the protocol below (tcp, tls, ws, wss). Prints "ok" and exits 0, or fails with what went wrong.
'use strict'
const assert = require('assert')
const mqtt = require('mqtt')

const [port, version, name] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]]
const below = process.argv[5] || 'tcp'
const secure = below === 'tls' || below === 'wss'
const base = { protocol: below, host: secure ? 'localhost' : '127.0.0.1', port, protocolVersion: version, reconnectPeriod: 0 }
if (version === 3) base.protocolId = 'MQIsdp'
const five = version === 5

function open (options) {
  return new Promise((resolve, reject) => {
    const client = mqtt.connect({ ...base, ...options })
    client.received = []
    client.waiting = []
    client.on('message', (topic, payload, packet) => {
      client.received.push(packet)
      client.waiting.splice(0).forEach(wake => wake())
    })
    client.once('connect', connack => { client.connack = connack; resolve(client) })
    client.once('error', reject)
  })
}

const call = (client, method, ...args) =>
  new Promise((resolve, reject) => client[method](...args, (error, result) => error ? reject(error) : resolve(result)))

async function next (client) {
  while (!client.received.length) await new Promise(resolve => client.waiting.push(resolve))
  return client.received.shift()
}

async function exchange () {
  const [sub, pub] = await Promise.all([open({ clientId: name + 's' }), open({ clientId: name + 'p' })])
  await call(sub, 'subscribe', name + '/#', { qos: 2 })
  for (const qos of [0, 1, 2]) {
    await call(pub, 'publish', name + '/é', 'payload ' + qos, { qos })
    const packet = await next(sub)
    assert.deepStrictEqual([packet.topic, packet.payload.toString(), packet.qos, packet.retain],
      [name + '/é', 'payload ' + qos, qos, false])
  }
  const large = Buffer.alloc(3000000, 'large')
  await call(pub, 'publish', name + '/large', large, { qos: 2, retain: true })
  assert((await next(sub)).payload.equals(large))
  await call(sub, 'unsubscribe', name + '/#')
  await call(sub, 'subscribe', name + '/large', { qos: 1 })
  const kept = await next(sub)
  assert(kept.retain && kept.payload.equals(large))
  await call(pub, 'publish', name + '/large', '', { qos: 1, retain: true })
  await Promise.all([call(sub, 'end', false), call(pub, 'end', false)])
}

async function will () {
  const watcher = await open({ clientId: name + 'w' })
  await call(watcher, 'subscribe', name + '/will', { qos: 1 })
  const dying = await open({ clientId: name + 'd', will: { topic: name + '/will', payload: 'gone', qos: 1, retain: false } })
  dying.stream.destroy()
  assert.strictEqual((await next(watcher)).payload.toString(), 'gone')
  await call(watcher, 'end', false)
}

async function resume () {
  const keep = { clientId: name + 'r', clean: false, ...(five ? { properties: { sessionExpiryInterval: 100 } } : {}) }
  const first = await open(keep)
  await call(first, 'subscribe', name + '/kept', { qos: 1 })
  await call(first, 'end', false)
  const pub = await open({ clientId: name + 'q' })
  await call(pub, 'publish', name + '/kept', 'while away', { qos: 1 })
  const second = await open(keep)
  assert.strictEqual((await next(second)).payload.toString(), 'while away')
  if (version !== 3) assert.strictEqual(second.connack.sessionPresent, true)
  await Promise.all([call(second, 'end', false), call(pub, 'end', false)])
}

async function properties () {
  if (!five) return
  const [sub, pub] = await Promise.all([open({ topicAliasMaximum: 10 }), open({})])
  await call(sub, 'subscribe', name + '/5', { qos: 1, properties: { subscriptionIdentifier: 7 } })
  const sent = { contentType: 'c', responseTopic: 'r', correlationData: Buffer.from([0, 1]), userProperties: { a: ['1', '2'] } }
  for (let round = 0; round < 3; round++) {
    await call(pub, 'publish', name + '/5', 'x', { qos: 1, properties: sent })
    const got = (await next(sub)).properties
    assert.strictEqual(got.contentType, 'c')
    assert.strictEqual(got.responseTopic, 'r')
    assert(got.correlationData.equals(sent.correlationData))
    assert.deepStrictEqual({ ...got.userProperties }, { a: ['1', '2'] })
    assert.strictEqual(Number(got.subscriptionIdentifier), 7)
  }
  await Promise.all([call(sub, 'end', false), call(pub, 'end', false)])
}

exchange().then(will).then(resume).then(properties).then(
  () => { console.log('ok'); process.exit(0) },
  error => { console.error(error); process.exit(1) })
