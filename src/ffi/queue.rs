//! Section 8 of the header: the queue.

use crate::base::handle::Handle;
use crate::base::status::{Argument, Error, lt_status};
use crate::ffi::{
    at, at_once, free, new_handle, report, report_count, report_of, report_value, value_or_default,
};
use crate::sync::queue::Queue;
use core::ffi::c_void;

/// A queue passes pointers between threads, first in first out. It never looks behind them; NULL
/// is an item like any other. Any number of threads may put and get. A put happens before the get
/// of its item.
pub struct lt_queue {
    _opaque: [u8; 0],
}

/// A new queue for at most `capacity` items, 0 for any number; NULL when out of memory. Up to 16,384
/// items, the first one brings the memory for all: after that, no put is LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn lt_queue_new(capacity: usize) -> *mut lt_queue {
    new_handle(&"lt_queue_new", Handle::<Queue>::new(capacity))
}

/// What is called for an item that is discarded.
pub type lt_drop_fn = Option<unsafe extern "C-unwind" fn(item: *mut c_void)>;

/// Closes a queue, discards the items in it, and frees it. LT_BUSY, and nothing is done, while a
/// thread waits for it. NULL is LT_OK.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_queue_free(queue: *mut lt_queue) -> lt_status {
    // SAFETY: a handle, as the header asks; so everywhere in this file. Nothing here has a destructor.
    unsafe { free(&"lt_queue_free", queue, |queue: Handle<Queue>| queue.free()) }
}

/// Puts an item in; blocks while the queue is full. Not put if it returns LT_CLOSED,
/// LT_INTERRUPTED or LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_put(queue: *mut lt_queue, item: *mut c_void) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            queue,
            |queue: Handle<Queue>| queue.put_at_once(item),
            |queue| report(&"lt_queue_put", queue.and_then(|queue| queue.put(item))),
        )
    }
}

/// Puts an item in if there is room, else returns LT_FULL: also while another thread is still making
/// that room. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_try_put(queue: *mut lt_queue, item: *mut c_void) -> lt_status {
    // SAFETY: see above.
    unsafe {
        at_once(
            queue,
            |queue: Handle<Queue>| queue.put_at_once(item),
            |queue| report(&"lt_queue_try_put", queue.and_then(|queue| queue.try_put(item))),
        )
    }
}

/// Puts an item in; blocks for at most this many seconds. LT_TIMED_OUT or LT_INTERRUPTED: not put.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_put_timeout(
    queue: *mut lt_queue,
    item: *mut c_void,
    seconds: f64,
) -> lt_status {
    // SAFETY: see above.
    let result = unsafe { at::<Queue>(queue) }.and_then(|queue| queue.put_timeout(item, seconds));
    report_of(queue, &"lt_queue_put_timeout", result)
}

/// Takes the oldest item out; blocks while the queue is empty. LT_CLOSED once it is closed and
/// empty. LT_INVALID if `item` is NULL: the item would be lost.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_get(queue: *mut lt_queue, item: *mut *mut c_void) -> lt_status {
    // SAFETY: see above; `item` is NULL or valid to write to, as the header asks.
    unsafe {
        at_once(
            queue,
            |queue| get_at_once(queue, item),
            |_| report_value(&"lt_queue_get", for_item(queue, item).and_then(Handle::<Queue>::get), item),
        )
    }
}

/// Takes the oldest item out if there is one, else returns LT_EMPTY, or LT_CLOSED. An item that another
/// thread is still putting is not there, nor are those behind it. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_try_get(queue: *mut lt_queue, item: *mut *mut c_void) -> lt_status {
    // SAFETY: see lt_queue_get.
    unsafe {
        at_once(
            queue,
            |queue| get_at_once(queue, item),
            |_| {
                let got = for_item(queue, item).and_then(Handle::<Queue>::try_get);
                report_value(&"lt_queue_try_get", got, item)
            },
        )
    }
}

/// Takes the oldest item out; blocks for at most this many seconds. LT_TIMED_OUT or
/// LT_INTERRUPTED: nothing was taken.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_get_timeout(
    queue: *mut lt_queue,
    seconds: f64,
    item: *mut *mut c_void,
) -> lt_status {
    // SAFETY: see lt_queue_get.
    unsafe {
        let got = for_item(queue, item).and_then(|queue| queue.get_timeout(seconds));
        report_value(&"lt_queue_get_timeout", got, item)
    }
}

/// Puts n items in, in their order; blocks while the queue is full, for at most this many seconds.
/// LT_OK only if all were put; `done` is how many were, also with LT_TIMED_OUT, LT_INTERRUPTED,
/// LT_CLOSED and LT_NO_MEMORY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_put_many(
    queue: *mut lt_queue,
    items: *const *mut c_void,
    n: usize,
    seconds: f64,
    done: *mut usize,
) -> lt_status {
    // SAFETY: see above; there are n items, and `done` is NULL or valid to write to, as the header asks.
    let put = unsafe {
        for_items(queue, items, n).and_then(|queue| {
            let items = if n == 0 { &[] } else { core::slice::from_raw_parts(items, n) };
            queue.put_many(items, seconds)
        })
    };
    // SAFETY: as above.
    unsafe { report_count(&"lt_queue_put_many", put, done) }
}

/// Waits for an item, for at most this many seconds, and takes out as many as there are, up to n.
/// `done` is how many; 0 with LT_TIMED_OUT, LT_INTERRUPTED and LT_CLOSED.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_get_many(
    queue: *mut lt_queue,
    items: *mut *mut c_void,
    n: usize,
    seconds: f64,
    done: *mut usize,
) -> lt_status {
    // SAFETY: see above; there is room for n items, and `done` is NULL or valid to write to, as the
    // header asks.
    unsafe {
        let got = for_items(queue, items, n).and_then(|queue| queue.get_many(items, n, seconds));
        report_count(&"lt_queue_get_many", got, done)
    }
}

/// Closes the queue: puts return LT_CLOSED from now on, and so do gets once the items that are in
/// it are taken; with `immediate`, those are discarded, and gets return it at once. Wakes all who
/// wait. An item that is discarded counts as done.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lt_queue_close(queue: *mut lt_queue, immediate: bool) -> lt_status {
    // SAFETY: see above; nothing here has a destructor.
    let closed = unsafe { at::<Queue>(queue).and_then(|queue| queue.close(immediate)) };
    report_of(queue, &"lt_queue_close", closed)
}

/// Sets the function that is called for each item that an immediate close or the free discards, on
/// the thread that does so; NULL for none. If it raises, the error goes on up that thread, and the
/// rest stays in the queue.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_set_drop(queue: *mut lt_queue, drop: lt_drop_fn) -> lt_status {
    // SAFETY: see above.
    report_of(
        queue,
        &"lt_queue_set_drop",
        unsafe { at::<Queue>(queue) }.and_then(|queue| queue.set_drop(drop)),
    )
}

/// Says that an item that was taken out is done with, for lt_queue_join(). LT_INVALID, and nothing
/// is counted, if all that were put are so already.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_task_done(queue: *mut lt_queue) -> lt_status {
    // SAFETY: see above.
    report_of(
        queue,
        &"lt_queue_task_done",
        unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::task_done),
    )
}

/// Blocks until all items that were put are done with. Each lt_queue_task_done() happens before its
/// return. LT_INTERRUPTED: not so yet.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_join(queue: *mut lt_queue) -> lt_status {
    // SAFETY: see above.
    report_of(queue, &"lt_queue_join", unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::join))
}

/// Whether all items that were put are done with: LT_OK, or LT_BUSY. Never blocks.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_try_join(queue: *mut lt_queue) -> lt_status {
    // SAFETY: see above.
    report_of(queue, &"lt_queue_try_join", unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::try_join))
}

/// The same as lt_queue_join(); blocks for at most this many seconds.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_join_timeout(queue: *mut lt_queue, seconds: f64) -> lt_status {
    // SAFETY: see above.
    let joined = unsafe { at::<Queue>(queue) }.and_then(|queue| queue.join_timeout(seconds));
    report_of(queue, &"lt_queue_join_timeout", joined)
}

/// How many items are in the queue at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_size(queue: *const lt_queue) -> usize {
    // SAFETY: see above.
    value_or_default(&"lt_queue_size", unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::size))
}

/// How many items the queue can hold; 0 for any number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_capacity(queue: *const lt_queue) -> usize {
    // SAFETY: see above.
    value_or_default(&"lt_queue_capacity", unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::capacity))
}

/// Whether the queue is empty at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_is_empty(queue: *const lt_queue) -> bool {
    // SAFETY: see above.
    let size = unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::size);
    value_or_default(&"lt_queue_is_empty", size.map(|size| size == 0))
}

/// Whether the queue is full at this moment; one without a bound never is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_is_full(queue: *const lt_queue) -> bool {
    // SAFETY: see above.
    value_or_default(&"lt_queue_is_full", unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::is_full))
}

/// Whether the queue was closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lt_queue_is_closed(queue: *const lt_queue) -> bool {
    // SAFETY: see above.
    value_or_default(
        &"lt_queue_is_closed",
        unsafe { at::<Queue>(queue) }.and_then(Handle::<Queue>::is_closed),
    )
}

/// Takes an item if nothing stands in the way.
///
/// # Safety
/// `item` is NULL or valid to write to.
#[inline(always)]
unsafe fn get_at_once(queue: Handle<Queue>, item: *mut *mut c_void) -> bool {
    if item.is_null() {
        return false;
    }
    match queue.get_at_once() {
        Some(got) => {
            // SAFETY: as the caller vouches.
            unsafe { item.write(got) };
            true
        }
        None => false,
    }
}

/// The queue, if it is one and there is a place for the item.
///
/// # Safety
/// As for [`at`].
unsafe fn for_item(queue: *mut lt_queue, item: *mut *mut c_void) -> Result<Handle<Queue>, Error> {
    // SAFETY: passed on.
    let queue = unsafe { at::<Queue>(queue) }?;
    queue.check()?;
    if item.is_null() { Err(Error::NullArgument(Argument::Item)) } else { Ok(queue) }
}

/// The queue, if it is one and there are the items, or places for them.
///
/// # Safety
/// As for [`at`].
unsafe fn for_items(
    queue: *mut lt_queue,
    items: *const *mut c_void,
    n: usize,
) -> Result<Handle<Queue>, Error> {
    // SAFETY: passed on.
    let queue = unsafe { at::<Queue>(queue) }?;
    queue.check()?;
    if items.is_null() && n > 0 { Err(Error::NullArgument(Argument::Items)) } else { Ok(queue) }
}
