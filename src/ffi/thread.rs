//! Section 3 of the header: threads, as `_thread` has them.

use crate::base::errno::Errno;
use crate::base::record::Record;
use crate::base::status::{Argument, Error, lt_status};
use crate::base::{registry, this_thread};
use crate::ffi::{report, report_value, value_at_once, value_or_default};
use crate::thread::start::{self, Plan};
use crate::thread::{exit, stack};
use core::ffi::c_void;

/// What a thread runs. When it returns, the thread ends.
pub type lt_thread_fn = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;

/// Names a thread of this process: never 0, and never reused.
pub type lt_ident = u64;

/// Starts a thread that runs function(arg). It is detached: nobody joins it, and the process does
/// not wait for it when it exits. LT_NO_THREAD if the system refuses, LT_NO_MEMORY, or LT_INVALID
/// for a NULL function; then nothing was started. `ident` may be NULL.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_start_new_thread(
    function: lt_thread_fn,
    arg: *mut c_void,
    ident: *mut lt_ident,
) -> lt_status {
    let _errno = Errno::keep();
    let function = function.ok_or(Error::NullArgument(Argument::Function));
    // SAFETY: `ident` is NULL or valid to write to, as the header asks.
    unsafe {
        let plan = |f| Plan { told: !ident.is_null(), ..Plan::new(f, arg) };
        report_value(&"lt_start_new_thread", function.and_then(|f| start::start(plan(f))), ident)
    }
}

/// The same, with arguments by value: the thread gets a pointer to its own copy of the `size` bytes
/// at `args`, aligned like malloc's memory and freed when the thread has ended. A size of 0 is fine.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_start_new_thread_copy(
    function: lt_thread_fn,
    args: *const c_void,
    size: usize,
    ident: *mut lt_ident,
) -> lt_status {
    let _errno = Errno::keep();
    let function = match function {
        None => Err(Error::NullArgument(Argument::Function)),
        Some(_) if args.is_null() && size > 0 => Err(Error::NullArgument(Argument::Args)),
        Some(function) => Ok(function),
    };
    // SAFETY: `args` has `size` bytes, and `ident` is NULL or valid to write to, as the header asks.
    unsafe {
        let started = function.and_then(|f| start::start_copy(f, args, size, !ident.is_null()));
        report_value(&"lt_start_new_thread_copy", started, ident)
    }
}

/// Ends the calling thread from any depth, silently. On the way C++ destructors, pthread cleanup
/// handlers, thread-local destructors and, where C is built with -fexceptions, cleanup attributes
/// run. Also ends threads that the library did not start. On the main thread it is exit(0).
#[unsafe(no_mangle)]
pub extern "C-unwind" fn lt_exit() -> ! {
    exit::exit()
}

/// The calling thread's ident, whoever started it; 0 when out of memory. Async-signal-safe on a
/// thread that has called it before.
#[unsafe(no_mangle)]
pub extern "C" fn lt_get_ident() -> lt_ident {
    value_at_once(this_thread::told_ident_before(), this_thread::told_ident)
}

/// The number that the operating system has for the calling thread.
#[unsafe(no_mangle)]
pub extern "C" fn lt_get_native_id() -> i64 {
    this_thread::native_id()
}

/// The main thread's ident. In a forked child, the thread that forked is the main thread.
#[unsafe(no_mangle)]
pub extern "C" fn lt_main_ident() -> lt_ident {
    this_thread::main_record().ident()
}

/// Makes the calling thread the main thread: for lt_interrupt_main(), which reaches it now with what
/// was pending, lt_main_ident(), signal routes and lt_exit(); for runtimes whose main thread is not the
/// process's first. LT_INVALID on a thread of a pool's, or in a callback of a timer or a signal.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_adopt_main() -> lt_status {
    report(&"lt_adopt_main", this_thread::adopt_main())
}

/// `uintptr_t` in the header, which would call it a size otherwise.
type NativeHandle = usize;

/// What the system's library calls the living thread with this ident: its pthread_t; without
/// LT_HAS_PTHREADS its native id. Known when its start returns; of others, from their first call. 0,
/// with the error noted, if there is none. It names nothing once the thread has ended: ask for
/// threads that you know to be alive.
#[unsafe(no_mangle)]
pub extern "C" fn lt_native_handle(ident: lt_ident) -> NativeHandle {
    let record = registry::lock().find(ident).and_then(Record::native_handle);
    value_or_default(&"lt_native_handle", record.ok_or(Error::NoSuchThread))
}

/// How many threads that the library started are running. One counts until the last destructors of
/// its thread-local values have run, and no more once it was joined.
#[unsafe(no_mangle)]
pub extern "C" fn lt_thread_count() -> usize {
    registry::running()
}

/// The stack size of threads to be started, in bytes; 0 for the platform's default.
#[unsafe(no_mangle)]
pub extern "C" fn lt_stack_size() -> usize {
    stack::size()
}

/// Sets the stack size of threads to be started; 0 restores the default. Else it is rounded up, so
/// that a thread can use at least this many bytes; lt_stack_size() gives the effective size.
/// LT_INVALID, and nothing changes, for 1..4095 and for more than half the address space.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_set_stack_size(size: usize) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_set_stack_size", stack::set_size(size))
}
