//! Futures: a task is run once or cancelled, and all who wait for its end hear of it.

use super::{Target, check, end, threads, throw};
use core::ffi::c_void;
use core::ptr::{self, from_ref, without_provenance_mut};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::deadline::Timeout;
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::base::this_thread;
use lowthread::exec::future::{Future, Promise};
use lowthread::exec::pool::Pool;
use lowthread::exec::watch::{self, Mode};

const SOON: f64 = 1e-3;

/// What the task and its callbacks are given.
#[derive(Default)]
struct Work {
    ran: AtomicU32,
    called: AtomicU32,
    bad: bool,
}

unsafe extern "C-unwind" fn task(work: *mut c_void) -> *mut c_void {
    // SAFETY: `Work::promise` passes one.
    let work = unsafe { &*work.cast::<Work>() };
    model::point();
    assert_eq!(work.ran.fetch_add(1, SeqCst), 0, "run twice");
    if work.bad {
        throw();
    }
    without_provenance_mut(7)
}

unsafe extern "C-unwind" fn callback(future: *mut c_void, work: *mut c_void) {
    // SAFETY: `Work::listen` passes one; the future is the handle, which may be stale.
    let (future, work) = unsafe { (Handle::<Future>::from_raw(future), &*work.cast::<Work>()) };
    if let Ok(over) = future.and_then(|future| future.is_over()) {
        assert!(over, "called too early");
    }
    work.called.fetch_add(1, SeqCst);
}

/// The task's residence, sent to another thread as the pool does it.
struct Sent(Promise);

// SAFETY: as a pool's tasks are.
unsafe impl Send for Sent {}

impl Sent {
    fn run(self) -> bool {
        self.0.run()
    }

    fn cancel(self) {
        self.0.cancel();
    }
}

impl Work {
    fn promise(&self, pool: *mut c_void) -> (Handle<Future>, Sent) {
        let (future, promise) = Handle::<Future>::new(task, from_ref(self).cast_mut().cast(), pool).unwrap();
        (future, Sent(promise))
    }

    fn listen(&self, future: Handle<Future>) {
        // SAFETY: the callback takes this argument.
        unsafe { future.add_done_callback(callback, from_ref(self).cast_mut().cast()) }.unwrap();
    }
}

/// Whether the result is what the task returned; else it failed as `otherwise`.
fn returned(result: Result<*mut c_void, Error>, otherwise: Error) -> bool {
    match result {
        Ok(value) => {
            assert_eq!(value.addr(), 7);
            true
        }
        Err(error) => {
            assert_eq!(error, otherwise);
            false
        }
    }
}

#[test]
fn it_is_run_or_cancelled_and_all_hear_of_it() {
    check(|| {
        let work = Work::default();
        let (future, promise) = work.promise(ptr::null_mut());
        let cancelled = AtomicU32::new(0);
        let (heard, work) = (AtomicU32::new(0), &work);
        threads(|scope| {
            scope.spawn(|| {
                // A pool that ends does so too.
                if model::chance(4) {
                    promise.cancel();
                } else {
                    promise.run();
                }
            });
            if model::chance(2) {
                scope.spawn(|| match future.cancel() {
                    Ok(()) => cancelled.store(1, SeqCst),
                    result => assert_eq!(result, Err(Error::Busy)),
                });
            }
            for _ in 0..2 {
                scope.spawn(|| heard.fetch_add(returned(future.result(), Error::Cancelled).into(), SeqCst));
            }
            scope.spawn(|| work.listen(future));
            work.listen(future);
        });
        let ran = work.ran.load(SeqCst);
        assert_eq!(future.is_cancelled(), Ok(ran == 0));
        assert!(ran + cancelled.load(SeqCst) <= 1);
        assert_eq!((heard.into_inner(), work.called.load(SeqCst)), (2 * ran, 2));
        future.free().unwrap();
    });
}

#[test]
fn who_gives_up_keeps_nobody_from_hearing() {
    check(|| {
        let (work, target) = (Work::default(), Target::default());
        let (future, promise) = work.promise(ptr::null_mut());
        threads(|scope| {
            scope.spawn(|| returned(future.result_timeout(SOON), Error::TimedOut));
            scope.spawn(|| {
                target.enter();
                returned(future.result(), Error::Interrupted)
            });
            scope.spawn(|| target.interrupt());
            scope.spawn(|| assert!(returned(future.result(), Error::Busy)));
            assert!(promise.run());
        });
        future.free().unwrap();
    });
}

#[test]
fn who_sees_it_failed_finds_the_error() {
    check(|| {
        let work = Work { bad: true, ..Work::default() };
        let (future, promise) = work.promise(ptr::null_mut());
        let found = &AtomicU32::new(0);
        threads(|scope| {
            scope.spawn(|| assert!(promise.run()));
            let find = || {
                let report = future.take_report().unwrap();
                found.fetch_add(report.is_some().into(), SeqCst);
            };
            scope.spawn(move || {
                assert_eq!(future.result(), Err(Error::Failed));
                find();
            });
            if future.has_failed().unwrap() {
                find();
            }
        });
        assert_eq!(found.load(SeqCst), 1);
        future.free().unwrap();
    });
}

#[test]
fn a_free_that_races_leaves_the_task_its_place() {
    check(|| {
        let work = Work::default();
        let (future, promise) = work.promise(ptr::null_mut());
        work.listen(future);
        threads(|scope| {
            scope.spawn(|| assert!(promise.run()));
            scope.spawn(|| match future.result_timeout(SOON) {
                Ok(value) => assert_eq!(value.addr(), 7),
                result => assert!(matches!(result, Err(Error::TimedOut | Error::StaleHandle(_)))),
            });
            end(|| future.free());
            // The slot may be another's only after the end of the task.
            let others = [(); 2].map(|()| Work::default());
            for other in &others {
                let (future, promise) = other.promise(ptr::null_mut());
                assert_eq!(future.is_over(), Ok(false));
                assert!(promise.run());
                assert!(returned(future.try_result(), Error::Busy));
                end(|| future.free());
            }
        });
        assert_eq!((work.ran.into_inner(), work.called.into_inner()), (1, 1));
    });
}

/// Runs `f` as a worker of the pool would.
fn as_worker(pool: usize, f: impl FnOnce()) {
    let record = this_thread::current().unwrap();
    record.own().pool.set(ptr::with_exposed_provenance_mut(pool));
    f();
    record.own().pool.set(ptr::null_mut());
}

#[test]
fn a_worker_that_waits_helps_and_nobody_runs_it_twice() {
    check(|| {
        let pool = Handle::<Pool>::new(1, Some(c"model")).unwrap();
        let work = Work::default();
        let (future, promise) = work.promise(pool.into_raw());
        // The line keeps it from here on.
        pool.line_up(promise.0).unwrap();
        let pool_address = pool.into_raw().expose_provenance();
        let cancelled = AtomicU32::new(0);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    as_worker(pool_address, || _ = returned(future.result(), Error::Cancelled));
                });
            }
            // A worker, who would wait if there were nothing.
            scope.spawn(|| {
                if let Some(promise) = pool.take_first().unwrap() {
                    promise.run();
                }
            });
            if model::chance(4) && future.cancel().is_ok() {
                cancelled.store(1, SeqCst);
            }
        });
        assert_eq!(work.ran.into_inner() + cancelled.into_inner(), 1);
        future.free().unwrap();
        // SAFETY: no frame here is left but by returning.
        end(|| unsafe { pool.free() });
    });
}

/// The order in which callbacks were called.
#[derive(Default)]
struct Order {
    next: AtomicU32,
    busy: AtomicU32,
}

/// A callback with its number, which another one may be added by.
struct Numbered<'a> {
    order: &'a Order,
    number: u32,
    late: Option<&'a Numbered<'a>>,
}

unsafe extern "C-unwind" fn in_turn(future: *mut c_void, numbered: *mut c_void) {
    // SAFETY: `Numbered::listen` passes one; the future is the handle.
    let (future, numbered) = unsafe { (Handle::<Future>::from_raw(future), &*numbered.cast::<Numbered>()) };
    assert_eq!(numbered.order.busy.fetch_add(1, SeqCst), 0, "two at once");
    model::point();
    if let Some(late) = numbered.late {
        late.listen(future.unwrap());
    }
    assert_eq!(numbered.order.next.fetch_add(1, SeqCst), numbered.number, "out of turn");
    numbered.order.busy.fetch_sub(1, SeqCst);
}

impl Numbered<'_> {
    fn listen(&self, future: Handle<Future>) {
        // SAFETY: the callback takes this argument.
        unsafe { future.add_done_callback(in_turn, from_ref(self).cast_mut().cast()) }.unwrap();
    }
}

#[test]
fn each_callback_is_called_in_its_turn() {
    check(|| {
        let (work, order) = (Work::default(), Order::default());
        let (future, promise) = work.promise(ptr::null_mut());
        let number = |number| Numbered { order: &order, number, late: None };
        let fourth = number(3);
        let numbered = [number(0), number(1), Numbered { late: Some(&fourth), ..number(2) }];
        // One may wait for the end in the other way in which there is somebody who listens.
        threads(|scope| {
            if model::chance(2) {
                scope.spawn(|| watch::wait_many(&[future], Mode::All, Timeout::Forever).unwrap());
            }
            scope.spawn(|| promise.run());
            numbered.iter().for_each(|numbered| numbered.listen(future));
        });
        assert_eq!(order.next.load(SeqCst), 4);
        future.free().unwrap();
    });
}

#[test]
fn who_waits_for_many_goes_on_when_enough_are_over() {
    check(|| {
        let works = [Work { bad: model::chance(2), ..Work::default() }, Work::default()];
        let [(first, first_promise), (second, second_promise)] =
            [works.first(), works.last()].map(|work| work.unwrap().promise(ptr::null_mut()));
        let (futures, target) = ([first, second], Target::default());
        let failed = works.first().unwrap().bad;
        let wait = |otherwise: Error, timeout: Timeout| {
            let mode = [Mode::All, Mode::Any, Mode::FirstError][model::draw(3) as usize];
            let result = watch::wait_many(&futures, mode, timeout);
            let over = watch::count_over(&futures).unwrap();
            match result {
                Ok(()) if mode == Mode::Any => assert!(over > 0),
                Ok(()) if mode == Mode::FirstError && failed => assert_eq!(first.has_failed(), Ok(true)),
                Ok(()) => assert_eq!(over, 2),
                result => assert_eq!(result, Err(otherwise)),
            }
        };
        threads(|scope| {
            scope.spawn(|| wait(Error::Busy, Timeout::Forever));
            scope.spawn(|| wait(Error::TimedOut, Timeout::from_seconds(SOON).unwrap()));
            scope.spawn(|| {
                target.enter();
                wait(Error::Interrupted, Timeout::Forever);
            });
            scope.spawn(|| target.interrupt());
            scope.spawn(|| first_promise.run());
            if model::chance(2) {
                second_promise.run();
            } else {
                second.cancel().unwrap();
                second_promise.cancel();
            }
        });
        futures.iter().for_each(|future| future.free().unwrap());
    });
}
