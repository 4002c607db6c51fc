//! A notice: how one that watches without a thread of its own hears that something has become possible.
//!
//! Who tells a thread wakes it, and is done. A notice must be *seen to* by whoever tells, outside of the lock of the
//! list of watchers (`base::watchers`): a descriptor is written, or a callback put into the line of the thread that
//! calls it. Meanwhile the notice is pinned: it stays in the list, and its watch is not freed.
//!
//! | state | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `HOT` | it may be possible, as far as was told | a tell | a lull |
//! | n * `PIN` | n threads see to it, or handlers on them | a tell; a lull, if it minds those | each of them, after |
//! | `IN_LINE` | it is in the line of the callbacks' thread | who sees to it | that thread |
//! | `CALLING` | that thread calls | the same thread | itself |
//! | `DEAD` | the object is gone: it will not be possible again | the free of the object; a fork, in the child | a free of a queue that is refused in the end |
//! | `FREED` | it is watched for no more: nobody pins it | the free of the watch; the same | |
//! | `LEFT` | the slot goes back by the callbacks' thread | the free of the watch | |
//!
//! `HOT` changes under the lock of the list. Several may see to it at the same time, since none waits for another, who
//! may not get a processor, or have been interrupted: a write to a descriptor has its reader run at once, before the
//! writer returns. So each makes the descriptor say what `HOT` does, and looks whether it still does after. The last one
//! to do so has seen the last change; and who finds it not possible while one is on the way minds that, `HOT` or not.

use crate::base::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::base::block::Block;
use crate::base::wait;
use core::cell::Cell;
use core::fmt;
use core::ptr;

const HOT: u32 = 1;
const IN_LINE: u32 = 2;
const CALLING: u32 = 4;
const DEAD: u32 = 8;
const FREED: u32 = 16;
const LEFT: u32 = 32;
const PIN: u32 = 64;

fn is_pinned(state: u32) -> bool {
    state >= PIN
}

/// What was done to what is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// One that stands in the object's line may have been served, and nobody else can go on.
    InLine,
    /// It is possible, and may have been so before.
    More,
    /// It is possible, and was not before.
    New,
}

/// How notices of one sort are seen to.
pub struct Way {
    /// By who has pinned it.
    pub see_to: fn(&'static Notice),
    /// Whether that it is not possible any more is to be seen to as well.
    pub minds_lulls: bool,
}

pub struct Notice {
    /// A futex.
    state: AtomicU32,
    /// The next one in the line of the callbacks' thread.
    next: AtomicPtr<Notice>,
    /// These two are set before it is known to anybody.
    way: Cell<Option<&'static Way>>,
    /// What it is a part of.
    owner: Cell<*const ()>,
}

// SAFETY: the cells change only while nobody else knows it.
unsafe impl Sync for Notice {}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest is written anew before it is used.
        write!(f, "{}", self.state.load(Ordering::Relaxed))
    }
}

impl Notice {
    pub const fn blank() -> Notice {
        Notice {
            state: AtomicU32::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
            way: Cell::new(None),
            owner: Cell::new(ptr::null()),
        }
    }

    /// While nobody else knows it.
    pub fn reset(&self) {
        // Relaxed, here and in `forget`: there is one thread that knows it.
        self.state.store(0, Ordering::Relaxed);
    }

    /// In a forked child: nobody tells it, nor has pinned it.
    pub fn forget(&self) {
        self.state.store(DEAD | FREED, Ordering::Relaxed);
    }

    /// While nobody else knows it.
    pub fn begin(&self, way: &'static Way, owner: *const ()) {
        self.way.set(Some(way));
        self.owner.set(owner);
    }

    pub fn owner(&self) -> *const () {
        self.owner.get()
    }

    // AcqRel for all changes of the state: who sees to it sees what was done before it was told of; and the free of the
    // watch, what was done with it.
    fn change(&self, f: impl Fn(u32) -> Option<u32>) -> Result<u32, u32> {
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, f)
    }

    /// Under the lock of the list, or while nobody else knows it. Whether it is pinned, to be seen to.
    pub fn hear(&self, news: News) -> bool {
        let heard = |state: u32| {
            let deaf = match news {
                News::InLine => return None,
                News::More => HOT | DEAD | FREED,
                News::New => DEAD | FREED,
            };
            (state & deaf == 0).then_some((state | HOT) + PIN)
        };
        self.change(heard).is_ok()
    }

    /// It was found not to be possible. Under the lock of the list. Whether it had been told otherwise, and whether it
    /// is pinned.
    pub fn lull(&self) -> (bool, bool) {
        let pin = if self.way.get().is_some_and(|way| way.minds_lulls) { PIN } else { 0 };
        let lulled = |state: u32| {
            let minds = state & HOT != 0 || pin != 0 && is_pinned(state);
            (minds && state & FREED == 0).then_some((state & !HOT) + pin)
        };
        match self.change(lulled) {
            Ok(before) => (before & HOT != 0, pin != 0),
            Err(_) => (false, false),
        }
    }

    /// The object is gone. Under the lock of the list.
    pub fn die(&self) {
        let _ = self.change(|state| Some(state | DEAD));
    }

    /// It is not gone after all. Under the lock of the list.
    pub fn revive(&self) {
        let _ = self.change(|state| Some(state & !DEAD));
    }

    /// For who has pinned it, outside of the lock.
    pub fn see_to(&'static self) {
        if let Some(way) = self.way.get() {
            (way.see_to)(self);
        }
    }

    pub fn unpin(&self) {
        // Err: never.
        if self.change(|state| state.checked_sub(PIN)).is_ok_and(|before| before & FREED != 0) {
            self.wake();
        }
    }

    /// Has the free of the watch look again. That may be over by now: then this wakes nobody.
    fn wake(&self) {
        wait::wake_all(&self.state);
    }

    pub fn is_hot(&self) -> bool {
        // SeqCst: what was done to the descriptor comes before this look.
        self.state.load(Ordering::SeqCst) & HOT != 0
    }

    /// For who has pinned it. False if it is in line already.
    pub fn get_in_line(&self) -> bool {
        self.change(|state| (state & IN_LINE == 0).then_some(state | IN_LINE)).is_ok()
    }

    /// For the callbacks' thread, which has taken it out of its line, and calls. Err if the watch was freed; it says
    /// whether the slot is to be given back.
    pub fn begin_call(&self) -> Result<(), bool> {
        let begun =
            |state: u32| Some(if state & FREED == 0 { state & !IN_LINE | CALLING } else { state & !IN_LINE });
        match self.change(begun) {
            Ok(before) if before & FREED == 0 => Ok(()),
            before => Err(before.is_ok_and(|before| before & LEFT != 0)),
        }
    }

    /// The same thread: whether the slot is to be given back.
    pub fn end_call(&self) -> bool {
        let before = self.change(|state| Some(state & !CALLING)).unwrap_or(0);
        if before & FREED != 0 {
            self.wake();
        }
        before & LEFT != 0 && before & IN_LINE == 0
    }

    /// It is watched for no more. When it returns, nobody has it pinned, nor will; and nobody calls, but the calling
    /// thread if it says so.
    pub fn retire(&self, by_who_calls: bool, block: &Block) {
        let waited_for = |state: u32| is_pinned(state) || state & CALLING != 0 && !by_who_calls;
        let mut state = self.change(|state| Some(state | FREED)).unwrap_or(0) | FREED;
        while waited_for(state) {
            block.sleep(&self.state, state);
            // Acquire: as for the changes.
            state = self.state.load(Ordering::Acquire);
        }
    }

    /// After that, and out of the list. True if the callbacks' thread will come across it: then that gives the slot back.
    pub fn leave(&self) -> bool {
        self.change(|state| (state & (IN_LINE | CALLING) != 0).then_some(state | LEFT)).is_ok()
    }

    pub fn next(&self) -> *const Notice {
        // Relaxed, here and below: who has it in line hands it on by what orders more.
        self.next.load(Ordering::Relaxed)
    }

    pub fn set_next(&self, next: *const Notice) {
        self.next.store(next.cast_mut(), Ordering::Relaxed);
    }
}
