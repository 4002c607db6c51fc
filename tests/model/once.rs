//! Once: one call that returns, and nobody goes on before it has.

use super::{Target, check, threads, throw, throws};
use core::ffi::c_void;
use core::ptr;
use lowthread::base::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::sync::once::call_once;

#[derive(Default)]
struct Call {
    flag: AtomicU64,
    begun: AtomicU32,
    ended: AtomicU32,
    /// How many of the calls throw.
    bad: u32,
}

unsafe extern "C-unwind" fn function(call: *mut c_void) {
    // SAFETY: `Call::once` passes one.
    let call = unsafe { &*call.cast::<Call>() };
    let before = call.begun.fetch_add(1, SeqCst);
    model::point();
    if before < call.bad {
        throw();
    }
    assert_eq!(call.ended.fetch_add(1, SeqCst), 0, "called twice");
}

impl Call {
    fn once(&self) -> Result<(), Error> {
        // SAFETY: the function takes this argument.
        unsafe { call_once(&self.flag, function, ptr::from_ref(self).cast_mut().cast()) }
    }

    fn once_surely(&self) {
        self.once().unwrap();
        assert_eq!(self.ended.load(SeqCst), 1, "went on before the end");
    }
}

#[test]
fn of_many_calls_one_calls_and_the_others_wait() {
    check(|| {
        let call = Call::default();
        threads(|scope| {
            for _ in 0..3 {
                scope.spawn(|| call.once_surely());
            }
            call.once_surely();
        });
        assert_eq!(call.begun.into_inner(), 1);
    });
}

#[test]
fn a_call_that_throws_is_repeated_by_another() {
    check(|| {
        let call = Call { bad: 2, ..Call::default() };
        let thrown = AtomicU32::new(0);
        threads(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    if throws(|| call.once_surely()) {
                        thrown.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!((thrown.into_inner(), call.begun.into_inner(), call.ended.into_inner()), (2, 3, 1));
    });
}

#[test]
fn an_interrupt_ends_the_wait_and_no_more() {
    check(|| {
        let (call, target) = (Call::default(), Target::default());
        threads(|scope| {
            scope.spawn(|| call.once_surely());
            scope.spawn(|| {
                target.enter();
                assert!(matches!(call.once(), Ok(()) | Err(Error::Interrupted)));
            });
            scope.spawn(|| target.interrupt());
            call.once_surely();
        });
        assert_eq!(call.begun.into_inner(), 1);
    });
}
