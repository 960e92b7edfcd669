# SPDX-License-Identifier: MIT
# The daemon, its clients and the tools of the test machines.
{
  lib,
  stdenv,
  bpftools,
  buildPackages,
  callPackage,
  cmocka,
  curl,
  hiredis,
  jansson,
  libbpf,
  libcap_ng,
  libmaxminddb,
  libmicrohttpd,
  libmnl,
  liburing,
  lldpd,
  meson,
  mesonEmulatorHook,
  nats-c,
  nghttp2,
  ninja,
  openssl,
  pkg-config,
  protobuf,
  protobufc,
  rdkafka,
  zlib,
  zstd,
}:
stdenv.mkDerivation (finalAttrs: {
  pname = "xtcp2";
  # The one place of the version is the top meson.build.
  version = builtins.head (builtins.match ".*\n  version: '([^']*)'.*" (builtins.readFile ../../meson.build));
  src = import ./source.nix lib;
  outputs = [
    "out"
    "man"
  ];
  strictDeps = true;
  # The build runs what it has compiled: embed on this machine, xtcp2-doc as a program of the host's.
  depsBuildBuild = [ buildPackages.stdenv.cc ];
  # protobuf and protobufc twice: compilers to run, then a library and .proto files.
  nativeBuildInputs = [
    bpftools
    buildPackages.llvmPackages.clang-unwrapped # a wrapper's flags do not fit the kernel's programs
    meson
    ninja
    pkg-config
    protobuf
    protobufc
  ]
  ++ lib.optional (!stdenv.buildPlatform.canExecute stdenv.hostPlatform) mesonEmulatorHook;
  buildInputs = [
    curl
    hiredis
    jansson
    libbpf
    libcap_ng
    libmaxminddb
    libmicrohttpd
    libmnl
    liburing
    lldpd
    nats-c
    nghttp2
    openssl
    protobuf
    protobufc
    rdkafka
    zlib
    zstd
  ];
  checkInputs = [ cmocka ];
  doCheck = true;
  mesonFlags = [ (lib.mesonBool "tests" finalAttrs.finalPackage.doCheck) ];

  passthru.tests.host = callPackage ../../nix/checks/host.nix { xtcp2 = finalAttrs.finalPackage; };
  meta = {
    description = "Records of every TCP socket of every network namespace of a Linux host";
    license = lib.licenses.mit;
    mainProgram = "xtcp2";
    maintainers = [ { name = "The xtcp2 authors"; } ];
    platforms = lib.platforms.linux;
  };
})
