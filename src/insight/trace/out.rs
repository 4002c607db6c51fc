//! A file of trace events in JSON, a line for each: an array whose end may be missing. What a file takes no more is
//! counted.

use crate::base::errno;
use crate::base::heap;
use crate::base::status::Error;
use crate::sys::{mask, process};
use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// How much is written at once.
const BUFFER: usize = 64 << 10;

/// The descriptor of the trace that is on, or `NONE`, and the file behind it: for a forked child, and since a program may
/// close what is not its own, and have another file there.
static FD: AtomicI32 = AtomicI32::new(NONE);
static FILE: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
const NONE: c_int = -1;

// Relaxed, in all of this: there is one trace, and a fork orders it.

/// Where the system does not tell, nobody knows.
fn has_our_file(fd: c_int) -> Option<bool> {
    let ours = FILE.each_ref().map(|part| part.load(Ordering::Relaxed));
    process::file(fd).ok().map(|file| file == ours)
}

fn close(fd: c_int) {
    errno::keeping(|| {
        if has_our_file(fd) != Some(false) {
            process::close(fd);
        }
    });
}

/// A new descriptor, and the file behind it.
fn open(path: &CStr) -> Result<(c_int, [u64; 2]), c_int> {
    let fd = process::create(path)?;
    process::file(fd).map(|file| (fd, file)).inspect_err(|_| process::close(fd))
}

pub struct Out {
    fd: c_int,
    /// Never grows.
    buffer: Vec<u8>,
    /// How many events are in the buffer, and how many in all.
    buffered: u64,
    pub events: u64,
    /// How many were not written, since the file took no more.
    pub unwritten: u64,
    fails: bool,
    process: u32,
}

/// A value in a line.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Number(u64),
    Hex(u64),
    Text(&'a [u8]),
    /// Words, and a text behind them.
    Named(&'a str, &'a [u8]),
}

impl Out {
    pub fn create(path: &CStr) -> Result<Out, Error> {
        let mut buffer = Vec::new();
        heap::reserve(|| buffer.try_reserve_exact(BUFFER))?;
        let (fd, file) = errno::keeping(|| open(path)).map_err(Error::NoFile)?;
        let mut out =
            Out { fd, buffer, buffered: 0, events: 0, unwritten: 0, fails: false, process: process::id() };
        FILE.iter().zip(file).for_each(|(part, number)| part.store(number, Ordering::Relaxed));
        FD.store(fd, Ordering::Relaxed);
        out.put(b"[\n");
        out.flush();
        if out.fails { Err(Error::TraceCutShort) } else { Ok(out) }
    }

    /// Begins the line of an event of this phase, on this thread, at this time in nanoseconds.
    pub fn begin(&mut self, phase: &str, thread: u64, when: u64) {
        self.put(b"{\"ph\":\"");
        self.put(phase.as_bytes());
        self.put(b"\",\"pid\":");
        self.number(self.process.into());
        self.put(b",\"tid\":");
        self.number(thread);
        self.put(b",\"ts\":");
        self.microseconds(when);
    }

    pub fn field(&mut self, key: &str, value: Value<'_>) {
        self.put(b",");
        self.pair(key, value);
    }

    /// A field that has one of its own.
    pub fn object(&mut self, key: &str, inner: &str, value: Value<'_>) {
        self.put(b",\"");
        self.put(key.as_bytes());
        self.put(b"\":{");
        self.pair(inner, value);
        self.put(b"}");
    }

    /// How long it took.
    pub fn duration(&mut self, nanoseconds: u64) {
        self.put(b",\"dur\":");
        self.microseconds(nanoseconds);
    }

    /// What belongs to the event besides; behind all else.
    pub fn arguments(&mut self, pairs: &[(&str, Value<'_>)]) {
        self.put(b",\"args\":{");
        for (i, (key, value)) in pairs.iter().enumerate() {
            if i > 0 {
                self.put(b",");
            }
            self.pair(key, *value);
        }
        self.put(b"}");
    }

    pub fn end(&mut self) {
        self.put(b"},\n");
        self.events += 1;
        if self.fails {
            self.unwritten += 1;
        } else {
            self.buffered += 1;
        }
    }

    /// Behind the last event, which is the array's end too. Whether all was written.
    pub fn finish(mut self) -> Result<(), Error> {
        let end = self.buffer.len().saturating_sub(2);
        self.buffer.truncate(end);
        self.put(b"\n]\n");
        self.flush();
        if self.fails { Err(Error::TraceCutShort) } else { Ok(()) }
    }

    pub fn flush(&mut self) {
        let write = || mask::without_signals_of_writes(|| process::write_in_time(self.fd, &self.buffer));
        let is_written = || has_our_file(self.fd) == Some(true) && write();
        if !self.fails && !self.buffer.is_empty() && !errno::keeping(is_written) {
            // For good: what came behind a line that is cut off would be no line.
            self.fails = true;
            self.unwritten += self.buffered;
        }
        self.buffer.clear();
        self.buffered = 0;
    }

    fn pair(&mut self, key: &str, value: Value<'_>) {
        self.put(b"\"");
        self.put(key.as_bytes());
        self.put(b"\":");
        match value {
            Value::Number(number) => self.number(number),
            Value::Hex(number) => {
                self.put(b"\"0x");
                self.digits(number, 16, 1);
                self.put(b"\"");
            }
            Value::Text(text) => self.text("", text),
            Value::Named(words, name) => self.text(words, name),
        }
    }

    fn text(&mut self, words: &str, text: &[u8]) {
        self.put(b"\"");
        self.put(words.as_bytes());
        for chunk in text.utf8_chunks() {
            chunk.valid().bytes().for_each(|byte| self.escaped(byte));
            if !chunk.invalid().is_empty() {
                self.put(b"?");
            }
        }
        self.put(b"\"");
    }

    fn escaped(&mut self, byte: u8) {
        match byte {
            b'"' | b'\\' => self.put(&[b'\\', byte]),
            0..0x20 | 0x7f => self.put(b"?"),
            _ => self.put(&[byte]),
        }
    }

    fn number(&mut self, number: u64) {
        self.digits(number, 10, 1);
    }

    fn microseconds(&mut self, nanoseconds: u64) {
        self.number(nanoseconds / 1000);
        self.put(b".");
        self.digits(nanoseconds % 1000, 10, 3);
    }

    #[inline(never)]
    fn digits(&mut self, mut number: u64, base: u64, least: usize) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        while number > 0 || digits.len() - first < least {
            first -= 1;
            if let Some((to, from)) =
                digits.get_mut(first).zip(b"0123456789abcdef".get((number % base) as usize))
            {
                *to = *from;
            }
            number /= base;
        }
        self.put(digits.get(first..).unwrap_or_default());
    }

    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush();
        }
        if !self.fails {
            self.buffer.extend_from_slice(bytes);
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // First: a child that is forked now leaves the descriptor to the parent's memory.
        FD.store(NONE, Ordering::Relaxed);
        close(self.fd);
    }
}

/// In a forked child: the file is the parent's.
pub fn forget() {
    let fd = FD.swap(NONE, Ordering::Relaxed);
    if fd != NONE {
        close(fd);
    }
}
