//! What a dump and the report of contention tell, as one line of JSON for programs that show it.

use crate::base::deadline::now;
use crate::base::handle::Any;
use crate::base::insight::{CONTENTION, is_on};
use crate::base::record::Record;
use crate::base::waiting::{Verb, Wait, What};
use crate::insight::contention::{self, Count};
use crate::insight::dump::{self, Name, Names, Object};
use crate::insight::page::Page;
use crate::insight::{holder, place, waits};
use crate::sys::process;
use core::fmt::{self, Display, Write};

/// Gives all of it to `to`, until that takes no more.
pub fn write(to: &dyn Fn(&[u8]) -> bool) {
    // Whoever asked is gone if not.
    let _ = tell(&mut Page::new(to));
}

fn tell(page: &mut Page) -> fmt::Result {
    write!(page, "{{\"pid\":{},\"now\":{},\"threads\":[", process::id(), Seconds(now()))?;
    let (mut result, mut between) = (Ok(()), "");
    dump::told(|record| {
        if result.is_ok() {
            result = write!(page, "{between}{}", Thread(record));
            between = ",";
        }
    });
    result?;
    write!(page, "],\"contention\":")?;
    match contention::sorted() {
        Ok(counts) if is_on(CONTENTION) => {
            between = "[";
            for count in &counts {
                write!(page, "{between}{}", Contended(count))?;
                between = ",";
            }
            page.write_str(if counts.is_empty() { "[]" } else { "]" })?;
        }
        _ => page.write_str("null")?,
    }
    page.write_str("}\n")?;
    page.flush()
}

struct Thread(&'static Record);

impl Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Thread(record) = *self;
        let name = Name(record, Names::Told);
        let name = Quoted(&name);
        write!(
            f,
            "{{\"ident\":{},\"native_id\":{},\"name\":{name}",
            record.ident(),
            dump::native_id(record)
        )?;
        write!(f, ",\"interrupt\":{},\"wait\":", record.interrupt.pending())?;
        match waits::of(record) {
            None => f.write_str("null}"),
            Some(wait) => write!(f, "{}}}", Waits(wait)),
        }
    }
}

struct Waits(Wait);

impl Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waits(Wait { what, since, until, .. }) = *self;
        write!(f, "{{\"verb\":{},\"object\":", Quoted(&what.verb.word()))?;
        match what.kind {
            None => f.write_str("null")?,
            Some(_) => write!(f, "{}", Quoted(&Object(what, Names::Told)))?,
        }
        write!(f, ",\"since\":{}", Seconds(since))?;
        match until {
            u64::MAX => f.write_str(",\"until\":null")?,
            until => write!(f, ",\"until\":{}", Seconds(until))?,
        }
        match holder::of(what) {
            None => f.write_str(",\"holder\":null}"),
            Some(ident) => write!(f, ",\"holder\":{ident}}}"),
        }
    }
}

struct Contended<'a>(&'a Count);

impl Display for Contended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0;
        let object = What { verb: Verb::Acquire, kind: count.kind, handle: count.handle };
        write!(f, "{{\"object\":{},\"waits\":{}", Quoted(&Object(object, Names::Told)), count.waits)?;
        write!(f, ",\"freed\":{}", Any::numbered(count.handle).is_none())?;
        write!(f, ",\"waited\":{},\"longest_wait\":{}", Seconds(count.waited), Seconds(count.longest_wait))?;
        write!(f, ",\"longest_hold\":{},\"handovers\":{}", Seconds(count.longest_hold), count.handovers)?;
        match count.place() {
            0 => f.write_str(",\"place\":null}"),
            address => place::with(address, |place| write!(f, ",\"place\":{}}}", Quoted(&place))),
        }
    }
}

/// Nanoseconds, as a number of seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A string of JSON.
struct Quoted<'a>(&'a dyn Display);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write!(Escaping(f), "{}", self.0)?;
        f.write_char('"')
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '"' | '\\' => write!(self.0, "\\{c}"),
            c if c.is_control() => write!(self.0, "\\u{:04x}", u32::from(c)),
            c => self.0.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_says_what_would_end_it_or_be_obeyed() {
        assert_eq!(Quoted(&"a\"b\\c\n\x1b\u{e9}").to_string(), "\"a\\\"b\\\\c\\u000a\\u001b\u{e9}\"");
    }

    #[test]
    fn times_are_whole() {
        assert_eq!(Seconds(1_000_000_001).to_string(), "1.000000001");
    }
}
