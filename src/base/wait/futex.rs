//! The wait engine on Linux: private futexes, absolute deadlines on CLOCK_MONOTONIC.
//!
//! A thread that can be interrupted waits on two words at once, the primitive's and its own, with
//! futex_waitv (Linux 5.16). So an interrupter only has to store and wake, and there is no window.

use super::Wake;
use crate::base::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::base::deadline::{Deadline, now, timespec};
use crate::base::errno::Errno;
use crate::base::interrupt::Interrupt;
use core::ptr;

/// How long a thread sleeps before it looks at its interrupt, where the kernel has no futex_waitv.
const SLICE: u64 = 5_000_000;

/// Set once the kernel, or a seccomp filter, has refused futex_waitv.
static NO_WAITV: AtomicBool = AtomicBool::new(false);

pub(super) fn wait(
    word: &AtomicU32,
    expected: u32,
    deadline: Deadline,
    interrupt: Option<&Interrupt>,
) -> Wake {
    match interrupt {
        None => wait_one(word, expected, deadline),
        // Relaxed: a flag that only ever chooses the slower of two correct ways.
        Some(interrupt) if NO_WAITV.load(Ordering::Relaxed) => {
            wait_sliced(word, expected, deadline, interrupt)
        }
        Some(interrupt) => wait_two(word, expected, deadline, interrupt),
    }
}

pub(super) fn wake(word: *const AtomicU32, n: u32) -> u32 {
    // SAFETY: FUTEX_WAKE reads nothing through the address: it only compares it with those slept on.
    let woken =
        unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, n) };
    u32::try_from(woken).unwrap_or(0)
}

pub(super) fn interrupt(interrupt: &Interrupt) {
    wake(interrupt.word(), 1);
}

/// The kernel knows by itself which threads a forked child has, and nothing here is locked.
pub(super) fn before_fork() {}
pub(super) fn after_fork_in_parent() {}
pub(super) fn after_fork_in_child() {}

/// Sleeps on `word` alone.
fn wait_one(word: &AtomicU32, expected: u32, deadline: Deadline) -> Wake {
    let at = absolute(deadline);
    loop {
        // SAFETY: the word is alive for the call, and the deadline, where there is one, is on this stack.
        let result = unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
                expected,
                at.as_ref().map_or(ptr::null(), ptr::from_ref),
                ptr::null::<u32>(),
                libc::FUTEX_BITSET_MATCH_ANY,
            )
        };
        if result == 0 {
            return Wake::Woken;
        }
        match Errno::now() {
            // A signal handler ran: the deadline is absolute, so sleep on.
            libc::EINTR => continue,
            libc::ETIMEDOUT => return Wake::TimedOut,
            _ => return Wake::Changed,
        }
    }
}

/// Sleeps on `word` and on the interrupt.
fn wait_two(word: &AtomicU32, expected: u32, deadline: Deadline, interrupt: &Interrupt) -> Wake {
    let at = absolute(deadline);
    // When both were woken the kernel names the last, so the wake that must not be lost comes last.
    let waiters = [Waiter::new(interrupt.word(), Interrupt::NONE), Waiter::new(word, expected)];
    loop {
        // SAFETY: both words, the array and the deadline outlive the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_futex_waitv,
                waiters.as_ptr(),
                waiters.len() as libc::c_uint,
                0 as libc::c_uint,
                at.as_ref().map_or(ptr::null(), ptr::from_ref),
                libc::CLOCK_MONOTONIC,
            )
        };
        if result == 1 {
            return Wake::Woken;
        }
        if result == 0 {
            return Wake::Interrupted;
        }
        match Errno::now() {
            libc::EINTR => continue,
            libc::ETIMEDOUT => return Wake::TimedOut,
            libc::EAGAIN => return changed_or_interrupted(word, expected, interrupt),
            libc::ENOSYS | libc::EPERM => {
                NO_WAITV.store(true, Ordering::Relaxed);
                return wait_sliced(word, expected, deadline, interrupt);
            }
            // Out of kernel memory, or another filter's idea of a refusal: this time without it.
            _ => return wait_sliced(word, expected, deadline, interrupt),
        }
    }
}

/// Sleeps on `word` in slices, and looks at the interrupt between them.
fn wait_sliced(word: &AtomicU32, expected: u32, deadline: Deadline, interrupt: &Interrupt) -> Wake {
    loop {
        if interrupt.pending() {
            return changed_or_interrupted(word, expected, interrupt);
        }
        let slice = Deadline::At(now().saturating_add(SLICE));
        match wait_one(word, expected, earlier(deadline, slice)) {
            Wake::TimedOut if !deadline.passed() => continue,
            wake => return wake,
        }
    }
}

/// The kernel found one of the two words changed, without saying which.
fn changed_or_interrupted(word: &AtomicU32, expected: u32, interrupt: &Interrupt) -> Wake {
    // SeqCst: this look at the word must not move before the interrupter's store that is read next.
    if word.load(Ordering::SeqCst) == expected && interrupt.pending() {
        Wake::Interrupted
    } else {
        Wake::Changed
    }
}

fn earlier(a: Deadline, b: Deadline) -> Deadline {
    match (a, b) {
        (Deadline::At(a), Deadline::At(b)) => Deadline::At(a.min(b)),
        (Deadline::Never, b) => b,
        (a, Deadline::Never) => a,
    }
}

/// One word of a futex_waitv; the layout is the kernel's `struct futex_waitv`.
#[repr(C)]
struct Waiter {
    expected: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl Waiter {
    /// FUTEX_32: the word has 32 bits.
    const FUTEX_32: u32 = 2;

    fn new(word: &AtomicU32, expected: u32) -> Waiter {
        Waiter {
            expected: expected.into(),
            address: word.as_ptr() as u64,
            flags: Waiter::FUTEX_32 | libc::FUTEX_PRIVATE_FLAG as u32,
            reserved: 0,
        }
    }
}

fn absolute(deadline: Deadline) -> Option<libc::timespec> {
    match deadline {
        Deadline::At(ns) => Some(timespec(ns)),
        Deadline::Never => None,
    }
}
