//! Interrupting a thread, and seeing that one was interrupted.

use crate::base::errno::Errno;
use crate::base::record::Role;
use crate::base::status::Error;
use crate::base::{registry, this_thread};
use crate::sys::signal::{Action, send_marked};
use crate::thread::signal;
use core::cell::Cell;
use core::ptr;

/// The signals that can be simulated.
const SIGNALS: core::ops::RangeInclusive<i32> = 1..=64;

/// Simulates the arrival of a signal on the main thread. Async-signal-safe on Linux.
pub fn interrupt_main(signum: i32) -> Result<(), Error> {
    check_number(signum)?;
    let _errno = Errno::keep();
    let disposition = disposition(signum);
    if disposition == Disposition::Ignored {
        return Ok(());
    }
    let sent = Cell::new(false);
    this_thread::with_main(|main| {
        // The signal first: who takes the interrupt lets the handler run before it says so. Once, also if
        // another thread has become the main one meanwhile: that is interrupted by what is pending.
        let send = || {
            if !sent.replace(true) {
                send_marked(signum, this_thread::main_native_id());
            }
        };
        if disposition != Disposition::Handled {
            main.interrupt.raise(signum as u32);
        } else if this_thread::existing().is_some_and(|own| ptr::eq(own, main)) {
            send();
            main.interrupt.raise(signum as u32);
        } else {
            main.interrupt.raise_after(signum as u32, send);
        }
    });
    Ok(())
}

/// Whether a signal can be simulated.
pub fn check_number(signum: i32) -> Result<(), Error> {
    if SIGNALS.contains(&signum) { Ok(()) } else { Err(Error::SignalOutOfRange) }
}

/// Interrupts the living thread with this ident, without a signal.
pub fn interrupt(ident: u64) -> Result<(), Error> {
    let _errno = Errno::keep();
    let list = registry::lock();
    let record = list.find(ident).filter(|record| record.role() != Role::Service);
    let interrupt = &record.ok_or(Error::NoSuchThread)?.interrupt;
    // Under the lock: the record does not become another thread's meanwhile.
    interrupt.mark();
    drop(list);
    interrupt.rouse();
    Ok(())
}

/// Whether the calling thread has a record, and no interrupt is pending for it, or about to be.
#[inline]
pub fn is_none_pending() -> bool {
    this_thread::existing().is_some_and(|record| record.interrupt.is_idle())
}

/// Whether an interrupt was pending for the calling thread; takes it.
pub fn check() -> Result<(), Error> {
    let Some(record) = this_thread::current() else { return Ok(()) };
    record.interrupt.settled();
    if record.take_interrupt() { Err(Error::Interrupted) } else { Ok(()) }
}

/// The signal behind the last interrupt that this thread took, 0 if there was none.
pub fn signal() -> i32 {
    this_thread::current().map_or(0, |record| record.interrupt_signal())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Disposition {
    Default,
    Ignored,
    /// The program has a handler of its own.
    Handled,
}

fn disposition(signum: i32) -> Disposition {
    match Action::of(signum) {
        // The C library keeps some signals to itself.
        None => Disposition::Default,
        Some(action) if action.is_ignored() => Disposition::Ignored,
        Some(action) if !action.is_for_one() && signal::is_handled(signum, &action) => Disposition::Handled,
        // Or a handler that is for one signal, with the default action for the next: none is sent.
        Some(_) => Disposition::Default,
    }
}
