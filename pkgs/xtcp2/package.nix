# SPDX-License-Identifier: MIT
# The daemon, its clients and the tools of the test machines.
{
  lib,
  stdenv,
  cmocka,
  curl,
  jansson,
  libcap_ng,
  libmicrohttpd,
  libmnl,
  liburing,
  meson,
  nghttp2,
  ninja,
  openssl,
  pkg-config,
  protobuf,
  protobufc,
  rdkafka,
  zlib,
}:
stdenv.mkDerivation (finalAttrs: {
  pname = "xtcp2";
  version = "2.0.0";
  src = import ./source.nix lib;
  outputs = [
    "out"
    "man"
  ];
  strictDeps = true;
  # protobuf and protobufc twice: compilers to run, then a library and .proto files.
  nativeBuildInputs = [
    meson
    ninja
    pkg-config
    protobuf
    protobufc
  ];
  buildInputs = [
    curl
    jansson
    libcap_ng
    libmicrohttpd
    libmnl
    liburing
    nghttp2
    openssl
    protobuf
    protobufc
    rdkafka
    zlib
  ];
  checkInputs = [ cmocka ];
  doCheck = true;
  mesonFlags = [ (lib.mesonBool "tests" finalAttrs.finalPackage.doCheck) ];

  meta = {
    description = "Records of every TCP socket of every network namespace of a Linux host";
    license = lib.licenses.mit;
    mainProgram = "xtcp2";
    platforms = lib.platforms.linux;
  };
})
