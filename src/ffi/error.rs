//! Section 5 of the header: errors in threads.

use crate::base::errno::Errno;
use crate::base::handle::Handle;
use crate::base::status::{Argument, Error, lt_status};
use crate::ffi::thread::{lt_ident, lt_thread_fn};
use crate::ffi::{at, free, new_handle, report, report_of, report_value, report_value_of, value_or_default};
use crate::thread::errors::Errors;
use crate::thread::report::{self, lt_error_info};
use crate::thread::start::{self, Plan};
use crate::thread::{excepthook, failure, raise};
use core::ffi::{CStr, c_char, c_int, c_void};

/// A hook for errors that end a thread: called on that thread, or, for lt_pool_map(), on the one
/// that maps, with the argument given for it. The info is valid until it returns.
pub type lt_excepthook = Option<unsafe extern "C-unwind" fn(info: *const lt_error_info, arg: *mut c_void)>;

/// Ends the calling thread function, or pool task, with an unhandled error. C++ frames on the way
/// see a foreign exception: destructors run, `catch (...)` can stop it. A NULL message is "". On
/// the main thread, which has no thread function, the hook is told and the process exits with 1.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_raise(code: c_int, message: *const c_char) -> ! {
    // SAFETY: `message` is NULL or a C string, as the header asks.
    let message = if message.is_null() { c"" } else { unsafe { CStr::from_ptr(message) } };
    raise::raise(code, message)
}

/// Makes the thread function, or pool task, that the calling thread is in count as failed once it
/// returns, as if it had raised then: for languages whose frames must not be unwound. The last call
/// counts. LT_INVALID for a NULL message and on a thread that runs no such function; LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_fail(code: c_int, message: *const c_char) -> lt_status {
    let _errno = Errno::keep();
    let failed = if message.is_null() {
        Err(Error::NullArgument(Argument::Message))
    } else {
        // SAFETY: `message` is a C string, as the header asks.
        failure::fail(code, unsafe { CStr::from_ptr(message) })
    };
    report(&"lt_fail", failed)
}

/// The frames at the throw, a line for each, innermost first; valid as long as the info that the
/// library gave. Rendered when first asked for, which reads files for some milliseconds; from any
/// thread, several at once. If it cannot be, the text says why. A copy of the info will do, too.
/// "" and LT_INVALID for NULL, and for a zeroed struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_error_backtrace(info: *const lt_error_info) -> *const c_char {
    let _errno = Errno::keep();
    let trace = if info.is_null() {
        Err(Error::NullArgument(Argument::Info))
    } else {
        // SAFETY: an info of the library's or a copy of one, or a zeroed struct, as the header asks.
        unsafe { report::trace_of(info) }.ok_or(Error::NoReport)
    };
    value_or_default(&"lt_error_backtrace", trace).as_ptr()
}

/// Sets who is told of an error that ends a thread and that nothing else takes; NULL restores the
/// default, which prints it, with the trace, to stderr. A hook may raise: that is printed. LT_OK, always.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_set_excepthook(hook: lt_excepthook, arg: *mut c_void) -> lt_status {
    let _errno = Errno::keep();
    report(&"lt_set_excepthook", excepthook::set(hook, arg))
}

/// A container for the first error of many threads: start them with it, and look into it when they
/// are done. Errors that it takes are not told to the hook. An error's arrival happens before its
/// get. A thread whose container was freed tells the hook.
pub struct lt_errors {
    _opaque: [u8; 0],
}

/// A new container, empty; NULL when out of memory.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_errors_new() -> *mut lt_errors {
    new_handle(&"lt_errors_new", Handle::<Errors>::new())
}

/// Frees a container and the error in it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_errors_free(errors: *mut lt_errors) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file.
    unsafe { free(&"lt_errors_free", errors, Handle::<Errors>::free) }
}

/// Gives the first error that arrived, valid until it is cleared or the container freed. LT_EMPTY
/// if none did.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_errors_get(errors: *mut lt_errors, info: *mut *const lt_error_info) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: see above; `info` is NULL or valid to write to, as the header asks.
    unsafe {
        report_value_of(
            errors,
            &"lt_errors_get",
            at::<Errors>(errors).and_then(Handle::<Errors>::first),
            info,
        )
    }
}

/// How many errors have arrived, the first included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_errors_count(errors: *const lt_errors) -> usize {
    // SAFETY: see above.
    value_or_default(&"lt_errors_count", unsafe { at::<Errors>(errors) }.and_then(Handle::<Errors>::arrived))
}

/// Empties the container and sets its count to 0.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_errors_clear(errors: *mut lt_errors) -> lt_status {
    // SAFETY: see above.
    report_of(errors, &"lt_errors_clear", unsafe { at::<Errors>(errors) }.and_then(Handle::<Errors>::clear))
}

/// Starts a detached thread as lt_start_new_thread() does, whose error goes to `errors`; NULL: to
/// the hook.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_spawn(
    function: lt_thread_fn,
    arg: *mut c_void,
    errors: *mut lt_errors,
    ident: *mut lt_ident,
) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: see above; `ident` is NULL or valid to write to, as the header asks.
    unsafe {
        let alive = if errors.is_null() { Ok(()) } else { at::<Errors>(errors).and_then(Handle::check) };
        let function = alive.and(function.ok_or(Error::NullArgument(Argument::Function)));
        let plan = |f| Plan { errors: errors.cast(), told: !ident.is_null(), ..Plan::new(f, arg) };
        let started = function.and_then(|f| start::start(plan(f)));
        report_value(&"lt_spawn", started, ident)
    }
}
