//! What systems have in common whose programs and libraries are ELF files: assembly that says what Rust cannot.

pub mod own;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub mod frame;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use super::plain::frame;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod word;
