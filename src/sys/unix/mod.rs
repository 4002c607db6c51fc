//! What the systems of POSIX share.

pub mod above;
pub mod cancellation;
pub mod clock;
pub mod errno;
pub mod fork;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "x86",
    target_arch = "arm"
))]
pub mod frame;
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "x86",
    target_arch = "arm"
)))]
pub use super::plain::frame;
pub mod key;
#[cfg(not(target_env = "musl"))]
pub mod leave;
pub mod local;
pub mod mask;
pub mod memory;
pub mod process;
#[cfg_attr(target_os = "linux", allow(dead_code, reason = "there is something better"))]
pub mod readable;
#[cfg(not(target_vendor = "apple"))]
pub mod semaphore;
pub mod signal;
pub mod thread;
#[cfg(not(target_os = "linux"))]
pub mod trace;
