//! Starting threads.

use crate::base::atomic::Ordering;
use crate::base::errno;
use crate::base::record::{Record, Role};
use crate::base::status::Error;
use crate::base::{trace, unwind};
use crate::sys::thread::{self, End, OVER, Over};
use crate::thread::{excepthook, failure, joinable, names, stack};
use core::ffi::{CStr, c_void};
use core::ptr;

pub use crate::base::record::Function;

/// All that is decided of a thread before it is started.
pub struct Plan<'a> {
    pub function: Function,
    pub argument: *mut c_void,
    /// Allocated with malloc, to be freed after the thread; or NULL. The plan's until it has a record.
    pub copied: *mut c_void,
    /// Effective; 0 for the platform's default.
    pub stack_size: usize,
    pub name: Option<&'a CStr>,
    pub daemon: bool,
    /// The handle of the lt_errors for its errors, or NULL.
    pub errors: *mut c_void,
    /// Whether somebody is told its ident, and so may interrupt it.
    pub told: bool,
}

impl Plan<'_> {
    /// As `_thread` would start it.
    pub fn new(function: Function, argument: *mut c_void) -> Self {
        Plan {
            function,
            argument,
            copied: ptr::null_mut(),
            stack_size: stack::size(),
            name: None,
            daemon: false,
            errors: ptr::null_mut(),
            told: false,
        }
    }

    /// A record for the thread. `end` it if the thread is not created.
    pub fn record(&self, role: Role) -> Result<&'static Record, Error> {
        let record = Record::for_new_thread(role, self.copied).inspect_err(|_| {
            // SAFETY: NULL, or allocated with malloc and given to this plan.
            unsafe { libc::free(self.copied) };
        })?;
        record.own().entry.set(Some((self.function, self.argument)));
        record.own().errors.set(self.errors);
        // Relaxed: a flag, for lt_enumerate.
        record.daemon.store(self.daemon, Ordering::Relaxed);
        if self.told {
            record.interrupt.expect();
        }
        if let Some(name) = self.name {
            names::set(record, name).inspect_err(|_| record.end())?;
        }
        Ok(record)
    }

    /// Creates the OS thread for a record. That itself says who it is to those who are to join it.
    pub fn create(&self, record: &'static Record, end: End) -> Result<(), Error> {
        // The thread may be over before its starter knows what it was created as.
        record.keep();
        let argument = ptr::from_ref(record).cast_mut().cast();
        // SAFETY: `main` gets the record that is for it alone.
        let create =
            |stack_size| errno::keeping(|| unsafe { thread::create(stack_size, end, main, argument) });
        let mut created = create(self.stack_size);
        // The minimum can be larger than the library could know: once more, with more.
        if created.is_err_and(thread::wants_more_stack) && self.stack_size != 0 {
            created = create(stack::more_than(self.stack_size));
        }
        if let Ok(native) = created {
            record.known_as(thread::number(native));
            thread::let_go(native, end);
        }
        record.release();
        created.map(drop).map_err(Error::NoThread)
    }
}

/// Starts a detached thread; its ident.
pub fn start(plan: Plan) -> Result<u64, Error> {
    let record = plan.record(Role::Started)?;
    // Read before the thread runs: it may be over, and its record another's, a moment later.
    let ident = record.ident();
    plan.create(record, End::Detached).inspect_err(|_| record.end())?;
    Ok(ident)
}

/// Starts a detached thread with a copy of `size` bytes at `arguments`, which may be NULL if that is 0.
///
/// # Safety
/// `arguments` is valid for reading `size` bytes.
pub unsafe fn start_copy(
    function: Function,
    arguments: *const c_void,
    size: usize,
    told: bool,
) -> Result<u64, Error> {
    // SAFETY: any size can be asked for; at least a byte, so that NULL means only one thing.
    let copied = unsafe { libc::malloc(size.max(1)) };
    if copied.is_null() {
        return Err(Error::NoMemory);
    }
    if size > 0 {
        // SAFETY: the caller vouches for the source; the copy was just allocated with this size.
        unsafe { ptr::copy_nonoverlapping(arguments.cast::<u8>(), copied.cast::<u8>(), size) };
    }
    start(Plan { copied, told, ..Plan::new(function, copied) })
}

/// The first frame of a thread. Nothing in it has a destructor: `lt_exit` unwinds through it.
unsafe extern "C-unwind" fn main(record: *mut c_void) -> Over {
    // SAFETY: a record, made for this thread; records are never unmapped.
    let record = unsafe { &*record.cast::<Record>() };
    let adopted = begin(record);
    if let Some((function, argument)) = record.own().entry.get() {
        // SAFETY: the function and its argument are what the user asked to be called.
        if let Some(caught) = unsafe { unwind::call(function, argument) } {
            // SAFETY: caught here.
            unsafe { excepthook::deliver_caught(record, caught) };
        } else if let Some(failure) = failure::end(record, None) {
            excepthook::deliver_report(record, failure.report(record));
        }
    }
    if !adopted {
        record.end();
    }
    OVER
}

/// Where the code of a thread's first frame begins.
pub fn first_frame() -> usize {
    main as *const () as usize
}

/// What a thread does first. Whether the record will end by itself.
fn begin(record: &'static Record) -> bool {
    let adopted = record.adopt();
    joinable::begun(record);
    names::tell_system_first(record);
    trace::arrive(record);
    adopted
}
