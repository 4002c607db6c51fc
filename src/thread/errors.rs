//! lt_errors: a container for the first error of many threads.

use crate::base::arena::Arena;
use crate::base::atomic::AtomicU64;
use crate::base::handle::{Handle, Kind, Object};
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::thread::report::{Report, lt_error_info};
use core::ptr;

/// What the container has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Errors {
    arrived: Mutex<Arrived>,
}

#[derive(Debug)]
struct Arrived {
    first: Option<Report>,
    count: usize,
}

impl Arrived {
    const NONE: Arrived = Arrived { first: None, count: 0 };

    /// What was the first error, to be ended without the lock.
    fn empty(&mut self) -> Option<Report> {
        self.count = 0;
        self.first.take()
    }
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
    pub fn new() -> Result<Handle<Errors>, Error> {
        Handle::make(0, |_| ())
    }

    pub fn free(self) -> Result<(), Error> {
        // In one step: an error that comes later finds no container, and goes to the hook.
        let (ended, first) = self.with(|arrived| Ok((self.end(|_, _| Ok(()))?, arrived.empty())))?;
        drop(ended);
        drop(first);
        Ok(())
    }

    /// The first error, valid until `clear` or `free`.
    pub fn first(self) -> Result<*const lt_error_info, Error> {
        self.with(|arrived| {
            arrived.first.as_ref().map(|report| ptr::from_ref(report.info())).ok_or(Error::Empty)
        })
    }

    /// How many arrived.
    pub fn arrived(self) -> Result<usize, Error> {
        self.with(|arrived| Ok(arrived.count))
    }

    pub fn clear(self) -> Result<(), Error> {
        let first = self.with(|arrived| Ok(arrived.empty()))?;
        drop(first);
        Ok(())
    }

    fn arrive(self, report: &Report) -> Result<(), Error> {
        self.with(|arrived| {
            arrived.count += 1;
            // Without a look at what it replaces, which is nothing: no memory is freed under the lock.
            if arrived.first.is_none() {
                arrived.first = Some(report.clone());
            }
            Ok(())
        })
    }

    /// Does something under the lock, if the container is alive.
    fn with<R>(self, f: impl FnOnce(&mut Arrived) -> Result<R, Error>) -> Result<R, Error> {
        let mut arrived = self.alive()?.arrived.lock();
        self.check()?;
        f(&mut arrived)
    }
}

/// Gives the report to the container of its thread. False if there is none, or none any more.
pub fn deliver(record: &Record, report: &Report) -> bool {
    // SAFETY: NULL, or a handle that the thread was started with.
    let errors = unsafe { Handle::<Errors>::from_raw(record.own().errors.get()) };
    errors.and_then(|errors| errors.arrive(report)).is_ok()
}
