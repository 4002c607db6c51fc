//! Tasks without a future: each is run once or cancelled, one that waits keeps no other from being begun, and what
//! workers are through with is counted when it is.

use super::{check, check_at_most, end, threads, throw};
use core::ffi::c_void;
use core::ptr::{self, from_ref};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::exec::pool::Pool;
use lowthread::thread::excepthook;
use lowthread::thread::report::lt_error_info;

/// More than a bunch has room for.
const TASKS: usize = 4;

#[derive(Default)]
struct Work {
    ran: AtomicU32,
    over: AtomicU32,
    dropped: AtomicU32,
}

impl Work {
    fn argument(&self) -> *mut c_void {
        from_ref(self).cast_mut().cast()
    }

    /// # Safety
    /// From `argument`, and it is still there.
    unsafe fn of<'a>(argument: *mut c_void) -> &'a Work {
        // SAFETY: as the caller vouches.
        unsafe { &*argument.cast() }
    }
}

unsafe extern "C-unwind" fn run(work: *mut c_void) -> *mut c_void {
    // SAFETY: the models pass it, and stay until all is over.
    let work = unsafe { Work::of(work) };
    work.ran.fetch_add(1, SeqCst);
    model::point();
    work.over.fetch_add(1, SeqCst);
    ptr::null_mut()
}

/// Comes back once a second one was begun.
unsafe extern "C-unwind" fn meet(work: *mut c_void) -> *mut c_void {
    // SAFETY: as in `run`.
    let work = unsafe { Work::of(work) };
    work.ran.fetch_add(1, SeqCst);
    while work.ran.load(SeqCst) % 2 == 1 {
        model::yield_now();
    }
    work.over.fetch_add(1, SeqCst);
    ptr::null_mut()
}

unsafe extern "C-unwind" fn fail(work: *mut c_void) -> *mut c_void {
    // SAFETY: as in `run`.
    let work = unsafe { Work::of(work) };
    work.ran.fetch_add(1, SeqCst);
    work.over.fetch_add(1, SeqCst);
    throw();
    ptr::null_mut()
}

unsafe extern "C-unwind" fn dropped(work: *mut c_void) {
    // SAFETY: as in `run`.
    unsafe { Work::of(work) }.dropped.fetch_add(1, SeqCst);
}

/// A pool that two threads serve until `f` has returned and all is done, and what each of them does once.
fn served(work: &Work, f: impl Fn(Handle<Pool>), meanwhile: impl Fn(Handle<Pool>) + Send + Sync) {
    let pool = Handle::<Pool>::new(1, None).unwrap();
    pool.set_drop(Some(dropped)).unwrap();
    pool.expect(0).unwrap();
    let done = AtomicU32::new(0);
    let (done, meanwhile) = (&done, &meanwhile);
    threads(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                meanwhile(pool);
                loop {
                    // Looked at first: what was submitted before it is found by the visit.
                    let done = done.load(SeqCst) != 0;
                    if pool.visit_first().unwrap() == 0 && done {
                        break;
                    }
                    model::yield_now();
                }
            });
        }
        f(pool);
        done.store(1, SeqCst);
    });
    let stats = pool.stats().unwrap();
    assert_eq!((stats.queued, stats.completed), (0, work.over.load(SeqCst).into()));
    assert_eq!(work.ran.load(SeqCst), work.over.load(SeqCst));
    // SAFETY: no user's code is under this.
    end(|| unsafe { pool.free() });
}

#[test]
fn all_tasks_are_run_once_and_counted_when_they_are_over() {
    check(|| {
        let work = Work::default();
        let (submitted, over) = (&AtomicU32::new(0), &work.over);
        served(
            &work,
            |pool| {
                for _ in 0..TASKS {
                    submitted.fetch_add(1, SeqCst);
                    pool.submit_forgotten(run, work.argument()).unwrap();
                }
            },
            |pool| {
                let completed = pool.stats().unwrap().completed;
                assert!(completed <= over.load(SeqCst).into(), "counted too early");
                let over = over.load(SeqCst) as usize;
                let queued = pool.stats().unwrap().queued;
                assert!(queued + over <= submitted.load(SeqCst) as usize, "queued, and over");
            },
        );
        assert_eq!(work.over.into_inner() as usize, TASKS);
    });
}

#[test]
fn tasks_that_meet_are_begun_both() {
    check(|| {
        let work = Work::default();
        served(
            &work,
            |pool| {
                pool.submit_forgotten(meet, work.argument()).unwrap();
                pool.submit_forgotten(meet, work.argument()).unwrap();
            },
            |_| (),
        );
        assert_eq!(work.over.into_inner(), 2);
    });
}

/// A pool whose two workers sleep, look and are called as they do, until `f` has returned and all is done.
fn worked(f: impl Fn(Handle<Pool>)) {
    let pool = Handle::<Pool>::new(0, None).unwrap();
    pool.expect(2).unwrap();
    threads(|scope| {
        for _ in 0..2 {
            scope.spawn(|| pool.serve().unwrap());
        }
        f(pool);
        // SAFETY: no user's code is under this.
        unsafe { pool.shutdown(false, false) }.unwrap();
    });
    // SAFETY: as above.
    end(|| unsafe { pool.free() });
}

/// Two tasks that meet, after one whose worker then looks for the next.
fn met(submit: fn(Handle<Pool>, &Work)) {
    let (work, first) = (Work::default(), Work::default());
    worked(|pool| {
        pool.submit_forgotten(run, first.argument()).unwrap();
        while first.over.load(SeqCst) == 0 {
            model::yield_now();
        }
        submit(pool, &work);
        while work.over.load(SeqCst) < 2 {
            model::yield_now();
        }
    });
}

#[test]
fn of_tasks_that_meet_none_waits_beside_a_worker_that_looks_or_sleeps() {
    check(|| {
        met(|pool, work| {
            pool.submit_forgotten(meet, work.argument()).unwrap();
            pool.submit_forgotten(meet, work.argument()).unwrap();
        });
    });
}

#[test]
fn nor_does_one_with_a_future() {
    check(|| {
        met(|pool, work| {
            pool.submit_forgotten(meet, work.argument()).unwrap();
            let future = pool.submit(meet, work.argument()).unwrap();
            end(|| future.free());
        });
    });
}

#[test]
fn what_is_cancelled_is_dropped_and_not_run() {
    check(|| {
        let work = Work::default();
        let (submitted, shut) = (&AtomicU32::new(0), &AtomicU32::new(0));
        served(
            &work,
            |pool| {
                for _ in 0..TASKS {
                    let taken = pool.submit_forgotten(run, work.argument());
                    submitted.fetch_add(taken.is_ok().into(), SeqCst);
                }
            },
            |pool| {
                if shut.fetch_add(1, SeqCst) == 0 {
                    // SAFETY: no user's code is under this.
                    unsafe { pool.shutdown(false, true) }.unwrap();
                }
            },
        );
        assert_eq!(work.over.into_inner() + work.dropped.into_inner(), submitted.load(SeqCst));
    });
}

#[test]
fn who_frees_the_pool_beside_who_cancels_keeps_no_task_from_being_dropped() {
    check(|| {
        let work = Work::default();
        let pool = Handle::<Pool>::new(1, None).unwrap();
        pool.set_drop(Some(dropped)).unwrap();
        for _ in 0..TASKS {
            pool.submit_forgotten(run, work.argument()).unwrap();
        }
        threads(|scope| {
            scope.spawn(|| {
                // SAFETY: no user's code is under this. An error if it was freed before.
                unsafe { pool.shutdown(false, true) }.is_ok()
            });
            // SAFETY: as above.
            end(|| unsafe { pool.free() });
            // What has its place by then knows nothing of the drop function.
            let next = Handle::<Pool>::new(1, None).unwrap();
            // SAFETY: as above.
            end(|| unsafe { next.free() });
        });
        assert_eq!(work.dropped.into_inner() as usize, TASKS);
    });
}

unsafe extern "C-unwind" fn hear(_: *const lt_error_info, told: *mut c_void) {
    // SAFETY: set below, with this argument.
    unsafe { &*told.cast::<AtomicU32>() }.fetch_add(1, SeqCst);
}

#[test]
fn one_that_fails_keeps_no_other_from_being_run() {
    // A trace is made each time.
    check_at_most(1000, || {
        let (work, told) = (Work::default(), AtomicU32::new(0));
        excepthook::set(Some(hear), from_ref(&told).cast_mut().cast()).unwrap();
        served(
            &work,
            |pool| {
                pool.submit_forgotten(fail, work.argument()).unwrap();
                pool.submit_forgotten(run, work.argument()).unwrap();
            },
            |_| (),
        );
        excepthook::set(None, ptr::null_mut()).unwrap();
        assert_eq!((work.over.into_inner(), told.into_inner()), (2, 1));
    });
}
