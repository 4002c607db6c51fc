//! Thread pools, each with the future that a careful programmer would give it.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle, Thread};

use crossbeam_utils::Backoff;
use rayon::prelude::*;

type Function = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

struct Task {
    function: Function,
    argument: *mut c_void,
    future: Option<Arc<Future>>,
}

// SAFETY: the bench passes nothing that belongs to one thread.
unsafe impl Send for Task {}

impl Task {
    fn run(self) {
        let result = unsafe { (self.function)(self.argument) };
        if let Some(future) = self.future {
            future.finish(result);
        }
    }
}

// ---- A future, as small as one for a single waiter can be ----------------------------------------

const PENDING: u8 = 0;
const AWAITED: u8 = 1;
const DONE: u8 = 2;

struct Future {
    state: AtomicU8,
    /// Written before DONE, read after it.
    result: UnsafeCell<*mut c_void>,
    /// Written before AWAITED, read after it.
    waiter: UnsafeCell<Option<Thread>>,
}

// SAFETY: the state says who may touch the cells.
unsafe impl Send for Future {}
// SAFETY: the same.
unsafe impl Sync for Future {}

impl Future {
    fn new() -> Self {
        Future {
            state: AtomicU8::new(PENDING),
            result: UnsafeCell::new(std::ptr::null_mut()),
            waiter: UnsafeCell::new(None),
        }
    }

    fn finish(&self, result: *mut c_void) {
        unsafe { *self.result.get() = result };
        if self.state.swap(DONE, Ordering::AcqRel) == AWAITED {
            unsafe { (*self.waiter.get()).take() }.iter().for_each(Thread::unpark);
        }
    }

    fn wait(&self) -> *mut c_void {
        let done = || self.state.load(Ordering::Acquire) == DONE;
        let backoff = Backoff::new();
        while !done() && !backoff.is_completed() {
            backoff.snooze();
        }
        if !done() {
            unsafe { *self.waiter.get() = Some(thread::current()) };
            let order = (Ordering::AcqRel, Ordering::Acquire);
            if self.state.compare_exchange(PENDING, AWAITED, order.0, order.1).is_ok() {
                while !done() {
                    thread::park();
                }
            }
        }
        unsafe { *self.result.get() }
    }
}

// ---- Pools ---------------------------------------------------------------------------------------

trait Pool: Sized {
    fn new(workers: usize) -> Self;
    fn run(&self, task: Task);
    /// What was submitted is run before.
    fn end(self);
}

/// Workers that take tasks from one channel without a bound.
struct Crossbeam {
    sender: crossbeam_channel::Sender<Task>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool for Crossbeam {
    fn new(workers: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded::<Task>();
        let start = |_| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().for_each(Task::run))
        };
        Crossbeam { sender, workers: (0..workers).map(start).collect() }
    }
    fn run(&self, task: Task) {
        self.sender.send(task).expect("the workers are here");
    }
    fn end(self) {
        drop(self.sender);
        self.workers.into_iter().for_each(|worker| worker.join().expect("no task panics"));
    }
}

struct Rayon(rayon::ThreadPool);

impl Pool for Rayon {
    fn new(workers: usize) -> Self {
        Rayon(rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("threads can be started"))
    }
    fn run(&self, task: Task) {
        self.0.spawn(move || task.run());
    }
    fn end(self) {}
}

struct Threads(threadpool::ThreadPool);

impl Pool for Threads {
    fn new(workers: usize) -> Self {
        Threads(threadpool::ThreadPool::new(workers))
    }
    fn run(&self, task: Task) {
        self.0.execute(move || task.run());
    }
    fn end(self) {
        self.0.join();
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_future_result(future: *mut c_void) -> *mut c_void {
    unsafe { &*future.cast::<Future>() }.wait()
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_future_free(future: *mut c_void) {
    drop(unsafe { Arc::from_raw(future.cast::<Future>()) });
}

macro_rules! export {
    ($pool:ty: $new:ident $free:ident $execute:ident $submit:ident) => {
        #[unsafe(no_mangle)]
        pub extern "C" fn $new(workers: usize) -> *mut c_void {
            Box::into_raw(Box::new(<$pool as Pool>::new(workers))).cast()
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $free(pool: *mut c_void) {
            unsafe { Box::from_raw(pool.cast::<$pool>()) }.end();
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $execute(pool: *mut c_void, function: Function, argument: *mut c_void) {
            unsafe { &*pool.cast::<$pool>() }.run(Task { function, argument, future: None });
        }
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $submit(
            pool: *mut c_void,
            function: Function,
            argument: *mut c_void,
        ) -> *mut c_void {
            let future = Arc::new(Future::new());
            let ours = Arc::into_raw(future.clone());
            unsafe { &*pool.cast::<$pool>() }.run(Task { function, argument, future: Some(future) });
            ours.cast_mut().cast()
        }
    };
}

/// Two pointers into C's arrays, for the threads that share the work.
#[derive(Clone, Copy)]
struct Arrays {
    arguments: *const *mut c_void,
    results: *mut *mut c_void,
}

// SAFETY: the bench passes nothing that belongs to one thread.
unsafe impl Send for Arrays {}
// SAFETY: the same.
unsafe impl Sync for Arrays {}

impl Arrays {
    unsafe fn fill(&self, i: usize, function: Function) {
        unsafe { self.results.add(i).write(function(*self.arguments.add(i))) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_rayon_map(
    pool: *mut c_void,
    function: Function,
    arguments: *const *mut c_void,
    n: usize,
    results: *mut *mut c_void,
) {
    let arrays = Arrays { arguments, results };
    unsafe { &*pool.cast::<Rayon>() }
        .0
        .install(|| (0..n).into_par_iter().for_each(|i| unsafe { arrays.fill(i, function) }));
}

export!(Crossbeam: peer_crossbeam_pool_new peer_crossbeam_pool_free
    peer_crossbeam_pool_execute peer_crossbeam_pool_submit);
export!(Rayon: peer_rayon_new peer_rayon_free peer_rayon_execute peer_rayon_submit);
export!(Threads: peer_threadpool_new peer_threadpool_free peer_threadpool_execute peer_threadpool_submit);
