//! Timers: an alarm that calls the user's function.

use crate::base::arena::{Arena, Kept};
use crate::base::atomic::AtomicU64;
use crate::base::deadline::Timeout;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::race;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::trace::{self, Event, Point};
use crate::base::unwind;
use crate::exec::alarm::{self, Alarm};
use crate::thread::excepthook;
use crate::thread::start::Function;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// What a timer has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Timer {
    alarm: Kept<Alarm>,
    /// Set before the alarm is, and read by its action.
    call: Cell<Option<(Function, *mut c_void)>>,
    /// The handle, where the timer frees itself.
    own: Cell<Option<Handle<Timer>>>,
    /// What a trace knows it by.
    traced: Cell<u64>,
}

// SAFETY: the cells change only before the alarm is set, and while nobody else knows the handle.
unsafe impl Sync for Timer {}

impl Object for Timer {
    const KIND: Kind = Kind::Timer;

    fn arena() -> &'static Arena<Timer> {
        &TIMERS
    }

    fn blank() -> Timer {
        Timer {
            alarm: Kept(Alarm::idle()),
            call: Cell::new(None),
            own: Cell::new(None),
            traced: Cell::new(0),
        }
    }

    fn reset(&self) {
        self.call.set(None);
        self.own.set(None);
        self.traced.set(0);
    }

    fn forget(&self, _word: &AtomicU64) {
        alarm::forget(&self.alarm);
    }
}

static TIMERS: Arena<Timer> = Arena::new();

/// Calls `callback(argument)` after so many seconds, and then every `repeat` seconds if that is not 0.
/// A timer that is not `kept` frees itself when it is over.
pub fn start(
    seconds: f64,
    repeat: f64,
    callback: Function,
    argument: *mut c_void,
    kept: bool,
) -> Result<Handle<Timer>, Error> {
    let after = from_now(seconds)?;
    let period = match from_now(repeat)? {
        Timeout::Nanoseconds(n) => n,
        _ => 0,
    };
    let timer = Handle::make(0, |timer: &Timer| timer.call.set(Some((callback, argument))))?;
    // SAFETY: made above.
    let body = unsafe { timer.body() };
    if !kept && period == 0 {
        body.own.set(Some(timer));
    }
    race::before(&raw const body.call);
    let traced = trace::number();
    body.traced.set(traced);
    let set = trace::timed(Point::Start, traced, || {
        alarm::set(timer, &body.alarm, after, period, (fire, ptr::from_ref(body).cast()))
    });
    if set.is_err() {
        timer.end(|_, _| Ok(()))?;
    }
    set.map(|()| timer)
}

/// A time from now on: as a timeout, but never negative.
pub fn from_now(seconds: f64) -> Result<Timeout, Error> {
    match Timeout::from_seconds(seconds)? {
        Timeout::Forever => Err(Error::NegativeSeconds),
        timeout => Ok(timeout),
    }
}

/// The action of a timer's alarm.
///
/// # Safety
/// The argument is a timer, which is not freed by others while this runs.
unsafe fn fire(timer: *const c_void) {
    // SAFETY: as the caller vouches.
    let timer = unsafe { &*timer.cast::<Timer>() };
    race::after(&raw const timer.call);
    if let Some(own) = timer.own.take() {
        let (call, traced) = (timer.call.get(), timer.traced.get());
        let _ = own.end(|_, _| Ok(()));
        return run(call, traced);
    }
    run(timer.call.get(), timer.traced.get());
    race::before(&raw const timer.own);
}

fn run(call: Option<(Function, *mut c_void)>, traced: u64) {
    let (Some((callback, argument)), Some(record)) = (call, this_thread::current()) else { return };
    let slice =
        trace::open(record, || Event { object: traced, ..Event::begins(Point::Timer, 0, callback as usize) });
    // SAFETY: the user gave both, the one for the other.
    if let Some(caught) = unsafe { unwind::call(callback, argument) } {
        // SAFETY: caught here.
        unsafe { excepthook::deliver_caught(record, caught) };
    }
    trace::close(record, slice);
}

impl Handle<Timer> {
    pub fn cancel(self) -> Result<(), Error> {
        let timer = self.alive()?;
        // The end of its callback is waited for.
        alarm::cancel(self, &timer.alarm).inspect(|()| race::after(&raw const timer.own))
    }

    /// Cancels the timer, and frees it. Interrupted, or while another thread waits for the end of its
    /// callback: cancelled, but not freed.
    pub fn free(self) -> Result<(), Error> {
        self.cancel()?;
        self.end_unless_visited()
    }
}
