// SPDX-License-Identifier: MIT
// Listens to FlatRecords with @grpc/grpc-js until SIGTERM, then prints "N records".
//
// Usage: grpcjs_count.js PROTO-DIRECTORY PORT
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const schema = grpc.loadPackageDefinition(
  loader.loadSync('xtcp_flat_record/v1/xtcp_flat_record.proto', { includeDirs: [process.argv[2]] }),
);
const client = new schema.xtcp_flat_record.v1.XTCPFlatRecordService(
  `127.0.0.1:${process.argv[3]}`,
  grpc.credentials.createInsecure(),
);
const stream = client.FlatRecords({});
let records = 0;
stream.on('data', () => records++);
stream.on('error', () => {});
process.on('SIGTERM', () => {
  console.log(`${records} records`);
  process.exit(0);
});
