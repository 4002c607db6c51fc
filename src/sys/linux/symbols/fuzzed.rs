//! The entry of the fuzzer: `make fuzz WHAT=debug`.

use super::budget::Budget;
use super::find_within;
use core::ffi::c_int;
use std::fs::File;
use std::os::fd::FromRawFd;
use std::path::Path;

/// Looks up places all over a file; of a budget that is spent soon.
#[unsafe(no_mangle)]
extern "C" fn lowthread_fuzz_debug(fd: c_int) {
    // SAFETY: the fuzzer gives it away.
    let file = unsafe { File::from_raw_fd(fd) };
    let offsets: Vec<u64> = (0..0x2000).step_by(64).collect();
    find_within(&Budget::of(1 << 20, 1 << 18), file, Path::new("/nowhere/library.so"), &offsets);
}
