//! The done callbacks of a future: each is called once when it is over, one after the other in the order in
//! which they were added.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | nobody owes | the list is empty | an add: who ends the future owes, or if it is over, the adder |
//! | owed | somebody is calling those in the list, or will be | an add: one more; the list is empty: nobody owes |
//!
//! So an add after the end runs at once only where no earlier one is still to be called, or being called.

use crate::base::heap::boxed;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::unwind;
use crate::thread::excepthook;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// A callback of the user's, given the future's handle and its own argument.
pub type Callback = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void);

/// A callback in the list, boxed: memory is taken before the lock of the list, and given back after it.
#[derive(Debug)]
pub struct Listed {
    callback: Callback,
    argument: *mut c_void,
    next: Cell<*mut Listed>,
}

impl Listed {
    /// Without a destructor: who adds it may then be the one that calls it.
    pub fn new(callback: Callback, argument: *mut c_void) -> Result<*mut Listed, Error> {
        boxed(Listed { callback, argument, next: Cell::new(ptr::null_mut()) }).map(Box::into_raw)
    }

    /// Takes a callback that was taken out of the list.
    ///
    /// # Safety
    /// It was, or it was never added, and nobody else has it.
    pub unsafe fn call_on(listed: *mut Listed, future: *mut c_void) -> Call {
        // SAFETY: as the caller vouches.
        let listed = unsafe { Box::from_raw(listed) };
        Call { callback: listed.callback, future, argument: listed.argument }
    }
}

/// The list, under the lock of the future.
#[derive(Debug)]
pub struct Callbacks {
    first: *mut Listed,
    last: *mut Listed,
    owed: bool,
    /// What a fork has left behind in the child: a fork frees no memory.
    left_behind: *mut Listed,
}

impl Callbacks {
    pub const fn none() -> Callbacks {
        let none = ptr::null_mut();
        Callbacks { first: none, last: none, owed: false, left_behind: none }
    }

    /// Puts one at the end.
    ///
    /// # Safety
    /// From `Listed::new`, and in no list yet.
    pub unsafe fn add(&mut self, listed: *mut Listed) {
        // SAFETY: what is in the list is boxed, and nobody else's.
        match unsafe { self.last.as_ref() } {
            Some(last) => last.next.set(listed),
            None => self.first = listed,
        }
        self.last = listed;
    }

    /// Somebody is to call those in the list, and those that are added until it is empty. False if somebody
    /// owes that already.
    pub fn owe(&mut self) -> bool {
        !core::mem::replace(&mut self.owed, true)
    }

    /// Takes out the next one to be called. When there is none, nobody owes anything any more.
    pub fn take_next(&mut self) -> Option<*mut Listed> {
        let first = self.first;
        // SAFETY: as in `add`.
        let Some(next) = (unsafe { first.as_ref() }) else {
            self.owed = false;
            return None;
        };
        self.first = next.next.replace(ptr::null_mut());
        if self.first.is_null() {
            self.last = ptr::null_mut();
        }
        Some(first)
    }

    /// In a forked child: those that are here are the parent's.
    pub fn abandon(&mut self) {
        // SAFETY: as in `add`.
        if let Some(last) = unsafe { self.last.as_ref() } {
            last.next.set(self.left_behind);
            self.left_behind = self.first;
        }
        self.first = ptr::null_mut();
        self.last = ptr::null_mut();
        self.owed = false;
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        for mut next in [self.first, self.left_behind] {
            while !next.is_null() {
                // SAFETY: as in `add`.
                next = unsafe { Box::from_raw(next) }.next.get();
            }
        }
    }
}

/// One call of a callback.
pub struct Call {
    callback: Callback,
    future: *mut c_void,
    argument: *mut c_void,
}

impl Call {
    /// Calls it; an error is told to the hook.
    ///
    /// # Safety
    /// The argument is a call. Nothing in the frames between here and the user's has a destructor.
    pub unsafe extern "C-unwind" fn run(call: *mut c_void) {
        // SAFETY: the callback is the user's; nothing here has a destructor.
        let caught = unsafe { unwind::call(Call::call, call) };
        if let (Some(caught), Some(record)) = (caught, this_thread::current()) {
            // Not as an error of this thread, which may be anybody's: it goes on.
            // SAFETY: caught here.
            excepthook::tell(unsafe { excepthook::report(record, caught) });
        }
    }

    unsafe extern "C-unwind" fn call(call: *mut c_void) {
        // SAFETY: `run` passes a call, and the callback is the user's.
        unsafe {
            let call = &*call.cast::<Call>();
            (call.callback)(call.future, call.argument);
        }
    }
}
