//! What the events become in the file.
//!
//! | in the file | what |
//! |---|---|
//! | `M` | the name of a thread |
//! | `B`, `E` | a slice: a thread's life, a wait, a task, a callback, a signal, a span of the program's |
//! | `X` | the same, of what is over when it is told: a submit, the start of a timer, a wake |
//! | `s`, `f` | an arrow: from a submit to the task, from a start to each callback, from a wake to the wait that it ended |
//! | `b`, `e` | what is held, on a line of its own for each object; `n` gives that its name |
//! | `i` | an error; what was lost |

use crate::base::deadline::now;
use crate::base::handle::Kind;
use crate::base::status::Error;
use crate::base::trace::{Event, Point};
use crate::base::waiting::What;
use crate::insight::names as objects;
use crate::insight::trace::functions::Functions;
use crate::insight::trace::out::{Out, Value};
use crate::insight::trace::ring::{self, NAME, Ring};
use crate::insight::trace::timeline::STRAY;
use crate::sys::signal;
use crate::thread::names as threads;
use core::ffi::CStr;
use core::fmt::{self, Write};
use core::hash::{BuildHasher, BuildHasherDefault, Hasher};
use core::sync::atomic::Ordering;
use std::collections::hash_map::DefaultHasher;

pub struct Writer {
    pub out: Out,
    functions: Functions,
    /// The objects that have a line of their own already, by their numbers; those of others are named again.
    lines: [u64; 64],
    /// How many arrows there were.
    arrows: u64,
    lost: u64,
    began: u64,
}

impl Writer {
    pub fn create(path: &CStr) -> Result<Writer, Error> {
        let functions = Functions::none()?;
        // What was lost since the last trace is not lost in this one.
        ring::all().for_each(Ring::forget_lost);
        STRAY.store(0, Ordering::Relaxed);
        Ok(Writer { out: Out::create(path)?, functions, lines: [0; 64], arrows: 0, lost: 0, began: now() })
    }

    /// Writes all that there is.
    pub fn drain(&mut self, session: u32) {
        for ring in ring::all() {
            if ring.is_taken() {
                self.name(ring, session);
            }
            let is_left = ring.drain(session, |event, text| self.event(ring.ident(), event, text));
            let lost = ring.newly_lost();
            self.lose(ring.ident(), lost);
            if is_left {
                // Its thread may have come and gone since.
                self.name(ring, session);
                ring.free();
            }
        }
        // Relaxed: a count.
        let strays = STRAY.swap(0, Ordering::Relaxed);
        self.lose(0, strays);
        self.out.flush();
    }

    /// The end of the trace: how many events there were.
    pub fn finish(mut self) -> Result<(), Error> {
        let events = self.out.events;
        self.out.begin("M", 0, now());
        self.out.field("name", Value::Text(b"lowthread"));
        self.out.arguments(&[("events", Value::Number(events)), ("lost", Value::Number(self.lost))]);
        self.out.end();
        self.out.finish()
    }

    fn lose(&mut self, ident: u64, lost: u64) {
        if lost > 0 {
            self.lost = self.lost.saturating_add(lost);
            self.out.begin("i", ident, now());
            self.out.field("s", Value::Text(b"t"));
            self.out.field("cat", Value::Text(b"lost"));
            self.out.field("name", Value::Text(b"events were lost before this"));
            self.out.arguments(&[("lost", Value::Number(lost))]);
            self.out.end();
        }
    }

    /// Tells what the thread of a ring is called, if that is new in this trace.
    fn name(&mut self, ring: &Ring, session: u32) {
        let mut name = ring.name().unwrap_or([0; NAME]);
        if name == [0; NAME] && threads::of_ident(ring.ident(), &mut name).is_err() {
            return;
        }
        let mut hasher: DefaultHasher = BuildHasherDefault::default().build_hasher();
        hasher.write(&name);
        hasher.write_u64(ring.ident());
        hasher.write_u32(session);
        if ring.is_renamed(hasher.finish() | 1) {
            self.out.begin("M", ring.ident(), 0);
            self.out.field("name", Value::Text(b"thread_name"));
            self.out.arguments(&[("name", Value::Text(up_to_nul(&name)))]);
            self.out.end();
        }
    }

    fn event(&mut self, ident: u64, event: &Event, text: &[u8]) {
        let Event { point, when, what, object, other } = *event;
        match point {
            Point::Life if other == 0 => {
                let mut name = [0; NAME];
                name_of(ident, &mut name);
                self.head("B", ident, when, "thread", Value::Text(up_to_nul(&name)));
                self.out.end();
            }
            Point::Life => self.slice_of_function(ident, event, "thread"),
            Point::Task => {
                self.slice_of_function(ident, event, "task");
                if object != 0 {
                    self.arrow("f", ident, when, "task", object);
                }
            }
            Point::Timer => {
                self.slice_of_function(ident, event, "timer");
                if object != 0 {
                    self.arrow("f", ident, when, "timer", object);
                }
            }
            Point::Wait => self.wait(ident, event),
            Point::Span => {
                self.head("B", ident, when, "span", Value::Text(text));
                self.out.end();
            }
            Point::Signal => {
                let known =
                    signal::NAMES.iter().find(|(_, number)| u64::from(number.unsigned_abs()) == object);
                let name = known.map_or("", |(name, _)| name);
                self.head("B", ident, when, "signal", Value::Named("signal ", name.as_bytes()));
                self.out.arguments(&[("signum", Value::Number(object))]);
                self.out.end();
            }
            Point::End => {
                self.out.begin("E", ident, when);
                self.out.end();
            }
            Point::Submit => {
                self.span(ident, event, "task", b"submit", "task", Value::Hex(object));
                self.arrow("s", ident, when + 1, "task", object);
            }
            Point::Start => {
                self.span(ident, event, "timer", b"start", "timer", Value::Hex(object));
                self.arrow("s", ident, when + 1, "timer", object);
            }
            Point::Wake => self.span(ident, event, "wake", b"wake", "threads", Value::Number(object)),
            Point::Woken => {
                self.arrows += 1;
                // Behind the beginning of the wake, in which the arrow begins.
                self.arrow("s", object, other + 1, "wake", self.arrows);
                self.arrow("f", ident, when, "wake", self.arrows);
            }
            Point::Acquired | Point::Released => self.held(ident, event, what),
            Point::Error => {
                self.head("i", ident, when, "error", Value::Text(text));
                self.out.field("s", Value::Text(b"t"));
                self.out.end();
            }
        }
    }

    fn head(&mut self, phase: &str, ident: u64, when: u64, category: &str, name: Value<'_>) {
        self.out.begin(phase, ident, when);
        self.out.field("cat", Value::Text(category.as_bytes()));
        self.out.field("name", name);
    }

    /// What took its time.
    fn span(&mut self, ident: u64, event: &Event, category: &str, name: &[u8], key: &str, value: Value<'_>) {
        self.head("X", ident, event.when, category, Value::Text(name));
        self.out.duration(event.other);
        self.out.arguments(&[(key, value)]);
        self.out.end();
    }

    /// The beginning of a slice that is called after its function.
    fn slice_of_function(&mut self, ident: u64, event: &Event, category: &str) {
        self.out.begin("B", ident, event.when);
        self.out.field("cat", Value::Text(category.as_bytes()));
        let (name, place) = self.functions.find(event.other);
        self.out.field("name", Value::Text(name));
        self.out.arguments(&[("function", Value::Text(place))]);
        self.out.end();
    }

    fn wait(&mut self, ident: u64, event: &Event) {
        let Some(what) = event.what else { return };
        let mut holder = [0; NAME];
        let is_held = event.other != 0 && name_of(event.other, &mut holder);
        let holder = up_to_nul(&holder);
        let mut name = Words::empty();
        // It takes whatever it is given.
        let _ = match what.kind {
            None => write!(name, "{}", what.verb.word()),
            Some(Kind::Thread) if is_held => {
                write!(name, "{} {}", what.verb.word(), core::str::from_utf8(holder).unwrap_or("?"))
            }
            Some(kind) => write!(name, "{} {}", what.verb.word(), Object(kind, what.handle)),
        };
        self.head("B", ident, event.when, "wait", Value::Text(name.bytes()));
        if is_held {
            self.out.arguments(&[("holder", Value::Text(holder)), ("ident", Value::Number(event.other))]);
        }
        self.out.end();
    }

    /// What is held has a line for itself, and one for each of its readers.
    fn held(&mut self, ident: u64, event: &Event, what: Option<What>) {
        let Some((what, kind)) = what.and_then(|what| Some((what, what.kind?))) else { return };
        let line = event.object.wrapping_add(event.other << 1);
        let place = line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        if event.point == Point::Acquired {
            if let Some(known) = self.lines.get_mut(place as usize).filter(|known| **known != line) {
                *known = line;
                let mut name = Words::empty();
                let _ = write!(name, "{}", Object(kind, what.handle));
                // Before all else on the line, which is called by its first event.
                self.head("n", ident, self.began, "held", Value::Text(name.bytes()));
                self.line(line);
                self.out.end();
            }
        }
        let mut name = [0; NAME];
        name_of(ident, &mut name);
        let phase = if event.point == Point::Acquired { "b" } else { "e" };
        self.head(phase, ident, event.when, "held", Value::Text(up_to_nul(&name)));
        self.line(line);
        self.out.end();
    }

    /// The line that an event is on, of this process.
    fn line(&mut self, number: u64) {
        self.out.object("id2", "local", Value::Hex(number));
    }

    /// One end of an arrow.
    fn arrow(&mut self, phase: &str, ident: u64, when: u64, category: &str, id: u64) {
        self.head(phase, ident, when, category, Value::Text(category.as_bytes()));
        self.out.field("id", Value::Hex(id));
        if phase == "f" {
            self.out.field("bp", Value::Text(b"e"));
        }
        self.out.end();
    }
}

/// The name of a thread that lives, or has just lived.
fn name_of(ident: u64, buffer: &mut [u8; NAME]) -> bool {
    let left = ring::all().filter(|ring| ring.ident() == ident).find_map(Ring::name);
    if let Some(left) = left {
        *buffer = left;
    }
    left.is_some() || threads::of_ident(ident, buffer).is_ok()
}

fn up_to_nul(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The type of an object, and its name or number; also of one that is no more.
struct Object(Kind, usize);

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Object(kind, number) = *self;
        let mut name = [0; NAME];
        match objects::copy_given(number, &mut name) {
            true => {
                write!(f, "{} \"{}\"", kind.name(), core::str::from_utf8(up_to_nul(&name)).unwrap_or("?"))
            }
            false => write!(f, "{} {number:#x}", kind.name()),
        }
    }
}

/// Room for the name of an event.
struct Words {
    bytes: [u8; 128],
    length: usize,
}

impl Words {
    fn empty() -> Words {
        Words { bytes: [0; 128], length: 0 }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Write for Words {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(to) = self.bytes.get_mut(self.length) {
                *to = byte;
                self.length += 1;
            }
        }
        Ok(())
    }
}
