//! Which wait engine there is: as the library's own build script says it. And that threads run in turn, with the GIL.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(parking, shuttle, loom, fuzzing, in_turn)");
    println!("cargo:rustc-cfg=in_turn");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        println!("cargo:rustc-cfg=parking");
    }
}
