//! Maps: each item is begun at most once, in its order, and who maps hears of all that was begun.

use super::{Target, check, check_at_most, end, threads, throw};
use core::ffi::c_void;
use core::ptr::{self, from_ref, without_provenance_mut};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::exec::pool::Pool;
use lowthread::thread::excepthook;
use lowthread::thread::report::lt_error_info;

const ITEMS: usize = 3;
const FOREVER: f64 = -1.0;
const SOON: f64 = 1e-3;

/// One map: what became of each item.
#[derive(Default)]
struct Map {
    items: [Item; ITEMS],
    /// How many were begun, and whether one throws.
    begun: AtomicU32,
    over: AtomicU32,
    bad: bool,
}

#[derive(Default)]
struct Item {
    map: usize,
    place: u32,
    ran: AtomicU32,
}

unsafe extern "C-unwind" fn task(item: *mut c_void) -> *mut c_void {
    // SAFETY: `Map::run` passes them, and stays until all that were begun are over.
    let (item, map) = unsafe {
        let item = &*item.cast::<Item>();
        (item, &*ptr::with_exposed_provenance::<Map>(item.map))
    };
    assert_eq!(item.ran.fetch_add(1, SeqCst), 0, "run twice");
    map.begun.fetch_add(1, SeqCst);
    model::point();
    map.over.fetch_add(1, SeqCst);
    if map.bad && item.place == 1 {
        throw();
    }
    without_provenance_mut(item.place as usize + 1)
}

impl Map {
    /// Maps, while visitors come; what came of it, and the results.
    fn run(&mut self, pool: Handle<Pool>, seconds: f64) -> (Result<(), Error>, [usize; ITEMS]) {
        let this = from_ref(self).expose_provenance();
        for (place, item) in (0..).zip(&mut self.items) {
            (item.map, item.place) = (this, place);
        }
        let arguments = self.items.each_ref().map(|item| from_ref(item).cast_mut().cast());
        let mut results = [without_provenance_mut(99); ITEMS];
        // SAFETY: as many arguments and results as it says.
        let met = unsafe { pool.map(task, arguments.as_ptr(), ITEMS, results.as_mut_ptr(), seconds) };
        (met, results.map(|result| result.addr()))
    }

    fn ran(&self) -> [bool; ITEMS] {
        self.items.each_ref().map(|item| item.ran.load(SeqCst) == 1)
    }
}

/// A pool that two threads serve until `f` has returned, and what each of them does once.
fn served(pool: Handle<Pool>, f: impl FnOnce(), meanwhile: impl Fn() + Send + Sync) {
    let done = AtomicU32::new(0);
    let (done, meanwhile) = (&done, &meanwhile);
    threads(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                meanwhile();
                while pool.visit_first().unwrap() > 0 || done.load(SeqCst) == 0 {
                    model::yield_now();
                }
            });
        }
        f();
        done.store(1, SeqCst);
    });
}

fn new_pool() -> Handle<Pool> {
    Handle::<Pool>::new(1, None).unwrap()
}

fn end_pool(pool: Handle<Pool>) {
    // SAFETY: no user's code is under this.
    end(|| unsafe { pool.free() });
}

#[test]
fn all_items_are_run_once() {
    check(|| {
        let (pool, mut map) = (new_pool(), Map::default());
        served(
            pool,
            || {
                let (met, results) = map.run(pool, FOREVER);
                assert_eq!((met, results), (Ok(()), [1, 2, 3]));
                assert_eq!(map.over.load(SeqCst), ITEMS as u32);
            },
            || (),
        );
        end_pool(pool);
    });
}

unsafe extern "C-unwind" fn hear(_: *const lt_error_info, told: *mut c_void) {
    // SAFETY: set below, with this argument.
    unsafe { &*told.cast::<AtomicU32>() }.fetch_add(1, SeqCst);
}

#[test]
fn a_failure_is_told_once_and_ends_the_map() {
    // A trace is made each time.
    check_at_most(1000, || {
        let (pool, mut map) = (new_pool(), Map { bad: true, ..Map::default() });
        let told = AtomicU32::new(0);
        excepthook::set(Some(hear), from_ref(&told).cast_mut().cast()).unwrap();
        served(
            pool,
            || {
                let (met, results) = map.run(pool, FOREVER);
                assert_eq!((met, results[1]), (Err(Error::Failed), 0));
            },
            || (),
        );
        assert_eq!(map.begun.load(SeqCst), map.over.load(SeqCst));
        excepthook::set(None, ptr::null_mut()).unwrap();
        assert_eq!((told.into_inner(), &map.ran()[..2]), (1, &[true, true][..]));
        end_pool(pool);
    });
}

#[test]
fn what_is_cancelled_is_not_begun_and_the_rest_is_over() {
    check(|| {
        let (pool, mut map) = (new_pool(), Map::default());
        let shut = &AtomicU32::new(0);
        served(
            pool,
            || {
                let (met, results) = map.run(pool, FOREVER);
                let ran = map.ran();
                match met {
                    Ok(()) => assert_eq!(results, [1, 2, 3]),
                    // Without a worker, and shut before it was in line.
                    Err(Error::Closed) => assert_eq!((ran, results), ([false; ITEMS], [0; ITEMS])),
                    met => {
                        assert_eq!(met, Err(Error::Cancelled));
                        // In their order: those that ran come first.
                        assert!(ran.is_sorted_by(|earlier, later| earlier >= later), "{ran:?}");
                        assert_eq!(results, [0, 1, 2].map(|i| if ran[i] { i + 1 } else { 0 }));
                        assert_eq!(map.begun.load(SeqCst), map.over.load(SeqCst));
                    }
                }
            },
            || {
                if shut.fetch_add(1, SeqCst) == 0 {
                    // SAFETY: no user's code is under this.
                    unsafe { pool.shutdown(false, true) }.unwrap();
                }
            },
        );
        end_pool(pool);
    });
}

#[test]
fn who_gives_up_leaves_nothing_to_begin() {
    check(|| {
        let (pool, mut map, target) = (new_pool(), Map::default(), Target::default());
        let visitors = &AtomicU32::new(0);
        served(
            pool,
            || {
                target.enter();
                let (result, results) = map.run(pool, if model::chance(2) { SOON } else { FOREVER });
                match result {
                    Ok(()) => assert_eq!(results, [1, 2, 3]),
                    Err(error) => assert!(matches!(error, Error::TimedOut | Error::Interrupted)),
                }
            },
            || {
                if visitors.fetch_add(1, SeqCst) == 0 {
                    target.interrupt();
                }
            },
        );
        assert_eq!(map.begun.load(SeqCst), map.over.load(SeqCst));
        end_pool(pool);
    });
}
