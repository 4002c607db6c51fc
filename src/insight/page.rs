//! Text that goes out a page at a time, without memory of its own.

use core::fmt;

pub struct Page<'a> {
    bytes: [u8; 4096],
    length: usize,
    /// Whether it has taken all of that.
    to: &'a dyn Fn(&[u8]) -> bool,
}

impl Page<'_> {
    pub fn new(to: &dyn Fn(&[u8]) -> bool) -> Page<'_> {
        Page { bytes: [0; 4096], length: 0, to }
    }

    /// What is there goes out.
    pub fn flush(&mut self) -> fmt::Result {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        let taken = (self.to)(text);
        self.length = 0;
        if taken { Ok(()) } else { Err(fmt::Error) }
    }
}

impl fmt::Write for Page<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut text = text.as_bytes();
        while !text.is_empty() {
            if self.length == self.bytes.len() {
                self.flush()?;
            }
            let room = self.bytes.get_mut(self.length..).unwrap_or_default();
            let (now, later) = text.split_at(text.len().min(room.len()));
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            self.length += now.len();
            text = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::RefCell;
    use core::fmt::Write;

    #[test]
    fn all_of_a_long_text_goes_out_in_its_order() {
        let out = RefCell::new(Vec::new());
        let to = |text: &[u8]| {
            out.borrow_mut().extend_from_slice(text);
            true
        };
        let mut page = Page::new(&to);
        let text: String = (0..5000).map(|n| format!("{n} ")).collect();
        page.write_str(&text).unwrap();
        page.write_str("end").unwrap();
        page.flush().unwrap();
        assert_eq!(out.borrow().as_slice(), (text + "end").as_bytes());
    }

    #[test]
    fn who_takes_nothing_ends_it() {
        let mut page = Page::new(&|_| false);
        assert!((0..5000).try_for_each(|n| write!(page, "{n}")).is_err());
    }
}
