//! What differs by system: the one seam. A port is one folder here; nothing outside of it asks which system
//! this is, and a test keeps it so.
//!
//! Each folder has these modules, its own, those that Unix systems share (`unix`), or what stands where there is
//! nothing (`plain`):
//!
//! | module | what the library needs |
//! |---|---|
//! | `cancellation` | keeping the calling thread from being cancelled |
//! | `clock` | nanoseconds on the monotonic clock |
//! | `cpus` | on which processors a thread may run |
//! | `errno` | the caller's, to be put back |
//! | `fence` | a fence for all threads of the process, if the system has one |
//! | `fork` | being called before and after a fork |
//! | `frame` | calling user code: catching what it throws, being told when it is left |
//! | `handlers` | the C library's list of what is to be called when a thread is left |
//! | `leave` | ending the calling thread from anywhere in it |
//! | `local` | telling other processes of the same user something |
//! | `mask` | keeping signals from the calling thread, and having those run that are pending |
//! | `memory` | pages |
//! | `own` | one word of the calling thread's, and the end of the thread |
//! | `process` | writing to the standard error |
//! | `race` | telling a tool that looks for races what happens before what |
//! | `readable` | a descriptor that is readable or not, as is said |
//! | `runtime` | a function of the runtime that made an exception; what the loader says of an address |
//! | `signal` | handlers of signals, and what they may post |
//! | `thread` | starting, joining and naming threads; their stacks |
//! | `trace` | what stands at addresses of code |
//!
//! Two are by the processor instead: `exception`, how an exception lies in memory, and `caller`, where a call came
//! from. Nothing outside asks for that either.
//!
//! The wait engine is `base::wait`, which takes a thread to sleep as the system can.

pub mod caller;
pub mod exception;

#[cfg(unix)]
mod unix;

// These are built everywhere, and used where they are needed.
#[allow(dead_code, reason = "some systems have plain frames")]
mod call;
#[allow(dead_code, unused_imports, reason = "most systems have something better")]
mod plain;

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod elf;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(target_vendor = "apple")]
pub use apple::*;

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "freebsd")]
pub use freebsd::*;

#[cfg(all(windows, target_arch = "x86_64", target_env = "gnu"))]
mod windows;
#[cfg(all(windows, target_arch = "x86_64", target_env = "gnu"))]
pub use windows::*;

#[cfg(not(any(
    target_os = "linux",
    target_vendor = "apple",
    target_os = "freebsd",
    all(windows, target_arch = "x86_64", target_env = "gnu")
)))]
compile_error!("lowthread has no port to this system: a new one is a folder in src/sys");

/// Has a function called when the library is loaded.
macro_rules! at_load {
    ($function:path) => {
        const _: () = {
            // Miri knows no symbol that may be missing.
            #[cfg_attr(
                all(any(target_os = "linux", target_os = "freebsd"), not(miri)),
                unsafe(link_section = ".init_array")
            )]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
            #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
            #[used]
            static AT_LOAD: extern "C" fn() = {
                extern "C" fn at_load() {
                    $function();
                }
                at_load
            };
        };
    };
}

pub(crate) use at_load;
