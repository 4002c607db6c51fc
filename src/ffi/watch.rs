//! Section 12 of the header: event loops that wait for what a select could.

use crate::base::errno::Errno;
use crate::base::handle::Handle;
use crate::base::status::{Argument, Error, lt_status};
use crate::exec::case::Case;
use crate::exec::watcher::{self, Watch};
use crate::ffi::select::case_of;
use crate::ffi::{free, report_value};
use core::ffi::{c_int, c_void};
use core::ptr;

/// A watch tells an event loop (epoll, libuv, GLib, asyncio, Win32) that something can be done: the case
/// of a select with this `op`. It takes nothing: the loop then asks with the try form. The object may be
/// freed: the watch is dead then, and still to be freed. A forked child has none that works.
pub struct lt_watcher {
    _opaque: [u8; 0],
}

/// What a watch calls.
pub type lt_ready_fn = Option<unsafe extern "C-unwind" fn(arg: *mut c_void)>;

/// Calls ready(arg) when the case becomes possible, and at once if it is; several times may merge into one.
/// One thread of the library's calls for all watches. One that raises is told to the excepthook, and the
/// watch goes on. With a NULL `watcher` it stays. LT_BAD_HANDLE, LT_INVALID, LT_NO_MEMORY, LT_NO_THREAD.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_watch(
    handle: *const c_void,
    op: i32,
    ready: lt_ready_fn,
    arg: *mut c_void,
    watcher: *mut *mut lt_watcher,
) -> lt_status {
    let _errno = Errno::keep();
    // SAFETY: a handle, as the header asks.
    let watched = unsafe { watchable(handle, op) }.and_then(|case| {
        let ready = ready.ok_or(Error::NullArgument(Argument::Ready))?;
        watcher::watch(case, ready, arg).map(|watch| watch.into_raw().cast())
    });
    // SAFETY: `watcher` is NULL or valid to write to, as the header asks.
    unsafe { report_value(&"lt_watch", watched, watcher) }
}

/// Gives a descriptor that is readable while the case may be possible, for poll() and its like, level- or
/// edge-triggered. It is never to be read, nor closed: the free of the watch does that. Who makes the case
/// possible writes it; a try form, or a wait, that finds it not so quiets it. LT_BAD_HANDLE, LT_INVALID,
/// LT_NO_MEMORY (also if there is no descriptor to be had: lt_last_errno()), LT_UNSUPPORTED on Windows.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_watch_fd(
    handle: *const c_void,
    op: i32,
    fd: *mut c_int,
    watcher: *mut *mut lt_watcher,
) -> lt_status {
    // SAFETY: a handle, as the header asks.
    let watched = unsafe { watchable(handle, op) }.and_then(watcher::watch_fd);
    let written = watched.map(|(watch, descriptor)| {
        if !fd.is_null() {
            // SAFETY: valid to write to, as the header asks.
            unsafe { fd.write(descriptor) };
        }
        watch.into_raw().cast()
    });
    // SAFETY: as in `lt_watch`.
    unsafe { report_value(&"lt_watch_fd", written, watcher) }
}

/// Frees the watch, and closes its descriptor: when it returns, `ready` neither runs nor will. It blocks
/// while `ready` runs, without being interrupted; called from that, it does not. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_watch_free(watcher: *mut lt_watcher) -> lt_status {
    // SAFETY: a handle, as the header asks.
    unsafe { free(&"lt_watch_free", watcher, Handle::<Watch>::free) }
}

/// # Safety
/// The handle is one, or a value that is refused as none.
unsafe fn watchable(handle: *const c_void, op: i32) -> Result<Case, Error> {
    // SAFETY: as the caller vouches.
    let case = unsafe { case_of(op, handle, ptr::null_mut()) }?;
    case.check_handle()?;
    Ok(case)
}
