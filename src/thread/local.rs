//! Thread-local storage: a key is an object, and each thread has a table of its values.
//!
//! A key's index is that of its slot, for good; an entry says which handle it was set through, so what
//! an earlier key of the slot left behind is no value of the present one.

use crate::base::arena::{Arena, Kept};
use crate::base::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use crate::base::handle::{Handle, Kind, Object};
use crate::base::heap::{self, boxed};
use crate::base::record::{Record, Round};
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::unwind;
use crate::base::unwind::Function;
use crate::thread::excepthook;
use core::ffi::c_void;
use core::ptr;

/// What a key has beside its word, which is only its handle check.
#[derive(Debug)]
pub struct Local {
    /// Where its values are in each thread's table, plus 1; 0 before the slot's first use.
    place: Kept<AtomicUsize>,
    /// The destructor, or NULL.
    destructor: AtomicPtr<()>,
}

static NEXT_PLACE: AtomicUsize = AtomicUsize::new(1);

impl Object for Local {
    const KIND: Kind = Kind::Local;

    fn arena() -> &'static Arena<Local> {
        &LOCALS
    }

    fn blank() -> Local {
        Local { place: Kept(AtomicUsize::new(0)), destructor: AtomicPtr::new(ptr::null_mut()) }
    }

    fn reset(&self) {
        // Relaxed: nobody else has it.
        self.destructor.store(ptr::null_mut(), Ordering::Relaxed);
    }

    fn forget(&self, _word: &AtomicU64) {}
}

static LOCALS: Arena<Local> = Arena::new();

impl Local {
    /// Where its values are in each thread's table.
    fn index(&self) -> usize {
        // Relaxed: published by the word.
        self.place.load(Ordering::Relaxed).saturating_sub(1)
    }
}

/// How many values a page of a table has.
const PAGE: usize = 128;

/// The values of one thread, in pages that are made when they are needed.
struct Table {
    pages: Vec<Option<Box<Page>>>,
}

type Page = [Entry; PAGE];

#[derive(Clone, Copy)]
struct Entry {
    /// The handle that the value was set through.
    key: *mut c_void,
    value: *mut c_void,
}

const UNSET: Entry = Entry { key: ptr::null_mut(), value: ptr::null_mut() };

impl Table {
    fn entry(&self, index: usize) -> Option<&Entry> {
        self.pages.get(index / PAGE)?.as_deref()?.get(index % PAGE)
    }

    fn entry_mut(&mut self, index: usize) -> Option<&mut Entry> {
        self.pages.get_mut(index / PAGE)?.as_deref_mut()?.get_mut(index % PAGE)
    }

    /// Makes sure that there is an entry.
    fn make(&mut self, index: usize) -> Result<&mut Entry, Error> {
        let page = index / PAGE;
        if self.pages.len() <= page {
            heap::reserve(|| self.pages.try_reserve(page + 1 - self.pages.len()))?;
            self.pages.resize_with(page + 1, || None);
        }
        if let Some(missing @ None) = self.pages.get_mut(page) {
            *missing = Some(boxed([UNSET; PAGE])?);
        }
        self.entry_mut(index).ok_or(Error::NoMemory)
    }
}

impl Handle<Local> {
    pub fn new(destructor: Option<Function>) -> Result<Handle<Local>, Error> {
        Handle::make(0, |local: &Local| {
            // Relaxed, here and below: published by the word.
            if local.place.load(Ordering::Relaxed) == 0 {
                local.place.store(NEXT_PLACE.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            }
            let destructor = destructor.map_or(ptr::null_mut(), |f| f as *mut ());
            local.destructor.store(destructor, Ordering::Relaxed);
        })
    }

    /// Ends the key. Runs no destructor.
    pub fn free(self) -> Result<(), Error> {
        self.end(|_, _| Ok(())).map(drop)
    }

    /// Where the calling thread's value is, if there is a place for it.
    ///
    /// # Safety
    /// The result is used up before the thread looks at its table anew.
    #[inline]
    unsafe fn entry_at_once<'a>(self) -> Option<&'a mut Entry> {
        let index = self.alive_at_once()?.index();
        // SAFETY: NULL, or this thread's own table; and as the caller vouches.
        unsafe { this_thread::existing()?.own().locals.get().cast::<Table>().as_mut() }?.entry_mut(index)
    }

    /// The calling thread's value, if it has set one.
    #[inline]
    pub fn get_at_once(self) -> Option<*mut c_void> {
        // SAFETY: copied here.
        let entry = *unsafe { self.entry_at_once() }?;
        (entry.key == self.into_raw()).then_some(entry.value)
    }

    /// Whether there is a place for the calling thread's value, where it is now.
    #[inline]
    pub fn set_at_once(self, value: *mut c_void) -> bool {
        // SAFETY: written here.
        let entry = unsafe { self.entry_at_once() };
        entry.is_some_and(|entry| {
            *entry = Entry { key: self.into_raw(), value };
            true
        })
    }

    /// The calling thread's value, NULL when unset.
    pub fn get(self) -> Result<*mut c_void, Error> {
        self.check()?;
        Ok(self.get_at_once().unwrap_or(ptr::null_mut()))
    }

    pub fn set(self, value: *mut c_void) -> Result<(), Error> {
        let index = self.alive()?.index();
        let record = this_thread::current().ok_or(Error::NoMemory)?;
        if record.own().locals.get().is_null() {
            let table = Box::into_raw(boxed(Table { pages: Vec::new() })?);
            record.own().locals.set(table.cast());
            record.own().on_round.set(Some(end_round));
        }
        // SAFETY: this thread's own table, made at the latest above; the reference ends here.
        let table = unsafe { &mut *record.own().locals.get().cast::<Table>() };
        *table.make(index)? = Entry { key: self.into_raw(), value };
        Ok(())
    }

    /// The destructor, if the key is alive.
    fn destructor(self) -> Option<Function> {
        let destructor = self.alive().ok()?.destructor.load(Ordering::Acquire);
        // The key may have been freed, and the slot reused, before it was read.
        self.check().ok()?;
        // SAFETY: NULL, or the function that the key was made with.
        unsafe { core::mem::transmute::<*mut (), Option<Function>>(destructor) }
    }
}

/// One round of the end of a thread: destroys the values that there are. Whether there are new ones.
fn end_round(record: &'static Record, round: Round) -> bool {
    if round == Round::Over {
        let table = record.own().locals.replace(ptr::null_mut()).cast::<Table>();
        // SAFETY: made with a box, and no longer reachable.
        drop(unsafe { Box::from_raw(table) });
        return false;
    }
    let mut index = 0;
    // A destructor may set values: the table is looked at anew each time.
    while let Some((at, destructor)) = next(record, &mut index) {
        let value = clear(record, at);
        // SAFETY: the user gave both, the one for the other.
        if let Some(caught) = unsafe { unwind::call(destructor, value) } {
            // SAFETY: caught here.
            unsafe { excepthook::deliver_caught(record, caught) };
        }
    }
    next(record, &mut 0).is_some()
}

/// Where the next value is, from `index` on, that has a destructor.
fn next(record: &Record, index: &mut usize) -> Option<(usize, Function)> {
    // SAFETY: this thread's own table; the reference ends in this function.
    let table = unsafe { record.own().locals.get().cast::<Table>().as_ref() }?;
    while *index < table.pages.len() * PAGE {
        let at = *index;
        let Some(entry) = table.entry(at) else {
            // No such page.
            *index = (at / PAGE + 1) * PAGE;
            continue;
        };
        *index += 1;
        // SAFETY: the entry was set through this handle, if it was set.
        let key = unsafe { Handle::<Local>::from_raw(entry.key) }.ok().filter(|_| !entry.value.is_null());
        if let Some(destructor) = key.and_then(Handle::destructor) {
            return Some((at, destructor));
        }
    }
    None
}

/// Clears a value; what it was.
fn clear(record: &Record, at: usize) -> *mut c_void {
    // SAFETY: this thread's own table; the reference ends in this function.
    let table = unsafe { record.own().locals.get().cast::<Table>().as_mut() };
    let entry = table.and_then(|table| table.entry_mut(at));
    entry.map_or(UNSET, |entry| core::mem::replace(entry, UNSET)).value
}
