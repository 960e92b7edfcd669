// SPDX-License-Identifier: MIT
// Calls methods that read and methods that change with @grpc/grpc-js and prints "Method STATUS", one per line.
//
// Usage: grpcjs_access.js TARGET [token=TEXT] [ca=FILE [cert=FILE key=FILE]]
// TARGET is HOST:PORT or unix:/path; with ca= the connection is TLS.
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');

const settings = Object.fromEntries(process.argv.slice(3).map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
const content = (key) => (settings[key] ? fs.readFileSync(settings[key]) : null);
const credentials = settings.ca
  ? grpc.credentials.createSsl(content('ca'), content('key'), content('cert'))
  : grpc.credentials.createInsecure();
const client = new grpc.Client(process.argv[2], credentials);
const metadata = new grpc.Metadata();
if (settings.token) metadata.set('authorization', `Bearer ${settings.token}`);

const names = Object.fromEntries(Object.entries(grpc.status).map(([name, code]) => [code, name]));
const call = (path) =>
  new Promise((resolve) => {
    client.makeUnaryRequest(path, (x) => x, (x) => x, Buffer.alloc(0), metadata, { deadline: Date.now() + 10000 }, (error) =>
      resolve(error ? names[error.code] : 'OK'),
    );
  });

async function main() {
  for (const path of ['xtcp_config.v1.ConfigService/Get', 'grpc.health.v1.Health/Check', 'xtcp_config.v1.ConfigService/Set', 'xtcp_config.v1.ConfigService/TriggerPoll'])
    console.log(path.split('/')[1], await call(`/${path}`));
  process.exit(0);
}
main();
