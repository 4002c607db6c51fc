//! Which wait engine there is, and link settings that Cargo has no key for: the name that a program looks for.

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
            // Unloading would take the code away from under threads that are still running it.
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
        "macos" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/liblowthread.{major}.dylib");
        }
        _ => (),
    }
}
