# nix-build packages/nix
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenv.mkDerivation {
  pname = "lowthread";
  version = (builtins.fromTOML (builtins.readFile ../../Cargo.toml)).package.version;
  src = pkgs.lib.cleanSource ../..;

  cargoDeps = pkgs.rustPlatform.importCargoLock { lockFile = ../../Cargo.lock; };
  nativeBuildInputs = [ pkgs.cargo pkgs.cmake pkgs.rustc pkgs.rustPlatform.cargoSetupHook ];
  cmakeFlags = [ "-DLOWTHREAD_BUILD_TESTS=OFF" "-DLOWTHREAD_BUILD_EXAMPLES=OFF" ];

  meta = {
    description = "Threading of Python's _thread for C and every language with an FFI";
    license = with pkgs.lib.licenses; [ mit asl20 ];
    platforms = pkgs.lib.platforms.unix;
  };
}
