//! A line that is put together without memory, and cut where it would be too long.

use core::fmt;

pub struct Line {
    bytes: [u8; 512],
    length: usize,
}

impl Line {
    pub const fn empty() -> Line {
        Line { bytes: [0; 512], length: 0 }
    }

    /// What there is.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// What there is, with the end of a line.
    pub fn ended(&mut self) -> &[u8] {
        self.length = self.length.min(self.bytes.len() - 1);
        if let Some(end) = self.bytes.get_mut(self.length) {
            *end = b'\n';
            self.length += 1;
        }
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // A name may have what would end the line, or what a terminal obeys.
            let shown = if character.is_control() { '?' } else { character };
            let room = self.bytes.len() - 1;
            let Some(to) =
                self.bytes.get_mut(self.length..room).and_then(|to| to.get_mut(..shown.len_utf8()))
            else {
                break;
            };
            self.length += shown.encode_utf8(to).len();
        }
        Ok(())
    }
}

/// A text without what is behind so many bytes, cut between characters.
pub fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;

    #[test]
    fn a_line_is_cut_between_characters_and_ends() {
        let mut line = Line::empty();
        (0..300).for_each(|_| line.write_str("\u{e9}\u{e9}\u{e9}").unwrap());
        let ended = line.ended();
        assert!(ended.len() <= 512 && ended.ends_with(b"\xa9\n"));
        assert!(core::str::from_utf8(ended).is_ok());
    }

    #[test]
    fn there_is_one_line() {
        let mut line = Line::empty();
        line.write_str("a\nb\x1b[2J\u{9b}2J").unwrap();
        assert_eq!(line.ended(), b"a?b?[2J?2J\n");
    }
}
