//! Watches with a descriptor: it is readable where something is possible, quiet where it was found not to be, and left
//! alone once the watch was freed. The descriptors are the system's, as no thread sleeps on them here.

use super::{check, end, threads};
use core::ffi::c_void;
use core::ptr::{from_ref, without_provenance_mut};
use lowthread::base::atomic::{AtomicU32, Ordering::SeqCst};
use lowthread::base::handle::Handle;
use lowthread::base::model;
use lowthread::base::status::Error;
use lowthread::exec::case::Case;
use lowthread::exec::watcher::{self, Watch, watch, watch_fd};
use lowthread::sync::event::Event;
use lowthread::sync::lock::Lock;
use lowthread::sync::queue::Queue;
use lowthread::sync::rwlock::{Access, RwLock};
use lowthread::sync::semaphore::Semaphore;

/// A watch, and how its descriptor is polled.
struct Loop {
    watch: Handle<Watch>,
    fd: i32,
    /// Of an epoll that tells edges alone; -1 if levels are polled.
    epoll: i32,
}

impl Loop {
    fn on(case: Case, edges: bool) -> Loop {
        let (watch, fd) = watch_fd(case).unwrap();
        // SAFETY: descriptors, and an event to be read.
        let epoll = if edges { unsafe { libc::epoll_create1(0) } } else { -1 };
        if edges {
            let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0 };
            // SAFETY: as above.
            assert_eq!(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) }, 0);
        }
        Loop { watch, fd, epoll }
    }

    fn is_readable(&self) -> bool {
        is_readable(self.fd)
    }

    /// Waits for the descriptor. One that nobody writes any more has the model run for ever, and fail.
    fn poll(&self) {
        loop {
            let mut event = libc::epoll_event { events: 0, u64: 0 };
            // SAFETY: room for one event.
            let fires = match self.epoll {
                -1 => self.is_readable(),
                // SAFETY: an epoll's, and room for one event.
                epoll => unsafe { libc::epoll_wait(epoll, &raw mut event, 1, 0) == 1 },
            };
            if fires {
                return;
            }
            model::yield_now();
        }
    }

    fn end(self) {
        self.watch.free().unwrap();
        assert_eq!(self.watch.free(), Err(Error::StaleHandle(lowthread::base::handle::Kind::Watcher)));
        if self.epoll != -1 {
            // SAFETY: its own.
            unsafe { libc::close(self.epoll) };
        }
    }
}

fn is_readable(fd: i32) -> bool {
    let mut one = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor.
    let n = unsafe { libc::poll(&raw mut one, 1, 0) };
    assert!(n == 0 || one.revents == libc::POLLIN, "the descriptor is no more");
    n == 1
}

fn a_loop_gets_every_item(edges: bool, capacity: usize) {
    let queue = Handle::<Queue>::new(capacity).unwrap();
    let looped = Loop::on(Case::Get(queue), edges);
    threads(|scope| {
        for i in 1..3 {
            scope.spawn(move || queue.put(without_provenance_mut(i)).unwrap());
        }
        let mut got = 0;
        while got < 2 {
            looped.poll();
            while queue.try_get().is_ok() {
                got += 1;
            }
        }
    });
    assert_eq!(queue.try_get(), Err(Error::Empty));
    assert!(!looped.is_readable(), "it is readable for nothing");
    looped.end();
    // SAFETY: no drop function is set.
    end(|| unsafe { queue.free() });
}

#[test]
fn a_loop_on_levels_gets_every_item() {
    check(|| a_loop_gets_every_item(false, if model::draw(2) == 0 { 0 } else { 1 }));
}

#[test]
fn a_loop_on_edges_gets_every_item() {
    check(|| a_loop_gets_every_item(true, if model::draw(2) == 0 { 0 } else { 1 }));
}

#[test]
fn a_loop_on_edges_hears_of_each_room() {
    check(|| {
        let queue = Handle::<Queue>::new(1).unwrap();
        queue.put(without_provenance_mut(9)).unwrap();
        let looped = Loop::on(Case::Put(queue, core::ptr::null_mut()), true);
        threads(|scope| {
            scope.spawn(move || (0..3).for_each(|_| assert!(queue.get().is_ok())));
            let mut put = 0;
            while put < 2 {
                looped.poll();
                while put < 2 && queue.try_put(without_provenance_mut(7)).is_ok() {
                    put += 1;
                }
            }
        });
        looped.end();
        // SAFETY: no drop function is set.
        end(|| unsafe { queue.free() });
    });
}

#[test]
fn what_becomes_possible_while_a_watch_is_made_is_told() {
    check(|| {
        let permits = Handle::<Semaphore>::new(0, 9).unwrap();
        let edges = model::draw(2) == 0;
        threads(|scope| {
            scope.spawn(move || permits.release(1).unwrap());
            let looped = Loop::on(Case::Semaphore(permits), edges);
            looped.poll();
            looped.end();
        });
        permits.try_acquire().unwrap();
        end(|| permits.free());
    });
}

/// How often a watch has called, and how often while that was forbidden.
#[derive(Default)]
struct Calls(AtomicU32, AtomicU32);

unsafe extern "C-unwind" fn ready(calls: *mut c_void) {
    // SAFETY: the models pass it, and stay until the thread that calls has come back.
    let Calls(calls, forbidden) = unsafe { &*calls.cast::<Calls>() };
    assert_eq!(forbidden.load(SeqCst), 0, "called after its free");
    model::point();
    calls.fetch_add(1, SeqCst);
    assert_eq!(forbidden.load(SeqCst), 0, "its free has not waited");
}

/// The thread that calls, beside `f`.
fn served(f: impl FnOnce()) {
    super::served(watcher::modelled(), f);
}

#[test]
fn a_function_is_called_for_what_becomes_possible() {
    check(|| {
        let (calls, permits) = (Calls::default(), Handle::<Semaphore>::new(0, 9).unwrap());
        served(|| {
            threads(|scope| {
                scope.spawn(move || (0..2).for_each(|_| permits.release(1).unwrap()));
                let argument = from_ref(&calls).cast_mut().cast();
                let watch = watch(Case::Semaphore(permits), ready, argument).unwrap();
                let (mut seen, mut got) = (0, 0);
                while got < 2 {
                    while calls.0.load(SeqCst) == seen {
                        model::yield_now();
                    }
                    seen = calls.0.load(SeqCst);
                    while permits.try_acquire().is_ok() {
                        got += 1;
                    }
                }
                watch.free().unwrap();
                calls.1.store(1, SeqCst);
            });
        });
        end(|| permits.free());
    });
}

#[test]
fn what_is_left_is_readable_and_what_is_not_is_quiet() {
    check(|| {
        let permits = Handle::<Semaphore>::new(0, 9).unwrap();
        let looped = Loop::on(Case::Semaphore(permits), false);
        threads(|scope| {
            for turn in 0..3 {
                scope.spawn(move || {
                    if turn == 0 {
                        permits.release(2).unwrap();
                        let _ = permits.try_acquire();
                    } else {
                        let _ = permits.try_acquire();
                        permits.release(1).unwrap();
                    }
                });
            }
            let _ = permits.try_acquire();
        });
        if permits.value().unwrap() > 0 {
            assert!(looped.is_readable(), "what is left was not told");
        }
        while permits.try_acquire().is_ok() {}
        assert!(!looped.is_readable(), "it is readable for nothing");
        permits.release(1).unwrap();
        assert!(looped.is_readable(), "it is not written any more");
        looped.end();
        end(|| permits.free());
    });
}

#[test]
fn every_way_to_make_a_lock_possible_is_told() {
    check(|| {
        let (lock, rwlock, event) = (
            Handle::<Lock>::new().unwrap(),
            Handle::<RwLock>::new().unwrap(),
            Handle::<Event>::new().unwrap(),
        );
        lock.acquire().unwrap();
        rwlock.acquire(Access::Write).unwrap();
        let loops = [
            Loop::on(Case::Lock(lock), true),
            Loop::on(Case::Access(rwlock, Access::Read), true),
            Loop::on(Case::Access(rwlock, Access::Write), true),
            Loop::on(Case::Event(event), true),
        ];
        threads(|scope| {
            scope.spawn(move || {
                lock.release().unwrap();
                rwlock.release(Access::Write).unwrap();
                event.set().unwrap();
            });
            scope.spawn(move || {
                lock.acquire().unwrap();
                lock.release().unwrap();
                rwlock.acquire(Access::Read).unwrap();
                rwlock.release(Access::Read).unwrap();
            });
            let [on_lock, on_read, on_write, on_event] = &loops;
            while lock.try_acquire().is_err() {
                on_lock.poll();
            }
            lock.release().unwrap();
            while rwlock.try_acquire(Access::Read).is_err() {
                on_read.poll();
            }
            rwlock.release(Access::Read).unwrap();
            while rwlock.try_acquire(Access::Write).is_err() {
                on_write.poll();
            }
            rwlock.release(Access::Write).unwrap();
            while event.try_wait().is_err() {
                on_event.poll();
            }
        });
        loops.into_iter().for_each(Loop::end);
        end(|| lock.free());
        end(|| rwlock.free());
        end(|| event.free());
    });
}

#[test]
fn a_free_leaves_the_next_descriptor_of_that_number_alone() {
    check(|| {
        let permits = Handle::<Semaphore>::new(0, 9).unwrap();
        let looped = Loop::on(Case::Semaphore(permits), false);
        threads(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    permits.release(1).unwrap();
                    while permits.try_acquire().is_ok() {}
                });
            }
            let fd = looped.fd;
            looped.end();
            // SAFETY: asks for a descriptor.
            let next = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK) };
            assert_eq!(next, fd);
            for _ in 0..3 {
                model::point();
                assert!(!is_readable(next), "another's descriptor was written");
            }
            // SAFETY: from above.
            unsafe { libc::close(next) };
        });
        end(|| permits.free());
    });
}

#[test]
fn a_watch_on_what_was_freed_is_quiet_whoever_has_the_slot() {
    check(|| {
        let event = Handle::<Event>::new().unwrap();
        let looped = Loop::on(Case::Event(event), false);
        threads(|scope| {
            scope.spawn(move || {
                let _ = event.set();
            });
            scope.spawn(move || end(|| event.free()));
        });
        assert!(!looped.is_readable(), "what is gone is readable");
        let next = Handle::<Event>::new().unwrap();
        next.set().unwrap();
        assert!(!looped.is_readable(), "what is gone is readable");
        looped.end();
        end(|| next.free());
    });
}
