//! Which wait engine there is, and link settings that Cargo has no key for: the name that a program looks for.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    if os != "linux" || std::env::var_os("CARGO_FEATURE_PARKING_WAIT").is_some() {
        println!("cargo:rustc-cfg=parking");
    }
    match os.as_str() {
        "linux" | "freebsd" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,liblowthread.so.{major}");
            link_name("liblowthread.so", &format!("liblowthread.so.{major}"));
            // Unloading would take the code away from under threads that are still running it.
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
        "macos" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/liblowthread.{major}.dylib");
            link_name("liblowthread.dylib", &format!("liblowthread.{major}.dylib"));
        }
        _ => (),
    }
}

/// Beside the library that Cargo makes, the name by which a program that was linked with it looks for it. Where that
/// cannot be, the program is told another way where it is.
fn link_name(library: &str, name: &str) {
    // The folder of this script's output is build/lowthread-HASH/out, beside the library.
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    if let Some(folder) = Path::new(&out).ancestors().nth(3) {
        #[cfg(unix)]
        let _ = std::os::unix::fs::symlink(library, folder.join(name));
        let _ = (library, folder, name);
    }
}
