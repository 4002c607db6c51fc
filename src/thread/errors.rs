//! lt_errors: a container for the first error of many threads.

use crate::base::arena::Arena;
use crate::base::atomic::{AtomicU64, Ordering};
use crate::base::handle::{Handle, Kind, Object};
use crate::base::heap::boxed;
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::thread::report::{Report, lt_error_info};

/// What the container has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Errors {
    arrived: Mutex<Arrived>,
}

#[derive(Debug)]
struct Arrived {
    first: Option<Box<Report>>,
    count: usize,
}

impl Arrived {
    const NONE: Arrived = Arrived { first: None, count: 0 };
}

impl Object for Errors {
    const KIND: Kind = Kind::Errors;

    fn arena() -> &'static Arena<Errors> {
        &ERRORS
    }

    fn blank() -> Errors {
        Errors { arrived: Mutex::new(Arrived::NONE) }
    }

    fn reset(&self) {
        let first = core::mem::replace(&mut *self.arrived.lock(), Arrived::NONE).first;
        drop(first);
    }

    fn forget(&self, _word: &AtomicU64) {}
}

static ERRORS: Arena<Errors> = Arena::new();

impl Handle<Errors> {
    pub fn new_errors() -> Result<Handle<Errors>, Error> {
        Handle::new(0, |_| ())
    }

    pub fn free_errors(self) -> Result<(), Error> {
        let first = self.with(|arrived| {
            arrived.count = 0;
            Ok(arrived.first.take())
        })?;
        self.free(|_, _, _| Ok(()))?;
        drop(first);
        Ok(())
    }

    /// The first error, valid until `clear_errors` or `free_errors`.
    pub fn first(self) -> Result<*const lt_error_info, Error> {
        let report =
            self.with(|arrived| arrived.first.as_deref().map(core::ptr::from_ref).ok_or(Error::Empty))?;
        // Rendered without the lock: that takes its time, and other errors may arrive.
        // SAFETY: boxed, and alive until a clear or a free, which by contract are not now.
        Ok(unsafe { (*report).info() })
    }

    /// How many arrived.
    pub fn arrived(self) -> Result<usize, Error> {
        self.with(|arrived| Ok(arrived.count))
    }

    pub fn clear_errors(self) -> Result<(), Error> {
        let first = self.with(|arrived| {
            arrived.count = 0;
            Ok(arrived.first.take())
        })?;
        drop(first);
        Ok(())
    }

    fn arrive(self, report: &Report) -> Result<(), Error> {
        let copy = boxed(report.duplicate());
        let spare = self.with(|arrived| {
            arrived.count += 1;
            Ok(match (&arrived.first, copy) {
                (None, Ok(copy)) => {
                    arrived.first = Some(copy);
                    None
                }
                (_, copy) => copy.ok(),
            })
        })?;
        drop(spare);
        Ok(())
    }

    /// Does something under the lock, if the container is alive.
    fn with<R>(self, f: impl FnOnce(&mut Arrived) -> Result<R, Error>) -> Result<R, Error> {
        self.state(Ordering::Acquire)?;
        // SAFETY: the word was just seen alive.
        let errors = unsafe { self.body() };
        let mut arrived = errors.arrived.lock();
        self.check()?;
        f(&mut arrived)
    }
}

/// Gives the report to the container of its thread. False if there is none, or none any more.
pub fn deliver(record: &Record, report: &Report) -> bool {
    // SAFETY: NULL, or a handle that the thread was started with.
    let errors = unsafe { Handle::<Errors>::from_raw(record.errors.get()) };
    errors.and_then(|errors| errors.arrive(report)).is_ok()
}
