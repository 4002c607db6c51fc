//! What systems have in common whose programs and libraries are ELF files: assembly that says what Rust cannot.

pub mod own;

#[cfg(all(
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "x86",
        target_arch = "arm"
    ),
    not(any(target_env = "musl", miri))
))]
mod word;

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "x86",
    target_arch = "arm",
    target_env = "musl",
    miri
)))]
#[path = "word_none.rs"]
mod word;

// musl gives no surplus to libraries that are loaded late, and has the storage of each ready before a thread can ask. Miri
// knows no assembly.
#[cfg(any(target_env = "musl", miri))]
#[path = "word_dynamic.rs"]
mod word;
