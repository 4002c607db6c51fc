# Where this machine keeps the source, the crates and Rust's own library is no part of what is built: two builds of the
# same source in two folders are the same, bit for bit. Writes a file with settings for Cargo:
#
#     cmake -D REMAP_FILE=target/remap.toml -P cmake/Remap.cmake && cargo build --release --config target/remap.toml
#
# Included by Library.cmake, too, which has found rustc.

if(NOT LOWTHREAD_RUSTC)
    set(LOWTHREAD_RUSTC rustc)
endif()
get_filename_component(remapped_source "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
set(remapped_crates "$ENV{CARGO_HOME}")
if(NOT remapped_crates AND CMAKE_HOST_WIN32)
    set(remapped_crates "$ENV{USERPROFILE}/.cargo")
elseif(NOT remapped_crates)
    set(remapped_crates "$ENV{HOME}/.cargo")
endif()
# Of Rust's library only those see a path of this machine who have its source.
execute_process(COMMAND ${LOWTHREAD_RUSTC} --print sysroot WORKING_DIRECTORY "${remapped_source}"
    OUTPUT_VARIABLE remapped_rust OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${LOWTHREAD_RUSTC} -vV WORKING_DIRECTORY "${remapped_source}"
    OUTPUT_VARIABLE rust_commit COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE ".*commit-hash: ([^\n]*).*" "\\1" rust_commit "${rust_commit}")

file(WRITE "${REMAP_FILE}" "[target.'cfg(all())']\nrustflags = [
    '--remap-path-prefix=${remapped_crates}/registry/src=/crates',
    '--remap-path-prefix=${remapped_source}=/lowthread',
    '--remap-path-prefix=${remapped_rust}/lib/rustlib/src/rust=/rustc/${rust_commit}',
]\n")
