//! Section 13 of the header: insight.

use crate::base::deadline::in_seconds;
use crate::base::errno::Errno;
use crate::base::handle::Any;
use crate::base::status::{Argument, Error, LT_OK, lt_status};
use crate::base::this_thread;
use crate::base::waiting::Wait;
use crate::ffi::sized::{Array, sized};
use crate::ffi::thread::lt_ident;
use crate::ffi::{report, report_in_handler, report_value};
use crate::insight::contention::{self, Count};
use crate::insight::dump::{self, Names};
use crate::insight::text::cut;
use crate::insight::told::lt_deadlock_info;
use crate::insight::{found, holder, names, on_signal, place, switch, trace, waits};
use core::ffi::{CStr, c_char, c_int, c_void};

/// What lt_waits() tells of a thread that waits.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lt_wait_info {
    pub size: usize,
    pub ident: lt_ident,
    /// Whose it is what the thread waits for: the owner of a re-entrant lock, a joined thread, the
    /// thread that runs a task. 0 where that is not known.
    pub holder: lt_ident,
    /// NULL for a wait that is for no object, or for several.
    pub handle: *const c_void,
    /// On the clock of lt_monotonic(). `until` is infinity without a time-out.
    pub since: f64,
    pub until: f64,
    /// "acquire", "get", "join" and the like; "" for the type without an object.
    pub verb: [c_char; 16],
    pub r#type: [c_char; 16],
    /// As lt_name() has it.
    pub name: [c_char; 64],
}
sized!(lt_wait_info { size, ident, holder, handle, since, until, verb, r#type, name });

/// Names an object of any type, in UTF-8, for dumps: copied, of any length; NULL or "" takes the name
/// away. A thread's handle names the thread, as lt_set_thread_name() does for the library; LT_INVALID
/// once it has ended. Costs nothing where no name is asked for. LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_set_name(handle: *const c_void, name: *const c_char) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: a handle, and NULL or a C string, as the header asks.
    let result = unsafe {
        let name = (!name.is_null()).then(|| CStr::from_ptr(name));
        Any::from_raw(handle).and_then(|object| names::set(object, name))
    };
    report(&"lt_set_name", result)
}

/// Copies the name of an object, cut to `len` bytes on a character boundary. Without one it is called
/// by its type and its handle. LT_INVALID for len 0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_name(handle: *const c_void, buf: *mut c_char, len: usize) -> lt_status {
    // SAFETY: a handle, as the header asks.
    let object = unsafe { Any::from_raw(handle) };
    let result = object.and_then(|object| {
        if buf.is_null() {
            return Err(Error::NullArgument(Argument::Buf));
        }
        if len == 0 {
            return Err(Error::EmptyBuffer);
        }
        // SAFETY: `buf` has `len` bytes, as the header asks.
        names::copy(object, unsafe { core::slice::from_raw_parts_mut(buf.cast::<u8>(), len) });
        Ok(())
    });
    report(&"lt_name", result)
}

/// Writes a line for each thread to a descriptor: its name, what it waits for, since when, and who has
/// that, where it is known; then the circles in which threads wait for each other. LT_INVALID if that
/// cannot be written. Takes no lock and no memory; async-signal-safe.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_dump(fd: c_int) -> lt_status {
    let _errno = Errno::keep();
    report_in_handler(&"lt_dump", dump::write(fd, Names::Told))
}

/// Has this signal write a dump to the descriptor, in the place of what was done with it before, which
/// an fd of -1 puts back. LOWTHREAD_DUMP_SIGNAL=QUIT in the environment does it for the standard error
/// without a line of code. LT_INVALID for what cannot be caught, or is a fault; LT_UNSUPPORTED.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_dump_on_signal(signum: c_int, fd: c_int) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_dump_on_signal", on_signal::set(signum, fd))
}

/// Tells of the threads that wait now. Fills what fits into `array`, as lt_enumerate() does, with the
/// same LT_INVALID; `array` may be NULL as there, `count` is their number. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_waits(array: *mut lt_wait_info, capacity: usize, count: *mut usize) -> lt_status {
    // SAFETY: `array` has `capacity` elements, and `count` is NULL or valid to write to, as the header
    // asks.
    unsafe { report_value(&"lt_waits", waiting(array, capacity), count) }
}

/// # Safety
/// `array` has room for `capacity` elements of the size that the first one says.
unsafe fn waiting(array: *mut lt_wait_info, capacity: usize) -> Result<usize, Error> {
    if array.is_null() && capacity > 0 {
        return Err(Error::NullArgument(Argument::Array));
    }
    // SAFETY: as the caller vouches.
    let array = unsafe { Array::new(array, capacity) }?;
    let mut count = 0;
    waits::each(|record, wait| {
        array.write(count, info(record.ident(), &wait));
        count += 1;
    });
    Ok(count)
}

fn info(ident: u64, wait: &Wait) -> lt_wait_info {
    let mut name = [0; 64];
    if let Some(object) = Any::numbered(wait.what.handle) {
        names::copy(object, &mut name);
    }
    lt_wait_info {
        size: size_of::<lt_wait_info>(),
        ident,
        holder: holder::of(wait.what).unwrap_or(0),
        handle: core::ptr::without_provenance(wait.what.handle),
        since: in_seconds(wait.since),
        until: if wait.until == u64::MAX { f64::INFINITY } else { in_seconds(wait.until) },
        verb: word(wait.what.verb.word()),
        r#type: word(wait.what.kind.map_or("", |kind| kind.name())),
        name: name.map(|byte| byte as c_char),
    }
}

/// All of them are short.
fn word(word: &str) -> [c_char; 16] {
    let mut to = [0; 16];
    to.iter_mut().zip(word.bytes().take(15)).for_each(|(to, byte)| *to = byte as c_char);
    to
}

/// Locks remember who acquired them, and where; not those that another thread has ever released.
pub const LT_INSIGHT_OWNERS: u32 = 1;
/// A wait that would never end returns LT_DEADLOCK at once; with what LT_INSIGHT_OWNERS has.
pub const LT_INSIGHT_DEADLOCK: u32 = 2;
/// Two locks that are acquired in both orders are told of; with what LT_INSIGHT_OWNERS has.
pub const LT_INSIGHT_ORDER: u32 = 4;
/// What is waited for because others hold it is counted, for lt_contention().
pub const LT_INSIGHT_CONTENTION: u32 = 8;

/// Turns insight on: LT_INSIGHT_ constants, 0 for none. LOWTHREAD_INSIGHT=owners,deadlock,order,contention in the
/// environment does so from the start. A trace is not touched. LT_INVALID for other bits, LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_set_insight(what: u32) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_set_insight", switch::set(what))
}

/// Is told of a deadlock, or of two orders, on the thread that found it. It returns: lt_exit() in it ends the process.
pub type lt_deadlock_hook = Option<unsafe extern "C-unwind" fn(*const lt_deadlock_info, *mut c_void)>;

/// Sets who is told of deadlocks that were refused, and of two orders; NULL restores the default, which writes it
/// to stderr. What a hook throws goes to the excepthook. LT_OK, always.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_set_deadlock_hook(hook: lt_deadlock_hook, arg: *mut c_void) -> lt_status {
    found::set_hook(hook, arg);
    LT_OK
}

/// What lt_contention() tells of an object that was waited for. Times are in seconds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lt_contention_info {
    pub size: usize,
    pub handle: *const c_void,
    /// How often a thread had to wait, and for how long in all.
    pub waits: u64,
    pub waited: f64,
    pub longest_wait: f64,
    /// As far as it is known: what was held before anybody waited is not.
    pub longest_hold: f64,
    /// How often the object was handed to one that had waited for too long.
    pub handovers: u64,
    pub r#type: [c_char; 16],
    /// As lt_name() has it; "" once the object was freed.
    pub name: [c_char; 64],
    /// Where most was waited; "" if that is not known.
    pub place: [c_char; 128],
}
sized!(lt_contention_info {
    size,
    handle,
    waits,
    waited,
    longest_wait,
    longest_hold,
    handovers,
    r#type,
    name,
    place
});

/// Tells of the locks, re-entrant and read-write locks and spinlocks that were waited for while LT_INSIGHT_CONTENTION
/// was on, the longest waited for first. Fills what fits into `array`, as lt_enumerate() does, with the same
/// LT_INVALID; `array` may be NULL as there, `count` is their number. LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_contention(
    array: *mut lt_contention_info,
    capacity: usize,
    count: *mut usize,
) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: `array` has `capacity` elements, and `count` is NULL or valid to write to, as the header
    // asks.
    unsafe { report_value(&"lt_contention", contended(array, capacity), count) }
}

/// Writes the same to a descriptor, a line for each. LT_INVALID if that cannot be written, LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_contention_report(fd: c_int) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_contention_report", contention::write(fd))
}

/// # Safety
/// As for `waiting`.
unsafe fn contended(array: *mut lt_contention_info, capacity: usize) -> Result<usize, Error> {
    if array.is_null() && capacity > 0 {
        return Err(Error::NullArgument(Argument::Array));
    }
    // SAFETY: as the caller vouches.
    let array = unsafe { Array::new(array, capacity) }?;
    let counts = contention::sorted()?;
    for (i, count) in counts.iter().take(capacity).enumerate() {
        array.write(i, contention_info(count));
    }
    Ok(counts.len())
}

fn contention_info(count: &Count) -> lt_contention_info {
    let mut name = [0; 64];
    if let Some(object) = Any::numbered(count.handle) {
        names::copy(object, &mut name);
    }
    let mut place = [0; 128];
    if count.place() != 0 {
        place::with(count.place(), |text| {
            cut(text, place.len() - 1).bytes().zip(&mut place).for_each(|(from, to)| *to = from);
        });
    }
    lt_contention_info {
        size: size_of::<lt_contention_info>(),
        handle: core::ptr::without_provenance(count.handle),
        waits: count.waits,
        waited: in_seconds(count.waited),
        longest_wait: in_seconds(count.longest_wait),
        longest_hold: in_seconds(count.longest_hold),
        handovers: count.handovers,
        r#type: word(count.kind.map_or("", |kind| kind.name())),
        name: name.map(|byte| byte as c_char),
        place: place.map(|byte| byte as c_char),
    }
}

/// Writes a trace from now on: a timeline of all threads in trace-event JSON, which Perfetto and Chrome show. `path` is
/// made, or emptied. LOWTHREAD_INSIGHT=trace:FILE in the environment does so from the start, with %p in FILE for the
/// process. LT_BUSY while a trace is on; LT_INVALID if the file cannot be written, as a FIFO that nobody reads;
/// LT_NO_MEMORY, LT_NO_THREAD.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_trace_start(path: *const c_char) -> lt_status {
    let _errno = Errno::keep();
    let result = if path.is_null() {
        Err(Error::NullArgument(Argument::Path))
    } else {
        // SAFETY: a C string, as the header asks.
        trace::start(unsafe { CStr::from_ptr(path) })
    };
    report(&"lt_trace_start", result)
}

/// Writes what is left of the trace, and ends it, as the end of the process does. LT_OK without one; LT_INVALID if not
/// all of it could be written, as to a FIFO of which nothing was read for a second.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_trace_stop() -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_trace_stop", trace::stop())
}

/// Begins a span of the calling thread in the trace, inside of those that are open: `name` in UTF-8 is copied, and cut
/// to 96 bytes; NULL is "". Does nothing while no trace is on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_trace_begin(name: *const c_char) {
    if !trace::is_on() {
        return;
    }
    // SAFETY: NULL or a C string, as the header asks.
    let name = if name.is_null() { c"" } else { unsafe { CStr::from_ptr(name) } };
    if let Some(record) = this_thread::current() {
        trace::timeline::begin_span(record, name.to_bytes());
    }
}

/// Ends the span that the calling thread began last, in the same function, task or callback. Those that are left open
/// end with that. Does nothing without one.
#[unsafe(no_mangle)]
pub extern "C" fn lt_trace_end() {
    if trace::is_on() {
        if let Some(record) = this_thread::existing() {
            trace::timeline::end_span(record);
        }
    }
}
