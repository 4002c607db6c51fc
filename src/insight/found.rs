//! What insight has found: put into words, and told to the hook, or to the standard error.
//!
//! A circle is found in the midst of an operation, where no code of the user's may be called. So it waits in the
//! thread's record until the call is about to return; and stays there for lt_last_error(), until the next is found.

use crate::base::errno::Errno;
use crate::base::handle::Kind;
use crate::base::heap::{self, Text};
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::this_thread;
use crate::base::unwind;
use crate::base::waiting::What;
use crate::insight::circle::Way;
use crate::insight::dump::{Name, Names, Object};
use crate::insight::text::Line;
use crate::insight::told::{LT_DEADLOCK_CYCLE, LT_DEADLOCK_ORDER, lt_deadlock_info, lt_deadlock_link};
use crate::insight::{place, waits};
use crate::sys::process::write_error;
use crate::thread::excepthook;
use core::cell::{Cell, OnceCell};
use core::ffi::c_void;
use core::fmt::{self, Write};
use core::ptr;

/// A hook of the user's.
pub type Hook = unsafe extern "C-unwind" fn(*const lt_deadlock_info, *mut c_void);

/// The hook and its argument; None for the default.
struct Chosen(Option<(Hook, *mut c_void)>);

// SAFETY: the argument is the user's, who asked for it to be passed on any thread.
unsafe impl Send for Chosen {}

static HOOK: Mutex<Chosen> = Mutex::new(Chosen(None));

pub fn set_hook(hook: Option<Hook>, argument: *mut c_void) {
    *HOOK.lock() = Chosen(hook.map(|hook| (hook, argument)));
}

/// What was found, in words.
struct Report {
    info: lt_deadlock_info,
    links: Vec<lt_deadlock_link>,
    /// What the links' texts lead to.
    texts: Vec<Text>,
    /// What lt_last_error() says of it.
    sentence: OnceCell<Text>,
    is_being_told: Cell<bool>,
}

/// One link in the making.
pub struct Part {
    pub thread: u64,
    pub holds: What,
    pub wants: What,
    /// Where it has acquired what it holds, and wants what it waits for; 0 where that is not known.
    pub held_from: usize,
    pub wanted_from: usize,
    /// Whether that was so earlier, and is not now.
    pub earlier: bool,
}

impl Report {
    /// None without memory.
    fn new(kind: i32, parts: &[Part]) -> Option<Box<Report>> {
        let info =
            lt_deadlock_info { size: size_of::<lt_deadlock_info>(), kind, count: 0, links: ptr::null() };
        let report = Report {
            info,
            links: Vec::new(),
            texts: Vec::new(),
            sentence: OnceCell::new(),
            is_being_told: Cell::new(false),
        };
        let mut report = heap::boxed(report).ok()?;
        heap::reserve(|| report.links.try_reserve_exact(parts.len())).ok()?;
        heap::reserve(|| report.texts.try_reserve_exact(parts.len())).ok()?;
        for part in parts {
            let mut line = Line::empty();
            // It takes whatever it is given.
            let _ = write!(line, "{part}");
            let text = Text::copy(line.bytes()).ok()?;
            let [holds, wants] = [part.holds, part.wants].map(|what| ptr::without_provenance(what.handle));
            report.links.push(lt_deadlock_link { thread: part.thread, holds, wants, text: text.as_ptr() });
            report.texts.push(text);
        }
        report.info.count = report.links.len();
        report.info.links = report.links.as_ptr();
        Some(report)
    }

    /// All sentences in one, for lt_last_error().
    fn put_together(&self, function: &str) -> Option<&Text> {
        let mut all = Vec::new();
        let length =
            64 + function.len() + self.texts.iter().map(|text| text.bytes().len() + 2).sum::<usize>();
        heap::reserve(|| all.try_reserve_exact(length)).ok()?;
        all.extend_from_slice(function.as_bytes());
        all.extend_from_slice(b": the wait would never end: ");
        for (i, text) in self.texts.iter().enumerate() {
            all.extend_from_slice(if i == 0 { b"" } else { b"; " });
            all.extend_from_slice(text.bytes());
        }
        let sentence = Text::copy(&all).ok()?;
        Some(self.sentence.get_or_init(|| sentence))
    }

    fn print(&self) {
        let _errno = Errno::keep();
        let first: &[u8] = match self.info.kind {
            LT_DEADLOCK_CYCLE => b"lowthread: deadlock: each waits for the next, or would\n",
            _ => b"lowthread: two orders: at once, each may wait for the other\n",
        };
        let mut all = Vec::new();
        let length = first.len() + self.texts.iter().map(|text| text.bytes().len() + 3).sum::<usize>();
        if heap::reserve(|| all.try_reserve_exact(length)).is_err() {
            return write_error(first);
        }
        all.extend_from_slice(first);
        for text in &self.texts {
            all.extend_from_slice(b"  ");
            all.extend_from_slice(text.bytes());
            all.push(b'\n');
        }
        write_error(&all);
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match waits::find(self.thread) {
            Some(record) => write!(f, "{}", Name(record, Names::Told))?,
            None => write!(f, "a thread that is no more")?,
        }
        let has = match self.holds.kind {
            Some(Kind::Thread) => "is",
            Some(Kind::Future) => "runs",
            _ if self.earlier => "has held",
            _ => "holds",
        };
        let Part { holds, wants, .. } = *self;
        write!(f, " (ident {}) {has} {}", self.thread, Object(holds, Names::Told))?;
        place::written(f, ", acquired in ", self.held_from)?;
        let wanted = if self.earlier { "then wanted" } else { "wants" };
        write!(f, ", and {wanted} {}", Object(wants, Names::Told))?;
        place::written(f, " in ", self.wanted_from)
    }
}

/// A circle, found by the calling thread: to be told by `deliver`.
pub fn circle(record: &'static Record, way: &Way) {
    let mut parts = Vec::new();
    if heap::reserve(|| parts.try_reserve_exact(way.links().count())).is_err() {
        keep(record, None);
        return;
    }
    let mut wanted = way.links().next_back().map(|last| last.wait.what);
    for link in way.links() {
        let Some(holds) = wanted.replace(link.wait.what) else { continue };
        let is_caller = ptr::eq(link.record, record);
        parts.push(Part {
            thread: link.record.ident(),
            holds,
            wants: link.wait.what,
            held_from: link.record.held.find(holds.handle).map_or(0, |hold| hold.place),
            wanted_from: if is_caller { record.own().called_from.get() } else { 0 },
            earlier: false,
        });
    }
    keep(record, Report::new(LT_DEADLOCK_CYCLE, &parts));
}

/// Two orders, found by the calling thread: told at once. Nothing above has a destructor.
pub fn order(record: &'static Record, parts: &[Part; 2]) {
    let report = Report::new(LT_DEADLOCK_ORDER, parts);
    if report.is_some() && keep(record, report) {
        tell(record);
    }
}

/// Keeps it in the place of the one before; not, and then false, while the hook is told that.
fn keep(record: &'static Record, report: Option<Box<Report>>) -> bool {
    let own = record.own();
    if own.found.get().is_some_and(|(found, _)| at(found).is_being_told.get()) {
        drop(report);
        return false;
    }
    own.last_error.set_detail(None);
    if let Some((former, end)) = own.found.take() {
        // SAFETY: kept below, and not ended since.
        unsafe { end(former) };
    }
    own.found.set(report.map(|report| (Box::into_raw(report).cast(), end as _)));
    true
}

unsafe extern "C" fn end(report: *mut c_void) {
    // SAFETY: from a box, and ended once.
    drop(unsafe { Box::from_raw(report.cast::<Report>()) });
}

fn at<'a>(found: *mut c_void) -> &'a Report {
    // SAFETY: kept by `keep`, on this thread, and ended by it when nobody uses it.
    unsafe { &*found.cast() }
}

/// The call of this name is about to return LT_DEADLOCK for a circle: tells it. Nothing above has a destructor.
pub fn deliver(function: &'static str) {
    let Some(record) = this_thread::existing() else { return };
    let Some((found, _)) = record.own().found.get() else { return };
    if at(found).is_being_told.get() {
        return;
    }
    let sentence = at(found).put_together(function);
    tell(record);
    record.own().last_error.set_detail(sentence.map(Text::as_ptr));
}

struct Call {
    hook: Hook,
    info: *const lt_deadlock_info,
    argument: *mut c_void,
}

/// Tells the hook what is kept.
fn tell(record: &'static Record) {
    let Some((found, _)) = record.own().found.get() else { return };
    let Chosen(chosen) = *HOOK.lock();
    let Some((hook, argument)) = chosen else { return at(found).print() };
    at(found).is_being_told.set(true);
    let mut call = Call { hook, info: &raw const at(found).info, argument };
    // SAFETY: the argument is what `Call::run` asks for.
    let outcome = unsafe { unwind::call(Call::run, (&raw mut call).cast()) };
    at(found).is_being_told.set(false);
    if let Some(caught) = outcome {
        // SAFETY: caught here.
        excepthook::tell(unsafe { excepthook::report(record, caught) });
    }
}

impl Call {
    unsafe extern "C-unwind" fn run(call: *mut c_void) {
        // SAFETY: `tell` passes its call, and the hook is the user's.
        unsafe {
            let call = &*call.cast::<Call>();
            (call.hook)(call.info, call.argument);
        }
    }
}
