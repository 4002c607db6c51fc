//! Section 6 of the header: joinable threads.

use crate::base::atomic::Ordering;
use crate::base::errno::Errno;
use crate::base::handle::Handle;
use crate::base::record::{Record, Role};
use crate::base::status::{Argument, Error, lt_status};
use crate::base::{registry, this_thread};
use crate::ffi::error::lt_errors;
use crate::ffi::sized::{self, Array, sized};
use crate::ffi::thread::{lt_ident, lt_thread_fn};
use crate::ffi::{at, free, report, report_of, report_value, report_value_of, value_or_default};
use crate::thread::joinable::{self, Options, Thread};
use crate::thread::report::lt_error_info;
use crate::thread::{names, roll};
use core::ffi::{CStr, c_char, c_void};

/// A thread that can be joined. Joins may be repeated and done by any number of threads. What the
/// thread did happens before the return of a join. Freeing the handle of a running thread lets it
/// run on, detached.
pub struct lt_thread {
    _opaque: [u8; 0],
}

/// What lt_thread_start() can be told. Set `size` to sizeof(lt_thread_options), and zero what is
/// not wanted: a program may know fewer members than the library, or more, if those are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lt_thread_options {
    pub size: usize,
    /// UTF-8, copied; NULL for "Thread-N".
    pub name: *const c_char,
    /// As for lt_set_stack_size(); 0 for what that has set.
    pub stack_size: usize,
    /// A daemon is not waited for by lt_shutdown().
    pub daemon: bool,
    /// Where its error goes; NULL for the hook.
    pub errors: *mut lt_errors,
}
sized!(lt_thread_options { size, name, stack_size, daemon, errors });

/// What lt_enumerate() tells of a thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lt_thread_info {
    pub size: usize,
    pub ident: lt_ident,
    pub native_id: i64,
    pub daemon: bool,
    pub joinable: bool,
    /// Cut to what fits, on a character boundary.
    pub name: [c_char; 64],
}
sized!(lt_thread_info { size, ident, native_id, daemon, joinable, name });

/// Starts a thread. `options` may be NULL; with a NULL `thread` it is detached. LT_INVALID for a
/// NULL function or bad options, LT_BAD_HANDLE for bad errors, LT_NO_THREAD if the system refuses,
/// LT_NO_MEMORY; then nothing was started.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_start(
    function: lt_thread_fn,
    arg: *mut c_void,
    options: *const lt_thread_options,
    thread: *mut *mut lt_thread,
) -> lt_status {
    let _errno = Errno::keep();
    let function = function.ok_or(Error::NullArgument(Argument::Function));
    // SAFETY: the options are NULL or valid for as many bytes as they say, and `thread` is NULL or
    // valid to write to, as the header asks.
    let started = function.and_then(|f| unsafe {
        let options = read_options(options)?;
        match thread.as_mut() {
            Some(thread) => *thread = joinable::start(f, arg, &options)?.into_raw().cast(),
            None => drop(joinable::start_detached(f, arg, &options)?),
        }
        Ok(())
    });
    report(&"lt_thread_start", started)
}

/// Waits for the end of the thread. LT_FAILED if it ended with an error, which lt_thread_error()
/// gives; LT_DEADLOCK from the thread itself. Afterwards the thread is gone from the system.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_join(thread: *mut lt_thread) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    report_of(thread, &"lt_thread_join", unsafe { at::<Thread>(thread) }.and_then(Handle::<Thread>::join))
}

/// The same, but LT_BUSY while the thread runs, also its last few steps in the system. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_try_join(thread: *mut lt_thread) -> lt_status {
    // SAFETY: see above.
    report_of(
        thread,
        &"lt_thread_try_join",
        unsafe { at::<Thread>(thread) }.and_then(Handle::<Thread>::try_join),
    )
}

/// The same as lt_thread_join(); blocks for at most this many seconds.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_join_timeout(thread: *mut lt_thread, seconds: f64) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<Thread>(thread) }.and_then(|thread| thread.join_timeout(seconds));
    report_of(thread, &"lt_thread_join_timeout", result)
}

/// Interrupts the thread, as lt_interrupt_main() the main thread: it gets LT_INTERRUPTED from its wait,
/// or its next one that would block. Nothing happens to a thread that has ended.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_interrupt(thread: *mut lt_thread) -> lt_status {
    // SAFETY: see above.
    report_of(
        thread,
        &"lt_thread_interrupt",
        unsafe { at::<Thread>(thread) }.and_then(Handle::<Thread>::interrupt),
    )
}

/// The calling thread's own handle: not another one, to be freed as before. NULL, which is no error,
/// if the thread is not joinable or its handle was freed.
#[unsafe(no_mangle)]
pub extern "C" fn lt_thread_current() -> *mut lt_thread {
    joinable::current().map_or(core::ptr::null_mut(), |thread| thread.into_raw().cast())
}

/// Whether the thread has not ended yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_is_alive(thread: *const lt_thread) -> bool {
    // SAFETY: see above.
    value_or_default(
        &"lt_thread_is_alive",
        unsafe { at::<Thread>(thread) }.and_then(Handle::<Thread>::is_alive),
    )
}

/// The thread's ident, also after its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_ident(thread: *const lt_thread) -> lt_ident {
    // SAFETY: see above.
    value_or_default(&"lt_thread_ident", unsafe { at::<Thread>(thread) }.and_then(Handle::<Thread>::ident))
}

/// The number that the operating system has, or had, for the thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_native_id(thread: *const lt_thread) -> i64 {
    // SAFETY: see above.
    value_or_default(
        &"lt_thread_native_id",
        unsafe { at::<Thread>(thread) }.and_then(Handle::<Thread>::native_id),
    )
}

/// Whether the thread was started as a daemon.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_daemon(thread: *const lt_thread) -> bool {
    // SAFETY: see above.
    value_or_default(&"lt_thread_daemon", unsafe { at::<Thread>(thread) }.and_then(Handle::<Thread>::daemon))
}

/// The error that ended the thread, valid as long as the handle. LT_EMPTY if none did, or not yet.
/// The first call renders the trace, which can take some milliseconds.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_error(
    thread: *mut lt_thread,
    info: *mut *const lt_error_info,
) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: see above; `info` is NULL or valid to write to, as the header asks.
    unsafe {
        report_value_of(
            thread,
            &"lt_thread_error",
            at::<Thread>(thread).and_then(Handle::<Thread>::error),
            info,
        )
    }
}

/// Frees the handle; the thread, if it runs, runs on. LT_BUSY, and nothing is freed, while somebody
/// joins it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_free(thread: *mut lt_thread) -> lt_status {
    // SAFETY: see above.
    unsafe { free(&"lt_thread_free", thread, Handle::<Thread>::free) }
}

/// Copies the name of a living thread, cut to `len` bytes on a character boundary. LT_INVALID for
/// an ident that no living thread has, and for len 0. The defaults are MainThread and Thread-N.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_thread_name(ident: lt_ident, buf: *mut c_char, len: usize) -> lt_status {
    let checked = if buf.is_null() {
        Err(Error::NullArgument(Argument::Buf))
    } else if len == 0 {
        Err(Error::EmptyBuffer)
    } else {
        // SAFETY: `buf` has `len` bytes, as the header asks.
        Ok(unsafe { core::slice::from_raw_parts_mut(buf.cast::<u8>(), len) })
    };
    report(&"lt_thread_name", checked.and_then(|buffer| names::of_ident(ident, buffer)))
}

/// Names the calling thread, in UTF-8. The system gets what it has room for; the library keeps all.
/// LT_INVALID for NULL and what is not UTF-8, LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_set_thread_name(name: *const c_char) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: `name` is NULL or a C string, as the header asks.
    let name = if name.is_null() {
        Err(Error::NullArgument(Argument::Name))
    } else {
        // SAFETY: as above.
        Ok(unsafe { CStr::from_ptr(name) })
    };
    report(&"lt_set_thread_name", name.and_then(names::set_own))
}

/// Joins every joinable thread that is no daemon, those too that are started meanwhile, and those
/// whose handles were freed; waits for at most this many seconds. Afterwards they are gone from the
/// system, and joins return at once. LT_DEADLOCK from such a thread. Pools are not waited for.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_shutdown(seconds: f64) -> lt_status {
    report(&"lt_shutdown", roll::shutdown(seconds))
}

/// Tells of the main thread and of every thread that the library started and that still runs. Fills
/// what fits into `array`, which may be NULL if `capacity` is 0; `count` is the number of threads.
/// Only the `size` of the first element is read: it is the size of each, and what it has room for is
/// filled. LT_INVALID for a size below that of a size_t or above 4096.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_enumerate(
    array: *mut lt_thread_info,
    capacity: usize,
    count: *mut usize,
) -> lt_status {
    // SAFETY: `array` has `capacity` elements, and `count` is NULL or valid to write to, as the
    // header asks.
    unsafe { report_value(&"lt_enumerate", enumerate(array, capacity), count) }
}

/// # Safety
/// NULL, or valid for as many bytes as its size says.
unsafe fn read_options<'a>(options: *const lt_thread_options) -> Result<Options<'a>, Error> {
    if options.is_null() {
        return Ok(Options { name: None, stack_size: 0, daemon: false, errors: core::ptr::null_mut() });
    }
    // SAFETY: as the caller vouches. Any bytes make valid options but for `daemon`, a bool in C too.
    let read = unsafe { sized::read(options) }?;
    // SAFETY: NULL, or a C string that outlives the call.
    let name = unsafe { read.name.as_ref().map(|name| CStr::from_ptr(name)) };
    Ok(Options { name, stack_size: read.stack_size, daemon: read.daemon, errors: read.errors.cast() })
}

/// # Safety
/// `array` has room for `capacity` elements of the size that the first one says.
unsafe fn enumerate(array: *mut lt_thread_info, capacity: usize) -> Result<usize, Error> {
    if array.is_null() && capacity > 0 {
        return Err(Error::NullArgument(Argument::Array));
    }
    // SAFETY: as the caller vouches.
    let array = unsafe { Array::new(array, capacity) }?;
    let main = this_thread::main_record();
    // The main thread first: it need not have called the library yet.
    let list = registry::lock();
    let started = list.iter().filter(|record| record.role() == Role::Started && !record.is_main());
    let mut count = 0;
    for record in core::iter::once(main).chain(started) {
        array.write(count, info(record));
        count += 1;
    }
    Ok(count)
}

/// The caller has locked the registry. Relaxed: flags that others may be setting.
fn info(record: &'static Record) -> lt_thread_info {
    let mut name = [0; 64];
    names::copy_locked(record, &mut name);
    lt_thread_info {
        size: size_of::<lt_thread_info>(),
        ident: record.ident(),
        native_id: if record.is_main() { this_thread::main_native_id() } else { record.native_id() },
        daemon: record.daemon.load(Ordering::Relaxed),
        joinable: !record.joinable.load(Ordering::Relaxed).is_null(),
        name: name.map(|byte| byte as c_char),
    }
}
