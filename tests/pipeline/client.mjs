// SPDX-License-Identifier: MIT
// The calls of a typical application with @clickhouse/client, to the given URL.
import assert from 'node:assert/strict'
import { createClient, ClickHouseError } from '@clickhouse/client'

const client = createClient({
  url: process.argv[2],
  database: 'default',
  compression: { request: true, response: true },
})

assert.equal((await client.ping()).success, true)
await client.command({ query: 'CREATE OR REPLACE TABLE js (id UInt64, name String) ENGINE = MergeTree ORDER BY id' })
const insert = await client.insert({
  table: 'js',
  values: [{ id: 1, name: "it's" }, { id: 2, name: '\n\t;' }],
  format: 'JSONEachRow',
})
assert.equal(insert.summary.written_rows, '2')

const json = await client.query({ query: 'SELECT * FROM js ORDER BY id', format: 'JSON' })
assert.deepEqual((await json.json()).data.map((row) => row.name), ["it's", '\n\t;'])

const bound = await client.query({
  query: 'SELECT name FROM js WHERE id = {id: UInt64} AND name IN {names: Array(String)}',
  query_params: { id: 1, names: ["it's", 'x'] },
  format: 'JSONEachRow',
  clickhouse_settings: { max_threads: 1 },
})
assert.deepEqual(await bound.json(), [{ name: "it's" }])

const stream = await client.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSONCompactEachRow' })
let rows = 0
for await (const batch of stream.stream()) rows += batch.length
assert.equal(rows, 200000)

await assert.rejects(client.query({ query: 'SELECT * FROM no_such_table' }), (error) => {
  assert.ok(error instanceof ClickHouseError)
  assert.equal(error.code, '60')
  assert.equal(error.type, 'UNKNOWN_TABLE')
  return true
})
await client.close()
console.log('ok')
