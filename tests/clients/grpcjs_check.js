// SPDX-License-Identifier: MIT
// The calls of the server as @grpc/grpc-js makes them; messages come from proto/.
//
// Usage: grpcjs_check.js PROTO-DIRECTORY TARGET PID RECORDS   against grpc_serve. Prints TAP.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protoDirectory, address] = process.argv.slice(2);
const [pid, records] = process.argv.slice(4).map(Number);
const schema = grpc.loadPackageDefinition(
  loader.loadSync(
    ['xtcp_flat_record/v1/xtcp_flat_record.proto', 'xtcp_config/v1/xtcp_config.proto', 'grpc/health/v1/health.proto'],
    { keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [protoDirectory] },
  ),
);
const open = (Service) => new Service(address, grpc.credentials.createInsecure());
const config = open(schema.xtcp_config.v1.ConfigService);
const flat = open(schema.xtcp_flat_record.v1.XTCPFlatRecordService);
const health = open(schema.grpc.health.v1.Health);

let tests = 0;
const check = (ok, name) => console.log(`${ok ? 'ok' : 'not ok'} ${++tests} - grpc-js: ${name}`);
const soon = () => ({ deadline: Date.now() + 20000 });
const unary = (client, method, request, options = soon()) =>
  new Promise((resolve) => {
    client[method](request, new grpc.Metadata(), options, (error, response) => resolve({ error, response }));
  });
/** Reads a stream to its end: the messages' count, the status, the trailers. */
const drain = (stream) =>
  new Promise((resolve) => {
    let count = 0;
    let counter = 0;
    let ordered = true;
    stream.on('data', (message) => {
      counter = (counter % records) + 1;
      ordered &&= message.xtcp_flat_record.record_counter === counter;
      count++;
    });
    stream.on('error', () => {});
    stream.on('status', (status) => resolve({ count, ordered, status, missed: status.metadata.get('xtcp2-missed-records')[0] }));
  });

async function main() {
  const { response } = await unary(config, 'Get', {});
  check(response.config.netlinkers === 4 && response.config.enabled_deserializers.enabled.info === true, 'Get');

  const bad = await unary(config, 'TriggerPollBurst', { count: 1001, interval: { seconds: 60 } });
  check(bad.error.code === grpc.status.INVALID_ARGUMENT && /count.*1000/.test(bad.error.details), 'a bad value names field and limits');
  const burst = await unary(config, 'TriggerPollBurst', { count: 1, interval: { seconds: 60 } });
  check(!burst.error && burst.response.count === 1, 'TriggerPollBurst');

  const wrong = { ...response.config, netlinkers: 99 };
  const set = await unary(config, 'Set', { config: wrong });
  check(set.error.code === grpc.status.INVALID_ARGUMENT && /^netlinkers: .*64/.test(set.error.details), 'Set refuses a bad configuration whole');

  const many = await Promise.all(Array.from({ length: 300 }, () => unary(config, 'Get', {})));
  check(many.every(({ error }) => !error), '300 calls at once');

  const gzip = new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
  });
  // Field 9999, which the message does not have: 100 bytes that gzip makes smaller.
  const unknown = Buffer.concat([Buffer.from([0xfa, 0xf0, 0x04, 100]), Buffer.alloc(100)]);
  const zipped = await new Promise((resolve) => {
    let initial;
    gzip.makeUnaryRequest('/xtcp_config.v1.ConfigService/Get', (x) => x, (x) => x, unknown, soon(), (error, answer) => resolve({ error, answer, initial }))
      .on('metadata', (m) => { initial = m; });
  });
  check(!zipped.error && zipped.answer.length > 100, 'a request in gzip is read, and its answer too');
  gzip.close();

  const polls = flat.PollFlatRecords(soon());
  const polled = drain(polls);
  for (let i = 0; i < 3; i++) polls.write({});
  polls.end();
  const poll = await polled;
  check(poll.count === 3 * records && poll.ordered && poll.status.code === grpc.status.OK, `PollFlatRecords: ${poll.count} records of 3 polls`);
  check(poll.missed === '0', 'and tells that nothing was missed');

  const cancelled = flat.FlatRecords({}, soon());
  cancelled.on('metadata', () => cancelled.cancel());
  check((await drain(cancelled)).status.code === grpc.status.CANCELLED, 'FlatRecords can be cancelled');
  check((await drain(flat.FlatRecords({}, { deadline: Date.now() + 300 }))).status.code === grpc.status.DEADLINE_EXCEEDED, 'FlatRecords ends at the deadline');

  const serving = await unary(health, 'Check', { service: '' });
  check(serving.response.status === 'SERVING', 'health');

  const last = flat.FlatRecords({}, soon());
  last.on('metadata', () => unary(config, 'TriggerPoll', {}));
  last.once('data', () => process.kill(pid, 'SIGTERM'));
  const end = await drain(last);
  check(end.status.code === grpc.status.UNAVAILABLE && end.count + Number(end.missed) === records, `a stream gets its records and UNAVAILABLE when the server ends: ${end.count} and ${end.missed} missed`);
  console.log(`1..${tests}`);
  process.exit(0);
}
main();
