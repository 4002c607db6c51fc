//! The signals that Windows has: what the console and its owner tell a program, each on a thread of its own.
//!
//! | told | signal |
//! |---|---|
//! | Ctrl-C | SIGINT |
//! | Ctrl-Break | SIGBREAK |
//! | the window is closed, the user logs off, the system shuts down | SIGTERM |
//!
//! With the last one the process ends when its thread does: so that stays until the program has ended, or the system's
//! patience.
//!
//! What a program installs by the C library's `signal`, or by SetConsoleCtrlHandler itself, is asked by the system
//! after us, and only for what is not routed.

use crate::base::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::base::deadline::Deadline;
use crate::base::wait;
use core::ffi::{c_int, c_void};
use core::ptr;
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT,
    SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::Threading::{INFINITE, Sleep};

/// How many signals there can be; they are counted from 1.
pub const SIGNALS: usize = 64;

const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;
const SIGBREAK: c_int = 21;

/// What a dump can be asked for by: nothing.
pub const NAMES: [(&str, c_int); 0] = [];

/// Whether every signal can be routed: no, but for three.
pub const ALL: bool = false;

/// What the system tells a handler beside the signal: nothing.
#[repr(C)]
pub struct Info {
    _nothing: [u8; 0],
}

pub type Handler = unsafe extern "C-unwind" fn(c_int, *mut Info, *mut c_void);

/// What is done with a signal: the address of our handler, or `USUAL`.
#[derive(Clone, Copy)]
pub struct Action(usize);

const USUAL: usize = 0;

/// That of each signal now.
static ACTIONS: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(USUAL) }; SIGNALS];

/// Whether the system asks us.
static ASKED: AtomicBool = AtomicBool::new(false);

impl Action {
    /// That of a signal now, or None if there is no such.
    pub fn of(signum: c_int) -> Option<Action> {
        // Acquire: with it, what the handler needs.
        can_be_handled(signum).then_some(())?;
        place(signum).map(|place| Action(place.load(Ordering::Acquire)))
    }

    /// That before anything was installed here: whatever else the program has.
    pub fn usual() -> Action {
        Action(USUAL)
    }

    /// Our handler in the place of this. It cannot call what the program has: that is known to the system alone.
    pub fn replaced(&self, ours: Handler, _calls_it: bool) -> Action {
        Action(ours as *const () as usize)
    }

    /// Makes this a signal's; the one before, or None if the system refuses.
    pub fn exchange(&self, signum: c_int) -> Option<Action> {
        let place = place(signum).filter(|_| can_be_handled(signum))?;
        // AcqRel: one caller asks the system, and a refusal is seen by whoever tries next.
        if self.0 != USUAL && !ASKED.swap(true, Ordering::AcqRel) {
            // SAFETY: the handler lives as long as the library, which is never unloaded.
            if unsafe { SetConsoleCtrlHandler(Some(told), 1) } == 0 {
                ASKED.store(false, Ordering::Release);
                return None;
            }
        }
        Some(Action(place.swap(self.0, Ordering::AcqRel)))
    }

    /// The address of the handler, where it is one.
    pub fn address(&self) -> usize {
        self.0
    }

    /// Whether it is one of the program's: those are not known here.
    #[allow(clippy::unused_self, reason = "as where they are")]
    pub fn is_handler(&self) -> bool {
        false
    }

    #[allow(clippy::unused_self, reason = "as above")]
    pub fn is_ignored(&self) -> bool {
        false
    }

    #[allow(clippy::unused_self, reason = "as above")]
    pub fn is_for_one(&self) -> bool {
        false
    }
}

fn place(signum: c_int) -> Option<&'static AtomicUsize> {
    ACTIONS.get(usize::try_from(signum).ok()?.checked_sub(1)?)
}

/// Called by the system, on a thread for this one event. True if nobody else is to be asked: by default the last
/// one ends the process.
unsafe extern "system" fn told(event: u32) -> i32 {
    let (signum, is_end) = match event {
        CTRL_C_EVENT => (SIGINT, false),
        CTRL_BREAK_EVENT => (SIGBREAK, false),
        CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT => (SIGTERM, true),
        _ => return 0,
    };
    let Some(Action(address)) = Action::of(signum).filter(|action| action.0 != USUAL) else { return 0 };
    // SAFETY: the address of a handler, from `replaced`. Ours asks for neither of the last two.
    unsafe {
        let handler = core::mem::transmute::<usize, Handler>(address);
        handler(signum, ptr::null_mut(), ptr::null_mut());
        if is_end {
            Sleep(INFINITE);
        }
    }
    1
}

/// Whether there may be a handler for it.
pub fn can_be_handled(signum: c_int) -> bool {
    matches!(signum, SIGINT | SIGTERM | SIGBREAK)
}

/// Those of faults cannot be handled.
pub fn is_fault(_signum: c_int) -> bool {
    false
}

/// No thread can be sent a signal.
pub fn send_marked(_signum: c_int, _thread: i64) {}

/// # Safety
/// What the system has told a handler.
pub unsafe fn is_marked(_info: *const Info) -> bool {
    false
}

/// A count that a handler may raise: a word of the wait engine's, since a handler has a thread for itself.
pub struct Semaphore(AtomicU32);

impl Semaphore {
    pub const fn unmade() -> Semaphore {
        Semaphore(AtomicU32::new(0))
    }

    /// # Safety
    /// Nobody uses it yet.
    #[allow(clippy::unused_self, reason = "as where there is something to be made")]
    pub unsafe fn make(&self) {}

    /// # Safety
    /// It is made.
    pub unsafe fn post(&self) {
        // Release: what happened before is seen by whoever lowers it.
        self.0.fetch_add(1, Ordering::Release);
        wait::wake(&self.0, 1);
    }

    /// Waits until it can be lowered by one.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn wait(&self) -> bool {
        // Acquire: pairs with `post`. Relaxed on failure: nothing was taken.
        let lowered = |count: u32| count.checked_sub(1);
        while self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, lowered).is_err() {
            wait::wait(&self.0, 0, Deadline::Never, None);
        }
        true
    }

    /// Makes the count zero.
    ///
    /// # Safety
    /// It is made.
    pub unsafe fn drain(&self) {
        // Relaxed: what is forgotten guards nothing.
        self.0.store(0, Ordering::Relaxed);
    }
}
