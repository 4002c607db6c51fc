//! Memcheck, the tool of Valgrind that looks at each access to memory, if the process runs under it.

use super::quiet::quiet;
use super::valgrind::ask;
use core::sync::atomic::{AtomicU8, Ordering};

/// VG_USERREQ__RUNNING_ON_VALGRIND.
const RUNNING: usize = 0x1001;
/// VG_USERREQ__CHANGE_ERR_DISABLEMENT: by one more or one less, for this thread.
const DISABLE_ERRORS: usize = 0x1801;

/// Whether Valgrind runs the process.
static RUNS: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;

/// Does something that is right, and that would be reported.
#[inline]
pub fn unreported<R>(f: impl FnOnce() -> R) -> R {
    // Relaxed: everybody finds the same.
    let runs = match RUNS.load(Ordering::Relaxed) {
        UNKNOWN => find_out(),
        runs => runs == YES,
    };
    if runs { looked_away(f) } else { f() }
}

#[cold]
fn find_out() -> bool {
    // Miri has no such instructions.
    let runs = !cfg!(miri) && ask(0, RUNNING, [0; 3]) != 0;
    RUNS.store(if runs { YES } else { NO }, Ordering::Relaxed);
    runs
}

#[cold]
fn looked_away<R>(f: impl FnOnce() -> R) -> R {
    // No handler comes in between: it may be left for good, and what is wrong in it is to be reported.
    let _quiet = quiet();
    ask(0, DISABLE_ERRORS, [1, 0, 0]);
    let done = f();
    ask(0, DISABLE_ERRORS, [usize::MAX, 0, 0]);
    done
}

#[cfg(all(test, not(any(miri, shuttle))))]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicBool;

    static HAS_COME: AtomicBool = AtomicBool::new(false);

    extern "C" fn come(_: libc::c_int) {
        HAS_COME.store(true, Ordering::SeqCst);
    }

    #[test]
    fn no_handler_comes_while_memcheck_looks_away() {
        // SAFETY: a handler that stores a flag, for a signal that nobody else has.
        unsafe {
            libc::signal(libc::SIGWINCH, come as *const () as libc::sighandler_t);
            looked_away(|| {
                assert_eq!(libc::raise(libc::SIGWINCH), 0);
                assert!(!HAS_COME.load(Ordering::SeqCst));
            });
            libc::signal(libc::SIGWINCH, libc::SIG_DFL);
        }
        assert!(HAS_COME.load(Ordering::SeqCst));
    }
}
