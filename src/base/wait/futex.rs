//! The wait engine on Linux: private futexes, absolute deadlines on CLOCK_MONOTONIC.
//!
//! | a thread that | sleeps on | an interrupter |
//! |---|---|---|
//! | cannot be interrupted | its primitive's word | |
//! | is expected to be | that word and its own at once, with futex_waitv (Linux 5.16) | stores and wakes: there is no window |
//! | is not, or where futex_waitv is refused | its primitive's word, having said where that is | stores, and wakes that place until the sleeper is seen to be up |
//!
//! A second word makes each sleep about half a microsecond longer. A thread is expected to be
//! interrupted that is the main one or joinable, or whose ident somebody was told. In the third way there is a
//! window, between the sleeper's last look at its interrupt and its falling asleep in the kernel, in
//! which a wake finds nobody; so it is repeated. A signal handler that interrupts the very thread
//! which it runs on may have stopped it in that window, and cannot repeat: it cuts the deadline
//! short that the kernel is about to read.
//!
//! A handler may also have forked: in the child, where it goes on, its thread's sleep ends. Since a sleep without a
//! deadline is begun anew by the kernel behind a handler that was installed so, each has one; of two words, the interrupt
//! has changed.

use super::Wake;
use crate::base::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence};
use crate::base::deadline::{Deadline, now};
use crate::base::interrupt::Interrupt;
use crate::base::spin::Spin;
use crate::base::{registry, this_thread};
use crate::sys::clock::timespec;
use crate::sys::errno;
use crate::sys::memcheck;
use core::cell::UnsafeCell;
use core::fmt;
use core::ptr;

/// Whether a signal handler may wake a thread.
pub const WAKES_IN_HANDLERS: bool = true;

/// Whether a child may go on, whatever other threads were doing as it was forked.
pub const GOES_ON_IN_CHILDREN: bool = true;

/// Whether it does without memory.
pub const NEEDS_NO_MEMORY: bool = true;

/// How long an interrupter lets a sleeper be before it wakes it again, at first and at most, in
/// nanoseconds.
const SHORT_NAP: u64 = 50_000;
const LONG_NAP: u64 = 1_000_000;

/// Set once the kernel, or a seccomp filter, has refused futex_waitv.
static NO_WAITV: AtomicBool = AtomicBool::new(false);

pub(super) fn wait(
    word: &AtomicU32,
    expected: u32,
    deadline: Deadline,
    interrupt: Option<&Interrupt>,
) -> Wake {
    match interrupt {
        None => wait_alone(word, expected, deadline),
        // Relaxed: a flag that only ever chooses between two correct ways.
        Some(interrupt) if interrupt.is_expected() && !NO_WAITV.load(Ordering::Relaxed) => {
            wait_two(word, expected, deadline, interrupt)
        }
        Some(interrupt) => wait_in_place(word, expected, deadline, interrupt),
    }
}

pub(super) fn wake(word: *const AtomicU32, n: u32) -> u32 {
    wake_those(word, n, libc::FUTEX_BITSET_MATCH_ANY)
}

/// Wakes up to `n` sleepers whose marks have a bit in common with these.
fn wake_those(word: *const AtomicU32, n: u32, marks: i32) -> u32 {
    let how = libc::FUTEX_WAKE_BITSET | libc::FUTEX_PRIVATE_FLAG;
    let nothing = ptr::null::<u32>();
    // The word may be gone, with the stack of who was up before it was woken.
    let woken = memcheck::unreported(|| {
        // SAFETY: reads nothing through the address: it only compares it with those slept on.
        unsafe { libc::syscall(libc::SYS_futex, word, how, n, nothing, nothing, marks) }
    });
    u32::try_from(woken).unwrap_or(0)
}

pub(super) fn interrupt(interrupt: &Interrupt) {
    wake(interrupt.word(), 1);
    let mut nap = SHORT_NAP;
    while let Some(place) = interrupt.place().filter(|_| interrupt.pending()) {
        if this_thread::existing().is_some_and(|record| ptr::eq(&record.interrupt, interrupt)) {
            interrupt.until.cut_short();
            return;
        }
        wake_those(ptr::without_provenance(place), i32::MAX as u32, mark_of(interrupt));
        let mut spin = Spin::new();
        while interrupt.place() == Some(place) {
            if !spin.again() {
                let until = timespec(now().saturating_add(nap));
                // Of nobody else's: only the time ends it.
                sleep(&AtomicU32::new(0), 0, &raw const until, libc::FUTEX_BITSET_MATCH_ANY);
                nap = (nap * 2).min(LONG_NAP);
                break;
            }
        }
    }
}

/// There is nothing to be made.
pub(super) fn prepare() {}

/// The kernel knows by itself which threads a forked child has, and nothing here is locked.
pub(super) fn after_fork_in_child() {}

/// Sleeps on `word`, not to be interrupted.
fn wait_alone(word: &AtomicU32, expected: u32, deadline: Deadline) -> Wake {
    let process = registry::forks();
    let at = absolute(deadline).unwrap_or_else(far_away);
    loop {
        match sleep(word, expected, &raw const at, libc::FUTEX_BITSET_MATCH_ANY) {
            0 => return Wake::Woken,
            // A signal handler ran: the deadline is absolute, so sleep on.
            libc::EINTR if process == registry::forks() => (),
            libc::EINTR => return Wake::Changed,
            libc::ETIMEDOUT => return Wake::TimedOut,
            error => return unslept(error, deadline),
        }
    }
}

/// How a sleep ended that was none.
fn unslept(error: i32, deadline: Deadline) -> Wake {
    // Where a sandbox refuses the futex, whoever waits looks again and again, and nothing else tells that it is time.
    if error != libc::EAGAIN && deadline.passed() { Wake::TimedOut } else { Wake::Changed }
}

/// Sleeps on `word`, having said so.
fn wait_in_place(word: &AtomicU32, expected: u32, deadline: Deadline, interrupt: &Interrupt) -> Wake {
    loop {
        let at = interrupt.until.set(deadline);
        interrupt.lie_down(word.as_ptr().addr());
        // An interrupter that has not seen the place has stored before this look.
        let ends = interrupt.ends_sleep();
        let ended = if ends { 0 } else { sleep(word, expected, at, mark_of(interrupt)) };
        interrupt.get_up();
        match ended {
            _ if ends => return changed_or_interrupted(word, expected, interrupt),
            0 => return Wake::Woken,
            libc::EINTR => (),
            // Or it was cut short.
            libc::ETIMEDOUT if deadline.passed() => return Wake::TimedOut,
            libc::ETIMEDOUT => (),
            error => return unslept(error, deadline),
        }
    }
}

/// One sleep on `word`; the errno that ended it, or 0. The mark is for who wakes some of the sleepers.
fn sleep(word: &AtomicU32, expected: u32, at: *const libc::timespec, mark: i32) -> i32 {
    let how = libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word is alive for the call, and so is the deadline, where there is one.
    let result =
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), how, expected, at, ptr::null::<u32>(), mark) };
    if result == 0 { 0 } else { errno::get() }
}

/// The mark of the thread with this interrupt: of 31 that there are, so that few others wake with it.
fn mark_of(interrupt: &Interrupt) -> i32 {
    1 << ((ptr::from_ref(interrupt).addr() >> 6) % 31)
}

/// Until when a thread sleeps: where the kernel reads it, and where a handler on that thread can change it.
pub struct Until(UnsafeCell<libc::timespec>);

impl fmt::Debug for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was left there counts for nothing.
        f.write_str("Until")
    }
}

// SAFETY: touched by one thread, and by signal handlers on that.
unsafe impl Sync for Until {}

impl Until {
    pub const fn new() -> Until {
        Until(UnsafeCell::new(libc::timespec { tv_sec: 0, tv_nsec: 0 }))
    }

    /// Sets it; what to give to the kernel.
    fn set(&self, deadline: Deadline) -> *const libc::timespec {
        let at = absolute(deadline).unwrap_or_else(far_away);
        // SAFETY: the owner's thread; volatile, since a handler on it writes too.
        unsafe { self.0.get().write_volatile(at) };
        // SeqCst: the same thread only.
        compiler_fence(Ordering::SeqCst);
        self.0.get()
    }

    /// Makes it now, on the thread that it belongs to.
    pub fn cut_short(&self) {
        // SAFETY: as above.
        unsafe { self.0.get().write_volatile(timespec(0)) };
    }
}

impl Default for Until {
    fn default() -> Until {
        Until::new()
    }
}

/// Sleeps on `word` and on the interrupt.
fn wait_two(word: &AtomicU32, expected: u32, deadline: Deadline, interrupt: &Interrupt) -> Wake {
    let at = absolute(deadline).map(LongTime::from);
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
        match errno::get() {
            libc::EINTR => continue,
            libc::ETIMEDOUT => return Wake::TimedOut,
            libc::EAGAIN => {
                interrupt.ends_sleep();
                return changed_or_interrupted(word, expected, interrupt);
            }
            libc::ENOSYS | libc::EPERM => {
                NO_WAITV.store(true, Ordering::Relaxed);
                return wait_in_place(word, expected, deadline, interrupt);
            }
            // Out of kernel memory, or another filter's idea of a refusal: this time without it.
            _ => return wait_in_place(word, expected, deadline, interrupt),
        }
    }
}

/// Which of the two there is to tell, of a word that changed and a pending interrupt.
fn changed_or_interrupted(word: &AtomicU32, expected: u32, interrupt: &Interrupt) -> Wake {
    // SeqCst: this look at the word must not move before the interrupter's store that is read next.
    if word.load(Ordering::SeqCst) == expected && interrupt.pending() {
        Wake::Interrupted
    } else {
        Wake::Changed
    }
}

/// A time as futex_waitv takes it, on a system of 32 bits too; the kernel's `struct __kernel_timespec`.
#[repr(C)]
struct LongTime {
    seconds: i64,
    nanoseconds: i64,
}

impl From<libc::timespec> for LongTime {
    #[allow(clippy::useless_conversion, reason = "not where these have 32 bits")]
    fn from(time: libc::timespec) -> LongTime {
        LongTime { seconds: time.tv_sec.into(), nanoseconds: time.tv_nsec.into() }
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
            address: word.as_ptr().addr() as u64,
            flags: Waiter::FUTEX_32 | libc::FUTEX_PRIVATE_FLAG as u32,
            reserved: 0,
        }
    }
}

/// When nobody lives any more.
fn far_away() -> libc::timespec {
    timespec(i64::MAX as u64)
}

fn absolute(deadline: Deadline) -> Option<libc::timespec> {
    match deadline {
        Deadline::At(ns) => Some(timespec(ns)),
        Deadline::Never => None,
    }
}
