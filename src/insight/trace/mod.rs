//! A trace: a timeline of all threads, in a file that Perfetto and Chrome show.
//!
//! Who does something that is traced puts an event into a ring of its own (`ring`, `timeline`), and waits for nobody. A
//! thread of the library's (`clerk`) takes the events out, gives them names (`writer`), and writes them (`out`).
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | no writer | no trace is on | start: a writer, another session, and the bit for all who ask |
//! | a writer | one is on | stop, the end of the process: the bit goes first, then what the rings have is written; a forked child: it is the parent's |

mod clerk;
mod functions;
mod out;
mod ring;
pub mod timeline;
mod writer;

use crate::base::deadline::Timeout;
use crate::base::fork::Participant;
use crate::base::heap::Text;
use crate::base::insight::{TRACE, turn_off};
use crate::base::record;
use crate::base::status::Error;
use crate::base::trace::Hooks;
pub use crate::base::trace::is_on;
use crate::base::turn::{Taken, Turn};
use crate::insight::{cannot, holder, pattern, readable, switch};
use crate::sys::cancellation::PutOff;
use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use timeline::SESSION;
use writer::Writer;

pub const HOOKS: Hooks = Hooks {
    arrive: timeline::arrive,
    tell: timeline::tell,
    open: timeline::open,
    close: timeline::close,
    leave: timeline::leave,
    holder: holder::alone,
};

/// Taken while something is written, which a slow disk can make long: so a fork does not wait for it.
static WRITER: Turn<Option<Writer>> = Turn::new(None);

static PARTICIPANT: Participant = Participant::new(forget);

/// In a forked child: the file is the parent's, and so are the threads that the rings are of.
fn forget() {
    turn_off(TRACE);
    out::forget();
    match WRITER.take(Timeout::Poll) {
        // Without its destructor: a forked child frees nothing.
        Some(mut writer) => core::mem::forget(writer.take()),
        None => {
            WRITER.forget(None);
        }
    }
    clerk::forget();
    ring::forget_all();
    record::each(|record| {
        // Relaxed: there is one thread.
        if !record.timeline.load(Ordering::Relaxed).is_null() {
            record.timeline.store(ptr::null_mut(), Ordering::Relaxed);
        }
    });
}

/// For who writes; nothing that is called meanwhile may end the thread.
fn taken() -> Option<Taken<'static, Option<Writer>>> {
    WRITER.take(Timeout::Forever)
}

/// Begins a trace. Busy if there is one.
pub fn start(path: &CStr) -> Result<(), Error> {
    let _uncancelled = PutOff::begin();
    PARTICIPANT.join();
    let Some(mut writer) = taken() else { return Err(Error::Busy) };
    if writer.is_some() {
        return Err(Error::Busy);
    }
    clerk::ensure()?;
    stop_at_exit()?;
    *writer = Some(Writer::create(path)?);
    // Relaxed: under the turn; threads find the new number when they find the bit.
    let session = SESSION.load(Ordering::Relaxed).wrapping_add(1).max(1);
    SESSION.store(session, Ordering::Relaxed);
    switch::turn(TRACE, TRACE).inspect_err(|_| *writer = None)
}

/// Begins the trace that the environment asks for.
pub fn start_named(pattern: &[u8]) {
    let path = pattern::path(pattern).and_then(|path| Text::copy(&path));
    if path.and_then(|path| start(path.as_c_str())).is_err() {
        cannot(format_args!("cannot write a trace into {:.400}", readable(pattern)));
    }
}

/// Ends the trace, if there is one. An error if not all of it was written.
pub fn stop() -> Result<(), Error> {
    let _uncancelled = PutOff::begin();
    let Some(mut writer) = taken() else { return Ok(()) };
    if writer.is_none() {
        return Ok(());
    }
    // Under the turn, as in `start`: before it, this could be the bit of the trace before that which is ended.
    switch::turn(TRACE, 0)?;
    let Some(mut writer) = writer.take() else { return Ok(()) };
    writer.drain(SESSION.load(Ordering::Relaxed));
    writer.finish()
}

/// Writes what there is.
fn write_out() {
    if let Some(Some(writer)) = taken().as_deref_mut() {
        writer.drain(SESSION.load(Ordering::Relaxed));
    }
}

/// What is on at the end of the process is stopped then.
fn stop_at_exit() -> Result<(), Error> {
    static DONE: AtomicBool = AtomicBool::new(false);
    extern "C" fn at_exit() {
        // There is nobody to be told.
        let _ = stop();
    }
    // Relaxed: under the turn. SAFETY: a function of this library, which is not unloaded.
    if !DONE.load(Ordering::Relaxed) && unsafe { libc::atexit(at_exit) } != 0 {
        return Err(Error::NoMemory);
    }
    DONE.store(true, Ordering::Relaxed);
    Ok(())
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use super::*;
    use crate::base::insight::TURNED;
    use std::ffi::CString;

    /// Does something with the path of a file, alone: there is one trace.
    fn with_path(f: impl FnOnce(&CStr)) {
        let _alone = TURNED.write();
        let path = std::env::temp_dir().join(format!("lowthread-{}.json", std::process::id()));
        f(&CString::new(path.to_str().unwrap()).unwrap());
        std::fs::remove_file(path).unwrap();
    }

    // Else the rings would fill, and what is held be told, with nobody to write it.
    #[test]
    fn it_is_on_as_long_as_there_is_a_writer() {
        with_path(|path| {
            let on = || {
                let _ = start(path);
            };
            for _ in 0..1000 {
                on();
                std::thread::scope(|threads| {
                    (0..2).for_each(|_| drop(threads.spawn(|| stop().unwrap())));
                    (0..3).for_each(|_| on());
                });
                assert_eq!(is_on(), taken().unwrap().is_some());
            }
            stop().unwrap();
        });
    }

    // The other engine promises children nothing.
    #[cfg(not(parking))]
    #[test]
    fn in_a_child_it_is_off() {
        with_path(|path| {
            let _alone = crate::base::fork::ALONE_TO_FORK.lock();
            start(path).unwrap();
            let mut status = -1;
            // SAFETY: the child looks at a word, and ends.
            unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::_exit(is_on().into());
                }
                while libc::waitpid(child, &mut status, 0) == -1 {}
            }
            assert!(status == 0 && is_on());
            stop().unwrap();
        });
    }
}
