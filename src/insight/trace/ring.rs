//! A ring of events: one thread puts them in, one writer takes them out, and neither waits for the other. What finds no
//! room is lost, and counted.
//!
//! An event has a slot of four words, and its text the slots behind it. A slice that is begun leaves room for its end:
//! so ends are never lost.
//!
//! | state | meaning | goes on by |
//! |---|---|---|
//! | `FREE` | nobody's | a thread that has none: `TAKEN` |
//! | `TAKEN` | a thread's | its end: `LEFT` |
//! | `LEFT` | nobody's, but there may be something in it | the writer: `FREE` |

use crate::base::handle::Kind;
use crate::base::trace::{Event, Point};
use crate::base::waiting::{Verb, What};
use crate::sys::memory;
use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// How many slots there are, a power of two.
pub const SLOTS: usize = 1 << 14;
/// How many rings there are at most: of more threads at once nothing is traced.
const RINGS: u32 = 1024;
/// How many slots the text of an event has at most.
const TEXT_SLOTS: usize = 3;
const SLOT: usize = size_of::<[u64; 4]>();
pub const LONGEST_TEXT: usize = TEXT_SLOTS * SLOT;
/// How many bytes of a thread's name are kept for when it has ended.
pub const NAME: usize = 64;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const LEFT: u32 = 2;

/// All zeros at first, as the system gives its pages.
#[repr(C, align(64))]
pub struct Ring {
    /// How many slots were ever filled; the owner's, as what follows.
    head: AtomicUsize,
    /// Whether it is in the middle of a change: what a handler tells then is lost.
    pub busy: AtomicBool,
    /// In which trace it is, and how many slices are open in that: those that were put in, those inside of them that
    /// were lost, and those that the program's spans do not end.
    pub session: AtomicU32,
    pub lit: AtomicU32,
    pub dark: AtomicU32,
    pub floor: AtomicU32,
    lost: AtomicU64,
    ident: AtomicU64,
    /// What it was called in the end.
    name: [AtomicU8; NAME],
    state: AtomicU32,
    next: AtomicPtr<Ring>,
    writers: Writers,
    slots: [[AtomicU64; 4]; SLOTS],
}

/// On a line of its own: who takes out does not slow down who puts in.
#[repr(C, align(64))]
struct Writers {
    tail: AtomicUsize,
    /// What it has told already: how many were lost, and a number for the thread's name.
    lost: AtomicU64,
    named: AtomicU64,
}

static FIRST: AtomicPtr<Ring> = AtomicPtr::new(ptr::null_mut());
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Whether so many are in use that those which were left had better be another's soon.
pub fn are_few() -> bool {
    COUNT.load(Ordering::Relaxed) > RINGS / 2
}

/// All of them, without a lock.
pub fn all() -> impl Iterator<Item = &'static Ring> {
    // Acquire: pairs with `Ring::map`. SAFETY: rings are never unmapped.
    let follow = |ring: *mut Ring| unsafe { ring.cast_const().as_ref() };
    core::iter::successors(follow(FIRST.load(Ordering::Acquire)), move |ring| {
        // Relaxed: written before the ring was in the list.
        follow(ring.next.load(Ordering::Relaxed))
    })
}

/// In a forked child: all of them are the parent's, whose threads are in them.
pub fn forget_all() {
    // Relaxed: there is one thread.
    FIRST.store(ptr::null_mut(), Ordering::Relaxed);
    COUNT.store(0, Ordering::Relaxed);
}

impl Ring {
    /// One for the thread with this ident. None without memory, or if there are too many. Async-signal-safe where
    /// mapping is, as on Linux.
    pub fn claim(ident: u64) -> Option<&'static Ring> {
        let ring = all().find(|ring| ring.is_claimed()).or_else(Ring::map)?;
        ring.ident.store(ident, Ordering::Relaxed);
        ring.writers.named.store(0, Ordering::Relaxed);
        Some(ring)
    }

    fn is_claimed(&self) -> bool {
        // Looked at first: an exchange that fails takes the line from the owner, too. Acquire: what the last one did is over.
        self.state.load(Ordering::Relaxed) == FREE
            && self.state.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn map() -> Option<&'static Ring> {
        // Relaxed, here and below: a count.
        let is_counted = COUNT.fetch_add(1, Ordering::Relaxed) < RINGS;
        let Some(memory) = is_counted.then(|| memory::map(size_of::<Ring>())).flatten() else {
            COUNT.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        let memory = memory.cast::<Ring>();
        // SAFETY: zeros are a ring, and pages are aligned; never unmapped.
        let ring = unsafe { &*memory.cast_const() };
        ring.state.store(TAKEN, Ordering::Relaxed);
        let pushed = |first: *mut Ring| {
            ring.next.store(first, Ordering::Relaxed);
            Some(memory)
        };
        // Release: pairs with `all`.
        let _ = FIRST.fetch_update(Ordering::Release, Ordering::Relaxed, pushed);
        Some(ring)
    }

    /// The owner is over, and was called this.
    pub fn leave(&self, name: &[u8; NAME]) {
        self.name.iter().zip(name).for_each(|(to, from)| to.store(*from, Ordering::Relaxed));
        // Release: the writer sees all of it.
        self.state.store(LEFT, Ordering::Release);
    }

    pub fn ident(&self) -> u64 {
        self.ident.load(Ordering::Relaxed)
    }

    /// The owner: puts an event in, with its text, if as many slots are free after it. Whether it did; else it is lost.
    pub fn push(&self, event: &Event, text: &[u8], spare: usize) -> bool {
        let text = text.get(..LONGEST_TEXT).unwrap_or(text);
        let parts = text.len().div_ceil(SLOT);
        // Relaxed: the owner's. Acquire: what is written over was read before.
        let head = self.head.load(Ordering::Relaxed);
        let used = head.wrapping_sub(self.writers.tail.load(Ordering::Acquire));
        if used + 1 + parts + spare > SLOTS {
            self.lose();
            return false;
        }
        let [verb, kind] =
            event.what.map_or([0; 2], |what| [what.verb as u8, what.kind.map_or(0, |kind| kind as u8)]);
        let session = self.session.load(Ordering::Relaxed) as u8;
        let head_word =
            u64::from_le_bytes([event.point as u8, verb, kind, session, text.len() as u8, 0, 0, 0]);
        self.write(head, [event.when, head_word, event.object, event.other]);
        for (i, part) in text.chunks(SLOT).enumerate() {
            let mut bytes = [0; SLOT];
            bytes.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            self.write(head.wrapping_add(1 + i), words_of(&bytes));
        }
        // Release: the writer sees what is in the slots.
        self.head.store(head.wrapping_add(1 + parts), Ordering::Release);
        true
    }

    /// Whether the writer had better come, seen by the owner after a push.
    pub fn is_filling(&self) -> bool {
        let used = self.head.load(Ordering::Relaxed).wrapping_sub(self.writers.tail.load(Ordering::Relaxed));
        used > SLOTS / 2
    }

    pub fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn write(&self, at: usize, words: [u64; 4]) {
        if let Some(slot) = self.slots.get(at % SLOTS) {
            slot.iter().zip(words).for_each(|(to, from)| to.store(from, Ordering::Relaxed));
        }
    }

    fn read(&self, at: usize) -> [u64; 4] {
        let empty = [const { AtomicU64::new(0) }; 4];
        self.slots.get(at % SLOTS).unwrap_or(&empty).each_ref().map(|word| word.load(Ordering::Relaxed))
    }

    /// The writer: takes out what there is, with the texts, of this trace alone. Whether that was the last of its owner,
    /// and so the ring can be freed.
    pub fn drain(&self, session: u32, mut f: impl FnMut(&Event, &[u8])) -> bool {
        // Acquire, both: pairs with `leave`, and with `push`.
        let left = self.state.load(Ordering::Acquire) == LEFT;
        let head = self.head.load(Ordering::Acquire);
        let mut tail = self.writers.tail.load(Ordering::Relaxed);
        while tail != head {
            let [when, head_word, object, other] = self.read(tail);
            let [point, verb, kind, of, length, ..] = head_word.to_le_bytes();
            let length = usize::from(length);
            let mut text = [0; LONGEST_TEXT];
            for (i, part) in text.chunks_mut(SLOT).enumerate().take(length.div_ceil(SLOT)) {
                let words = self.read(tail.wrapping_add(1 + i));
                let bytes = words.iter().flat_map(|word| word.to_le_bytes());
                part.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            }
            tail = tail.wrapping_add(1 + length.div_ceil(SLOT));
            let what =
                Verb::of(verb).map(|verb| What { verb, kind: Kind::numbered(kind), handle: object as usize });
            if let Some(point) = Point::numbered(point).filter(|_| of == session as u8) {
                f(&Event { point, when, what, object, other }, text.get(..length).unwrap_or_default());
            }
            // Release: the owner may write there. Often, for one that is in a hurry.
            if tail % 64 == 0 || tail == head {
                self.writers.tail.store(tail, Ordering::Release);
            }
        }
        self.writers.tail.store(tail, Ordering::Release);
        left
    }

    /// The writer: it is nobody's. The next owner begins with the first slot, so that of a ring whose owners do little,
    /// one after the other, little is ever touched.
    pub fn free(&self) {
        // Relaxed: nobody else has it.
        self.head.store(0, Ordering::Relaxed);
        self.writers.tail.store(0, Ordering::Relaxed);
        // Release: pairs with `is_claimed`.
        self.state.store(FREE, Ordering::Release);
    }

    /// The writer: how many were lost since it last asked.
    pub fn newly_lost(&self) -> u64 {
        let lost = self.lost.load(Ordering::Relaxed);
        lost.wrapping_sub(self.writers.lost.swap(lost, Ordering::Relaxed))
    }

    /// The writer: what was lost before is no trace's.
    pub fn forget_lost(&self) {
        let _ = self.newly_lost();
    }

    /// The writer: the name, if its thread has left it one, and no other has taken the ring.
    pub fn name(&self) -> Option<[u8; NAME]> {
        // Acquire: pairs with `leave`.
        let left = self.state.load(Ordering::Acquire) != TAKEN;
        let name = left.then(|| self.name.each_ref().map(|byte| byte.load(Ordering::Relaxed)));
        name.filter(|name| *name != [0; NAME])
    }

    pub fn is_taken(&self) -> bool {
        self.state.load(Ordering::Relaxed) != FREE
    }

    /// The writer: whether the thread has another name than when this was last asked, by a number for it.
    pub fn is_renamed(&self, number: u64) -> bool {
        self.writers.named.swap(number, Ordering::Relaxed) != number
    }
}

fn words_of(bytes: &[u8; SLOT]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}
